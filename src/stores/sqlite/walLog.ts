import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

/** What is in the log beside a database (`<path>-wal`), as its own checksums have it. */
export interface LogState {
  readonly bytes: number;
  /** Frames that SQLite takes in: those up to the last whole transaction before the first bad frame. */
  readonly frames: number;
  /** A transaction that was begun after the bad frame was written is there: no torn tail looks like that. */
  readonly isDamaged: boolean;
}

const noLog: LogState = { bytes: 0, frames: 0, isDamaged: false };

const headerBytes = 32;
const frameHeaderBytes = 24;
/** Magic number; its last bit says in which byte order pages are summed. */
const magic = 0x37_7f_06_82;
/** Read at once. */
const chunkBytes = 4 * 1024 * 1024;

/**
 * Reads a log as SQLite does when it recovers, and on beyond the point where SQLite stops.
 *
 * SQLite takes the first bad frame for the end of the log, as after a power cut. But when each transaction is
 * flushed before the next one begins, only the last can be torn. So if behind a bad frame a transaction ends and
 * another frame follows which continues it, the bad frame was whole once, and acknowledged commits would vanish.
 *
 * SQLite takes no lock on this file, so it may be opened and closed while a connection has it open.
 *
 * @see https://sqlite.org/fileformat2.html#the_write_ahead_log
 */
export function readLog(path: string): LogState {
  let file: number;
  try {
    file = openSync(`${path}-wal`, 'r');
  } catch {
    return noLog;
  }
  try {
    const { size } = fstatSync(file);
    if (size <= headerBytes) return { ...noLog, bytes: size };
    const header = Buffer.alloc(headerBytes);
    readSync(file, header, 0, headerBytes, 0);
    const log = new LogReader(header);
    if (log.frameBytes === null) return { bytes: size, frames: 0, isDamaged: true };
    const perChunk = Math.max(1, Math.floor(chunkBytes / log.frameBytes)) * log.frameBytes;
    const chunk = Buffer.alloc(perChunk);
    for (let at = headerBytes; at < size; at += perChunk) {
      const length = readSync(file, chunk, 0, perChunk, at);
      for (let from = 0; from + log.frameBytes <= length; from += log.frameBytes) {
        log.take(chunk.subarray(from, from + log.frameBytes));
      }
    }
    return { bytes: size, ...log.state };
  } finally {
    closeSync(file);
  }
}

/** A pair of running sums. */
type Checksum = readonly [number, number];

class LogReader {
  /** Of a frame with its header; `null` when the log's header does not say. */
  readonly frameBytes: number | null;
  readonly #isLittleEndian: boolean;
  readonly #salts: string;
  /** Sums of the frame before, as they stand in it: what the next one continues. */
  #stored: Checksum;
  #isBroken: boolean;
  #committed = 0;
  #taken = 0;
  /** The frame before ends a transaction. */
  #hasEnded = false;
  #isDamaged = false;

  constructor(header: Buffer) {
    const pageBytes = header.readUInt32BE(8);
    const isPageSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
    const isMagic = (header.readUInt32BE(0) & ~1) === magic;
    this.frameBytes = isPageSize && isMagic ? pageBytes + frameHeaderBytes : null;
    this.#isLittleEndian = (header.readUInt32BE(0) & 1) === 0;
    this.#salts = saltsIn(header, 16);
    const sum = this.#sum([0, 0], header.subarray(0, 24));
    this.#stored = storedIn(header, 24);
    // The header is flushed before the first frame, and is too small to be torn.
    this.#isBroken = !isSame(sum, this.#stored);
    this.#isDamaged = this.#isBroken;
  }

  get state(): Omit<LogState, 'bytes'> {
    return { frames: this.#committed, isDamaged: this.#isDamaged };
  }

  take(frame: Buffer): void {
    this.#taken += 1;
    // A log that was begun anew ends in frames of the one before, which are not worth their sums.
    const isOfThisLog = saltsIn(frame, 8) === this.#salts && frame.readUInt32BE(0) !== 0;
    const stored = storedIn(frame, 16);
    const isSound = isOfThisLog && isSame(this.#sumOf(frame), stored);
    this.#stored = stored;
    const ends = isOfThisLog && frame.readUInt32BE(4) !== 0;
    if (!isSound) this.#isBroken = true;
    else if (!this.#isBroken) this.#committed = ends ? this.#taken : this.#committed;
    else if (this.#hasEnded) this.#isDamaged = true;
    this.#hasEnded = ends && this.#isBroken;
  }

  #sumOf(frame: Buffer): Checksum {
    return this.#sum(this.#sum(this.#stored, frame.subarray(0, 8)), frame.subarray(frameHeaderBytes));
  }

  #sum([first, second]: Checksum, bytes: Buffer): Checksum {
    const words = wordsOf(bytes, this.#isLittleEndian);
    let [left, right] = [first, second];
    for (let at = 0; at < words.length; at += 2) {
      left = (left + words[at]! + right) | 0;
      right = (right + words[at + 1]! + left) | 0;
    }
    return [left, right];
  }
}

const isMachineLittleEndian = endianness() === 'LE';

/**
 * As numbers of the machine's own, which are summed five times as fast as those of a `DataView`: after a crash a store
 * opens once its log was read.
 *
 * @param bytes - At a place and of a length divisible by 4.
 */
function wordsOf(bytes: Buffer, isLittleEndian: boolean): Int32Array {
  const own = isLittleEndian === isMachineLittleEndian ? bytes : Buffer.from(bytes).swap32();
  return new Int32Array(own.buffer, own.byteOffset, own.length / Int32Array.BYTES_PER_ELEMENT);
}

function saltsIn(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, at + 8);
}

function storedIn(bytes: Buffer, at: number): Checksum {
  return [bytes.readInt32BE(at), bytes.readInt32BE(at + 4)];
}

function isSame([left, right]: Checksum, [otherLeft, otherRight]: Checksum): boolean {
  return left === otherLeft && right === otherRight;
}
