import { createHash } from 'node:crypto';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { NonRetryableError } from 'xstate-fleet';
import { describe, expect, it } from 'vitest';
import { auditPackage } from './audit.ts';
import { makeFolder, mitText, type Files } from './fixtures.ts';

const manifest = { name: 'a', version: '1.0.0', license: 'MIT' };

describe('auditPackage', () => {
  it('tells licence, size and content of a package', async () => {
    const audit = await auditOf({ 'package.json': manifest, LICENSE: mitText, 'lib/a.js': 'a' });

    expect(audit).toEqual({
      name: 'a',
      version: '1.0.0',
      licence: 'MIT',
      family: 'permissive',
      licenceFrom: 'manifest',
      remarks: [],
      files: 3,
      bytes: JSON.stringify(manifest).length + mitText.length + 1,
      sha256: expect.stringMatching(/^[\da-f]{64}$/) as string
    });
  });

  it.each(['LICENSE', 'license.md', 'LICENCE', 'COPYING', 'LICENSE-MIT.txt', 'MIT-LICENSE', 'README.md'])(
    'reads the licence from %s when the manifest has none',
    async (file) => {
      const audit = await auditOf({ 'package.json': { name: 'a' }, [file]: mitText });

      expect(audit).toMatchObject({
        licence: 'MIT',
        licenceFrom: 'text',
        version: null,
        remarks: ['declares no licence']
      });
    }
  );

  it('reads the text that the manifest points to', async () => {
    const files = { 'package.json': { name: 'a', license: 'SEE LICENSE IN terms' }, terms: mitText };
    expect(await auditOf(files)).toMatchObject({ licence: 'MIT', licenceFrom: 'text' });
  });

  it('remarks a text that is not what the manifest declares', async () => {
    const audit = await auditOf({ 'package.json': { ...manifest, license: 'GPL-3.0' }, LICENSE: mitText });

    expect(audit.family).toBe('strong copyleft');
    expect(audit.remarks).toEqual(['declares GPL-3.0-only, its text is MIT']);
  });

  it.each<[reason: string, files: Files]>([
    ['package.json cannot be read: ENOENT', { LICENSE: mitText }],
    ['package.json cannot be read: EISDIR', { 'package.json/a': '' }],
    ['package.json is not JSON', { 'package.json': '{' }],
    ['package.json holds no object', { 'package.json': ['a'] }],
    ['package.json has no name', { 'package.json': { type: 'module' }, LICENSE: mitText }],
    [
      'no licence: package.json declares none and there is no licence text',
      { 'package.json': { name: 'a' } }
    ],
    [
      'no licence: package.json declares none and LICENSE is no known text',
      { 'package.json': { name: 'a' }, LICENSE: 'Ask us.' }
    ],
    ['no licence text: package.json declares MIT', { 'package.json': manifest, 'README.md': 'MIT' }]
  ])('fails for good with "%s"', async (reason, files) => {
    const audit = auditOf(files);

    await expect(audit).rejects.toThrow(NonRetryableError);
    await expect(audit).rejects.toThrow(reason);
  });

  it('leaves packages out that are installed in the package, but not those that it ships', async () => {
    const audit = await auditOf({
      'package.json': manifest,
      LICENSE: mitText,
      'node_modules/b/index.js': 'b',
      'vendor/node_modules/c/index.js': 'c'
    });
    expect(audit.files).toBe(3);
  });

  it('gives the same content the same hash, wherever it lies', async () => {
    const files = { 'package.json': manifest, LICENSE: mitText, 'a.js': 'a', 'b.js': 'b' };
    const { sha256 } = await auditOf(files);

    expect((await auditOf(files)).sha256).toBe(sha256);
    expect((await auditOf({ ...files, 'b.js': 'c' })).sha256).not.toBe(sha256);
    // The same bytes, cut elsewhere.
    expect((await auditOf({ ...files, 'a.js': 'ab', 'b.js': '' })).sha256).not.toBe(sha256);
  });

  it('hashes paths and contents in order', async () => {
    await using folder = await makeFolder({
      'package.json': '{"name":"a","license":"MIT"}',
      LICENSE: mitText
    });
    const { sha256 } = await audit(folder.path);

    const expected = createHash('sha256')
      .update(`\0LICENSE\0${mitText}`)
      .update('\0package.json\0{"name":"a","license":"MIT"}')
      .digest('hex');
    expect(sha256).toBe(expected);
  });

  it('follows no link out of the package, or round in it', async () => {
    await using folder = await makeFolder({ 'package.json': manifest, LICENSE: mitText });
    await mkdir(join(folder.path, 'lib'));
    await symlink('..', join(folder.path, 'lib', 'self'));

    expect((await audit(folder.path)).files).toBe(3);
  });

  it('stops reading when it is aborted', async () => {
    await using folder = await makeFolder({ 'package.json': manifest, LICENSE: mitText });
    const aborted = AbortSignal.abort();

    await expect(auditPackage({ path: folder.path }, { signal: aborted })).rejects.toThrow(/abort/i);
  });
});

async function auditOf(files: Files) {
  await using folder = await makeFolder(files);
  return await audit(folder.path);
}

function audit(path: string) {
  return auditPackage({ path }, { signal: new AbortController().signal });
}
