import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'xstate-fleet-')));
let paths = 0;

afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A path in a directory of its own, which is removed after the tests of the file. */
export function temporaryPath(name = 'fleet.db'): string {
  paths += 1;
  const directory = join(root, String(paths));
  mkdirSync(directory);
  return join(directory, name);
}
