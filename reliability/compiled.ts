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
  statSync,
  writeFileSync
} from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['machines', 'src', 'reliability', 'test'];
const cache = join(root, 'node_modules/.cache/xstate-fleet');
let compiledTo: string | undefined;

/**
 * The library, its harnesses and its tests, compiled once for each state of the sources. A process starts from them in
 * a quarter of the time that the sources take, and harnesses and tests start many.
 *
 * @returns Path of the folder, laid out like the sources: `src/cli.js` is the command line.
 */
export function compiledFolder(): string {
  return (compiledTo ??= compiled());
}

/**
 * What a process is to be started from.
 *
 * @param source - A module of the library, a harness or a test.
 * @returns Path of the same module in {@link compiledFolder}.
 */
export function compiledModule(source: URL): string {
  return join(compiledFolder(), relative(root, fileURLToPath(source)).replace(/\.ts$/, '.js'));
}

function compiled(): string {
  const folder = join(cache, digestOfSources());
  if (!existsSync(folder)) compile(folder);
  return folder;
}

function digestOfSources(): string {
  const hash = createHash('sha256');
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (name.endsWith('.ts')) hash.update(`${name}\0`).update(readFileSync(join(root, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function compile(folder: string): void {
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'draft-'));
  const project = join(draft, 'tsconfig.json');
  writeFileSync(
    project,
    JSON.stringify({
      extends: join(root, 'tsconfig.build.json'),
      compilerOptions: {
        rootDir: root,
        outDir: draft,
        declaration: false,
        declarationMap: false,
        emitDeclarationOnly: false,
        rewriteRelativeImportExtensions: true,
        // Whether the types are right is not for these tests to say, and is most of the work.
        noCheck: true,
        noEmitOnError: false
      },
      include: folders.map((name) => join(root, name))
    })
  );
  spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project]);
  copyFileSync(join(root, 'package.json'), join(draft, 'package.json'));
  try {
    renameSync(draft, folder);
  } catch {
    // Another process was faster.
    rmSync(draft, { recursive: true });
  }
  removeOld();
}

/** Of states of the sources that are past; another run may still use a fresh one. */
function removeOld(): void {
  const hourAgo = Date.now() - 3_600_000;
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? hourAgo) < hourAgo) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
