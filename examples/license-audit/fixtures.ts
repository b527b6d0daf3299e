import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Files by their paths: text as it is, anything else as JSON. */
export type Files = Readonly<Record<string, unknown>>;

export const mitText =
  'Permission is hereby granted, free of charge, to any person obtaining a copy of this software. ' +
  'The above copyright notice and this permission notice shall be included in all copies.';

/** A folder of its own for a test. */
export async function makeFolder(files: Files): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'license-audit-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
