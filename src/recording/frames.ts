import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';
import { openRecording } from './openRecording.ts';
import { RecordingError } from './recordingError.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

export interface Frame {
  readonly text: string;
  /** Where it begins, bytes. */
  readonly position: number;
}

/** What {@link readFrames} found at the end. */
export interface FramesEnd {
  /** The file holds a part of a frame: whoever wrote it was killed, or the disk was full. */
  readonly isTorn: boolean;
  /** Where the last whole frame ends, bytes. */
  readonly soundBytes: number;
}

const version = 1;
const magic = Buffer.from('fleetlog');
const headerBytes = 16;
const frameHeaderBytes = 12;

/** Characters of a text. Longer ones are not written; one that inflates to more is damage, and no reason to take the memory. */
export const maxFrameLength = 16 * 1024 * 1024;
const maxTextBytes = 3 * maxFrameLength;
/** What cannot be deflated grows, by less than this. */
const maxFrameBytes = maxTextBytes + 64 * 1024;

/** What every recording begins with: magic, version, checksum. */
export function fileHeader(): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32LE(version, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/**
 * Text as a frame: length, checksum of the content, checksum of these two, content (deflated).
 *
 * The header has a checksum of its own so that a cut and a flipped bit are told apart: a length is believed, or not.
 */
export async function encodeFrame(text: string): Promise<Buffer> {
  return frameOf(await deflate(text, { level: 3 }));
}

/** The same of what is deflated. */
export function frameOf(content: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + content.length);
  frame.writeUInt32LE(content.length, 0);
  frame.writeUInt32LE(crc32(content), 4);
  frame.writeUInt32LE(crc32(frame.subarray(0, 8)), 8);
  content.copy(frame, frameHeaderBytes);
  return frame;
}

/**
 * The texts of a recording's frames, in memory one at a time.
 *
 * @throws {RecordingError} when it cannot be opened, is no recording, of a newer version, has no whole header, or is damaged.
 */
export async function* readFrames(path: string): AsyncGenerator<Frame, FramesEnd, undefined> {
  const file = await openRecording(path, 'read');
  try {
    let soundBytes = await readFileHeader(path, file);
    for (;;) {
      const header = await readAt(file, soundBytes, frameHeaderBytes);
      if (header.length < frameHeaderBytes) return { isTorn: header.length > 0, soundBytes };
      const length = header.readUInt32LE(0);
      if (crc32(header.subarray(0, 8)) !== header.readUInt32LE(8) || length > maxFrameBytes) {
        throw damage(path, soundBytes);
      }
      const content = await readAt(file, soundBytes + frameHeaderBytes, length);
      if (content.length < length) return { isTorn: true, soundBytes };
      if (crc32(content) !== header.readUInt32LE(4)) throw damage(path, soundBytes);
      yield { text: await textOf(content, path, soundBytes), position: soundBytes };
      soundBytes += frameHeaderBytes + length;
    }
  } finally {
    await file.close();
  }
}

/** Ends a reading that was left, so that its file is closed. What has ended is not changed. */
export async function closeFrames(frames: AsyncGenerator<Frame, FramesEnd, undefined>): Promise<void> {
  await frames.return({ isTorn: false, soundBytes: 0 });
}

/** Bytes from `position` on are not what was written there. */
export function damage(path: string, position: number, options?: ErrorOptions): RecordingError {
  return new RecordingError(
    'ERR_RECORDING_DAMAGED',
    path,
    `is damaged at byte ${position}; restore a copy, or keep what is before it: truncate -s ${position} ${path}`,
    options
  );
}

async function textOf(content: Buffer, path: string, position: number): Promise<string> {
  let text: string;
  try {
    text = (await inflate(content, { maxOutputLength: maxTextBytes })).toString('utf8');
  } catch (error) {
    throw damage(path, position, { cause: error });
  }
  if (text.length > maxFrameLength) throw damage(path, position);
  return text;
}

async function readFileHeader(path: string, file: FileHandle): Promise<number> {
  const header = await readAt(file, 0, headerBytes);
  if (!magic.subarray(0, header.length).equals(header.subarray(0, magic.length))) {
    throw new RecordingError(
      'ERR_RECORDING_FOREIGN',
      path,
      'is another kind of file; it was left untouched, name another path'
    );
  }
  if (header.length < headerBytes) {
    throw new RecordingError(
      'ERR_RECORDING_EMPTY',
      path,
      'holds nothing: its process ended before anything was written; record again'
    );
  }
  if (crc32(header.subarray(0, 12)) !== header.readUInt32LE(12)) throw damage(path, 0);
  const found = header.readUInt32LE(8);
  if (found > version) {
    throw new RecordingError(
      'ERR_RECORDING_VERSION',
      path,
      `has version ${found}, this xstate-fleet reads ${version}; read it with the version that wrote it`
    );
  }
  return headerBytes;
}

/** Bytes at a place of the file; fewer at its end. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  // A length that no file of this size has is not allocated.
  const { size } = await file.stat();
  const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - position)));
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
