import { constants } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { UsageError } from './failure.ts';

/**
 * Looks, before hours of work, whether results can be written to a file.
 *
 * @param inputs - Files that the run reads: none of them is overwritten.
 * @throws {UsageError}
 */
export async function assertResultFile(path: string, inputs: readonly string[]): Promise<void> {
  if (inputs.some((input) => resolve(input) === resolve(path))) {
    throw new UsageError(`--out ${path} is read by this run; name another file`);
  }
  const existing = await stat(path).catch(() => null);
  if (existing?.isDirectory()) throw new UsageError(`--out ${path} is a directory; name a file`);
  try {
    await access(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw new UsageError(`--out ${path} cannot be written: ${(error as Error).message}`);
  }
}

/** Writes a file that is there whole or not at all. @param parts - Its text. */
export async function writeResultFile(path: string, parts: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      for await (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
