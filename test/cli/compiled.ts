import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
let program: string | undefined;
const cache = join(root, 'node_modules/.cache/xstate-fleet-cli');

/**
 * The command line as it is shipped: compiled, once for each state of the sources. It starts in a third of the
 * time that the sources take, and the tests start it often.
 *
 * @returns Path of the program.
 */
export function compiledCli(): string {
  return (program ??= compiled());
}

function compiled(): string {
  const folder = join(cache, digestOfSources());
  if (!existsSync(folder)) compile(folder);
  return join(folder, 'src/cli.js');
}

function digestOfSources(): string {
  const hash = createHash('sha256');
  for (const folder of ['machines', 'src']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (name.endsWith('.ts')) hash.update(`${name}\0`).update(readFileSync(join(root, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function compile(folder: string): void {
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'draft-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  // Whether the types are right is not for these tests to say.
  const options = [
    '--outDir',
    draft,
    '--declaration',
    'false',
    '--declarationMap',
    'false',
    '--noEmitOnError',
    'false'
  ];
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...options], { cwd: root });
  copyFileSync(join(root, 'package.json'), join(draft, 'package.json'));
  try {
    renameSync(draft, folder);
  } catch {
    // Another test file was faster.
    rmSync(draft, { recursive: true });
  }
  removeOld();
}

/** Of states of the sources that are past; another run of the tests may still use a fresh one. */
function removeOld(): void {
  const hourAgo = Date.now() - 3_600_000;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? hourAgo) < hourAgo) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
