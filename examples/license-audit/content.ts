import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** What lies in a package's folder, without the packages that are installed in it. */
export interface Content {
  readonly files: number;
  readonly bytes: number;
  /** Hex, over paths and contents, in order of the paths: the same on every machine. */
  readonly sha256: string;
}

/**
 * Reads all files of a package, a piece at a time.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function measureContent(path: string, signal: AbortSignal): Promise<Content> {
  const hash = createHash('sha256');
  let files = 0;
  let bytes = 0;
  for await (const file of ownFiles(path, '')) {
    signal.throwIfAborted();
    files += 1;
    hash.update(`\0${file.path}\0`);
    if (file.isLink) {
      // Where it points to, not what is there: that may be outside the package, or the package itself.
      hash.update(await readlink(join(path, file.path)));
      continue;
    }
    for await (const chunk of createReadStream(join(path, file.path), { signal })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  }
  return { files, bytes, sha256: hash.digest('hex') };
}

/** Sorted by names, folder by folder. */
async function* ownFiles(
  root: string,
  folder: string
): AsyncGenerator<{ readonly path: string; readonly isLink: boolean }, void, undefined> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory()) yield { path, isLink: entry.isSymbolicLink() };
    else if (path !== 'node_modules') yield* ownFiles(root, path);
  }
}
