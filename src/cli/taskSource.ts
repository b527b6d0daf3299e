import { open, mkdtemp, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { UsageError } from './failure.ts';

const chunkBytes = 256 * 1024;
const maxNameBytes = 200;

/** The bytes of an input, which can be read more than once. */
export interface TaskSource extends AsyncDisposable {
  /** What messages call it. */
  readonly label: string;
  /** Its file name without extension; may be part of an id and of a file name. */
  readonly name: string;
  /** All of it, from the beginning. */
  bytes(): AsyncIterable<Buffer>;
}

/**
 * Opens a file of tasks. What can be read only once, a pipe or standard input (`-`), is copied to a temporary
 * file first, which is gone when the source is disposed of.
 *
 * @throws {UsageError}
 */
export async function openTaskSource(path: string): Promise<TaskSource> {
  if (path === '-') return sourceOf(await spool(process.stdin), 'standard input', 'stdin');
  const file = await openInput(path);
  const stat = await file.stat();
  if (stat.isFile()) return sourceOf({ file, remove: () => Promise.resolve() }, path, nameOf(path));
  if (stat.isDirectory()) {
    await file.close();
    throw new UsageError(`${path} is a directory; pass a file with one JSON object a line`);
  }
  const spooled = await spool(chunksOf(file, null));
  await file.close();
  return sourceOf(spooled, path, nameOf(path));
}

interface Spool {
  readonly file: FileHandle;
  readonly remove: () => Promise<void>;
}

function sourceOf({ file, remove }: Spool, label: string, name: string): TaskSource {
  return {
    label,
    name,
    bytes: () => chunksOf(file, 0),
    async [Symbol.asyncDispose]() {
      await file.close();
      await remove();
    }
  };
}

/** @param from - Position of the first byte; `null`: where the file stands, for what has no positions. */
async function* chunksOf(file: FileHandle, from: number | null): AsyncGenerator<Buffer, void, undefined> {
  for (let position = from; ;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    if (position !== null) position += bytesRead;
  }
}

async function openInput(path: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read: ${message}`);
  }
}

/** Copies a stream to a file that is nameless where the system allows it: then even a crash leaves nothing. */
async function spool(bytes: AsyncIterable<Buffer | string>): Promise<Spool> {
  const folder = await mkdtemp(join(tmpdir(), 'xstate-fleet-input-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const file = await open(join(folder, 'input.jsonl'), 'wx+', 0o600);
  // Windows may refuse while the file is open; it is removed in the end then.
  await remove().catch(() => {});
  for await (const chunk of bytes) await file.writeFile(chunk);
  return { file, remove };
}

/** Free of what an id may not have, and short enough to be part of one. */
function nameOf(path: string): string {
  const name = basename(path, extname(path)).replaceAll(/[\p{Cc}\p{Cs}]/gu, '_');
  // The cut may go through a character, which then decodes to a replacement.
  const short = Buffer.from(name)
    .subarray(0, maxNameBytes)
    .toString()
    .replace(/\uFFFD$/, '');
  return short.trim() === '' ? 'tasks' : short;
}
