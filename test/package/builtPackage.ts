import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type OutputChunk } from 'rolldown';
import configs from '../../rolldown.config.ts';
import { pageFiles } from '../../src/dashboard/pageAssets.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The package as it is published, without its declarations: a folder in which its name means it. */
export interface BuiltPackage {
  readonly folder: string;
  /** Every file that was made of the sources, by its name in `dist`. */
  readonly files: ReadonlyMap<string, OutputChunk>;
}

/** Makes the package from the sources as they are now, below `node_modules`, where its dependencies are found. */
export async function buildPackage(): Promise<BuiltPackage> {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'package-'));
  const dist = join(folder, 'dist');
  const files = new Map<string, OutputChunk>();
  for (const { output: settings, ...input } of configs) {
    const { output } = await build({ ...input, cwd: root, output: { ...settings, dir: dist } });
    for (const file of output) if (file.type === 'chunk') files.set(file.fileName, file);
  }
  mkdirSync(join(dist, 'page'));
  for (const name of Object.values(pageFiles)) {
    copyFileSync(join(root, 'dist/page', name), join(dist, 'page', name));
  }
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  return { folder, files };
}

/** Removes what {@link buildPackage} has made. */
export function removePackage({ folder }: BuiltPackage): void {
  rmSync(folder, { recursive: true, force: true });
}

/** What is loaded with a file of the package at once: files of `dist` by name, and libraries. */
export function loadedWith(
  { files }: BuiltPackage,
  name: string
): { files: Set<string>; libraries: string[] } {
  const loaded = new Set([name]);
  const others = new Set<string>();
  for (const file of loaded) {
    for (const next of files.get(file)!.imports) (files.has(next) ? loaded : others).add(next);
  }
  return { files: loaded, libraries: [...others].filter((other) => !other.startsWith('node:')).sort() };
}
