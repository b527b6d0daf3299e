import { createHash } from 'node:crypto';
import { readdir, readFile, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** A package that is installed somewhere under a project. */
export interface InstalledPackage {
  /** Folder of the package, from the root of the project, with `/`: unique. */
  readonly path: string;
  /** As its manifest says; `?` where that cannot be read. */
  readonly name: string;
  readonly version: string;
}

/**
 * Finds every package under `<root>/node_modules`: each folder there, or in a scope there, that has a
 * `package.json`, and the packages in its own `node_modules`. A link is followed to where the package really
 * lies, and each real folder is taken once.
 *
 * @returns In order of their paths. Empty when nothing is installed.
 */
export async function findPackages(root: string): Promise<InstalledPackage[]> {
  const realRoot = await realpath(root);
  const visited = new Set<string>();
  const packages: InstalledPackage[] = [];

  /** @param folder - A `node_modules`, or a scope in one. */
  const visitFolder = async (folder: string): Promise<void> => {
    const real = await realpath(folder).catch(() => null);
    if (real === null || visited.has(real)) return;
    visited.add(real);
    for (const entry of await readdir(real, { withFileTypes: true })) {
      // `.bin`, `.cache` and the like are no packages.
      if (entry.name.startsWith('.')) continue;
      const path = join(real, entry.name);
      if (entry.name.startsWith('@')) await visitFolder(path);
      else if (entry.isDirectory() || entry.isSymbolicLink()) await visitPackage(path);
    }
  };

  const visitPackage = async (path: string): Promise<void> => {
    const real = await realpath(path).catch(() => null);
    if (real === null || visited.has(real)) return;
    visited.add(real);
    const entries = await readdir(real).catch((): string[] => []);
    if (entries.includes('package.json')) {
      packages.push({ path: relative(realRoot, real).split(sep).join('/'), ...(await readIdentity(real)) });
    }
    if (entries.includes('node_modules')) await visitFolder(join(real, 'node_modules'));
    // pnpm links a package from a folder where its dependencies lie beside it.
    const home = real.lastIndexOf(`${sep}node_modules${sep}`);
    if (real !== path && home >= 0) await visitFolder(real.slice(0, home + `${sep}node_modules`.length));
  };

  await visitFolder(join(realRoot, 'node_modules'));
  return packages.sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** Names a list of packages: the same tree gives the same id. */
export function treeIdOf(packages: readonly InstalledPackage[]): string {
  const hash = createHash('sha256');
  for (const { name, version, path } of packages) hash.update(`${name}@${version}:${path}\n`);
  return hash.digest('hex').slice(0, 16);
}

async function readIdentity(folder: string): Promise<Pick<InstalledPackage, 'name' | 'version'>> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const { name, version } = manifest;
    return {
      name: typeof name === 'string' ? name : '?',
      version: typeof version === 'string' ? version : '?'
    };
  } catch {
    // The audit itself reports what is wrong with it.
    return { name: '?', version: '?' };
  }
}
