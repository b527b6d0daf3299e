import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from './fixtures.ts';
import { findPackages, treeIdOf } from './packages.ts';

describe('findPackages', () => {
  it('finds packages, those in scopes and those in packages, in order', async () => {
    await using project = await makeFolder({
      'node_modules/b/package.json': { name: 'b', version: '1.0.0' },
      'node_modules/@s/a/package.json': { name: '@s/a', version: '2.0.0' },
      'node_modules/b/node_modules/c/package.json': { name: 'c', version: '3.0.0' }
    });

    expect(await findPackages(project.path)).toEqual([
      { path: 'node_modules/@s/a', name: '@s/a', version: '2.0.0' },
      { path: 'node_modules/b', name: 'b', version: '1.0.0' },
      { path: 'node_modules/b/node_modules/c', name: 'c', version: '3.0.0' }
    ]);
  });

  it('takes neither hidden folders, nor folders without a manifest, nor manifests inside a package', async () => {
    await using project = await makeFolder({
      'node_modules/.cache/package.json': { name: 'cache' },
      'node_modules/empty/index.js': '',
      'node_modules/a/package.json': { name: 'a', version: '1.0.0' },
      'node_modules/a/esm/package.json': { type: 'module' }
    });
    expect(await pathsIn(project.path)).toEqual(['node_modules/a']);
  });

  it('keeps a package whose manifest cannot be read: that is for the audit to tell', async () => {
    await using project = await makeFolder({ 'node_modules/a/package.json': '{' });
    expect(await findPackages(project.path)).toEqual([{ path: 'node_modules/a', name: '?', version: '?' }]);
  });

  it('takes a package once, however many links lead to it', async () => {
    await using project = await makeFolder({ 'node_modules/a/package.json': { name: 'a' } });
    const modules = join(project.path, 'node_modules');
    await symlink('a', join(modules, 'b'));
    await symlink('nowhere', join(modules, 'broken'));
    await mkdir(join(modules, 'a', 'node_modules'));
    await symlink('../../a', join(modules, 'a', 'node_modules', 'self'));

    expect(await pathsIn(project.path)).toEqual(['node_modules/a']);
  });

  it('finds what lies beside a linked package, as pnpm lays it out', async () => {
    await using project = await makeFolder({
      'node_modules/.pnpm/@s+a@1/node_modules/@s/a/package.json': { name: '@s/a' },
      'node_modules/.pnpm/@s+a@1/node_modules/b/package.json': { name: 'b' }
    });
    await mkdir(join(project.path, 'node_modules', '@s'));
    await symlink('../.pnpm/@s+a@1/node_modules/@s/a', join(project.path, 'node_modules', '@s', 'a'));

    expect(await pathsIn(project.path)).toEqual([
      'node_modules/.pnpm/@s+a@1/node_modules/@s/a',
      'node_modules/.pnpm/@s+a@1/node_modules/b'
    ]);
  });

  it('finds nothing where nothing is installed', async () => {
    await using project = await makeFolder({});
    expect(await findPackages(project.path)).toEqual([]);
  });
});

describe('treeIdOf', () => {
  const a = { path: 'node_modules/a', name: 'a', version: '1.0.0' };

  it('is the same for the same tree, and another for any other', () => {
    expect(treeIdOf([a])).toBe(treeIdOf([{ ...a }]));
    for (const other of [[], [a, a], [{ ...a, version: '1.0.1' }], [{ ...a, path: 'node_modules/b' }]]) {
      expect(treeIdOf(other)).not.toBe(treeIdOf([a]));
    }
  });
});

async function pathsIn(root: string): Promise<string[]> {
  return (await findPackages(root)).map(({ path }) => path);
}
