import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compiledFolder } from '../compiled.ts';

const program = 'reliability/chaos/process/contender.js';

/** Lets a second process try to open a store. @returns What it was told. */
export async function contendFor(storePath: string): Promise<string> {
  const args = [join(compiledFolder(), program), storePath];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  return stdout;
}
