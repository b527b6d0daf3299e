import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let root: string | null = null;
let paths = 0;

/** A path in a directory of its own, which is removed after the tests of the file. */
export function temporaryPath(name = 'fleet.db'): string {
  root ??= realpathSync(mkdtempSync(join(tmpdir(), 'xstate-fleet-')));
  paths += 1;
  const directory = join(root, String(paths));
  mkdirSync(directory);
  return join(directory, name);
}

/** Removes all of them. */
export function removePaths(): void {
  if (root !== null) rmSync(root, { recursive: true, force: true });
  root = null;
}
