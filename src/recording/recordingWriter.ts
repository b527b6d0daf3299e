import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import {
  closeFrames,
  damage,
  encodeFrame,
  fileHeader,
  maxFrameLength,
  readFrames,
  type Frame
} from './frames.ts';
import type { Line } from './lines.ts';
import { openRecording } from './openRecording.ts';
import { RecordingError } from './recordingError.ts';

/** Characters that make a frame without waiting. */
const frameLength = 512 * 1024;
/** Characters that may wait for a slow disk, beyond which the recording ends: they become one frame. */
const maxPending = maxFrameLength;
/** How long a line may wait to be written, ms. */
const flushMs = 1_000;

export interface RecordingWriterOptions {
  readonly path: string;
  /** Name of the fleet: a file goes on only with the same one. */
  readonly fleet: string;
  readonly clock: Clock;
  /** Told once why nothing more is written. */
  readonly onStopped: (error: RecordingError) => void;
}

/**
 * Appends lines to a recording, in the background and in frames.
 *
 * {@link RecordingWriter.write} never waits and never throws: what the disk does not take in time ends the recording,
 * not the fleet.
 */
export class RecordingWriter {
  readonly #options: RecordingWriterOptions;
  #file: FileHandle | null = null;
  /** Where the next frame goes. */
  #position = 0;
  #lines: string[] = [];
  #length = 0;
  #alarm: Disposable | null = null;
  #writing: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: RecordingWriterOptions) {
    this.#options = options;
  }

  /**
   * Makes the file, or goes on with one of the same fleet: a part of a frame at its end is cut off.
   *
   * @throws {RecordingError} when it cannot be opened, or there is another file, which is left as it is.
   * @throws errors of the disk.
   */
  async open(): Promise<void> {
    const { path, fleet, clock } = this.#options;
    const file = await openRecording(path, 'append');
    try {
      this.#position = await soundEnd(path, file, fleet);
      await file.truncate(this.#position);
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    this.#isStopped = false;
    if (this.#position === 0) await this.#append(fileHeader());
    this.write(['session', fleet, clock.now()]);
    await this.#flush();
  }

  write(line: Line): void {
    if (this.#isStopped) return;
    const text = JSON.stringify(line);
    this.#lines.push(text);
    this.#length += text.length + 1;
    if (this.#length > maxPending) {
      this.#stop('ended: the disk is slower than the fleet; record to a faster one, or free this one');
    } else if (this.#length >= frameLength) void this.#flush();
    else this.#alarm ??= this.#options.clock.setAlarm(() => void this.#flush(), flushMs);
  }

  /** Resolves when all that was written is in the file, and closes it. Never throws. */
  async close(): Promise<void> {
    this.write(['stop', this.#options.clock.now()]);
    await this.#flush();
    this.#isStopped = true;
    this.#clearAlarm();
    const file = this.#file;
    this.#file = null;
    // Everything is written: what closing may still say is nobody's business.
    await file?.close().catch(() => {});
  }

  #flush(): Promise<void> {
    this.#clearAlarm();
    if (this.#lines.length === 0) return this.#writing ?? Promise.resolve();
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#lines.length > 0 && !this.#isStopped) {
        const text = this.#lines.join('\n');
        this.#lines = [];
        this.#length = 0;
        await this.#append(await encodeFrame(text));
      }
    } catch (error) {
      this.#stop(
        'ended: it could not be written; free the disk, then restart the fleet to go on with it',
        error
      );
    } finally {
      // Here and not when the promise has settled: a line that comes in between would wait for ever.
      this.#writing = null;
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    const file = this.#file!;
    const { size } = await file.stat();
    if (size !== this.#position) throw new Error('somebody else writes to the file');
    await file.appendFile(bytes);
    this.#position += bytes.length;
  }

  #stop(reason: string, cause?: unknown): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#lines = [];
    this.#clearAlarm();
    const { path, onStopped } = this.#options;
    const because = cause instanceof Error ? ` (${cause.message})` : '';
    onStopped(new RecordingError('ERR_RECORDING_STOPPED', path, `${reason}${because}`, { cause }));
  }

  #clearAlarm(): void {
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
  }
}

/** Where the whole frames of a file end; 0: it has none, and no header. Compares every byte with its checksum. */
async function soundEnd(path: string, file: FileHandle, fleet: string): Promise<number> {
  if ((await file.stat()).size === 0) return 0;
  const frames = readFrames(path);
  try {
    for (;;) {
      const { value, done } = await frames.next();
      if (done) return value.soundBytes;
      assertFleet(path, value, fleet);
    }
  } catch (error) {
    // Its process was killed while it made the file.
    if (error instanceof RecordingError && error.code === 'ERR_RECORDING_EMPTY') return 0;
    throw error;
  } finally {
    await closeFrames(frames);
  }
}

function assertFleet(path: string, { text, position }: Frame, fleet: string): void {
  if (!text.startsWith('["session"')) return;
  const recorded = recordedFleet(path, text, position);
  if (recorded === fleet) return;
  throw new RecordingError(
    'ERR_RECORDING_FLEET',
    path,
    `is of the fleet ${JSON.stringify(recorded)}, this one is ${JSON.stringify(fleet)}; name another path`
  );
}

function recordedFleet(path: string, text: string, position: number): unknown {
  try {
    return (JSON.parse(text.split('\n', 1)[0]!) as unknown[])[1];
  } catch (error) {
    throw damage(path, position, { cause: error });
  }
}
