import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RecordingError } from './recordingError.ts';

/**
 * Opens the file of a recording: to read it, or to add to it, in a folder that is made where there is none.
 *
 * @throws {RecordingError} when there is none to read, or what is there is no file that this process may open so.
 */
export async function openRecording(path: string, use: 'read' | 'append'): Promise<FileHandle> {
  let file: FileHandle;
  try {
    if (use === 'append') await mkdir(dirname(path), { recursive: true });
    // As SQLite makes its files.
    file = await open(path, use === 'append' ? 'a+' : 'r', 0o644);
  } catch (error) {
    throw new RecordingError(
      'ERR_RECORDING_IO',
      path,
      `cannot be opened (${(error as Error).message}); ${remedyOf[use]}`,
      { cause: error }
    );
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new RecordingError('ERR_RECORDING_IO', path, `is no file; ${remedyOf[use]}`);
}

const remedyOf = {
  read: 'name a recording that this process may read',
  append: 'name a file in a folder that this process may write to'
};
