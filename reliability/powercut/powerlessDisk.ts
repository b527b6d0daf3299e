import { directory, type DiskOperation } from '../disk/diskLog.ts';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';

/** What a disk writes whole or not at all, bytes. */
const sectorSize = 512;

/** What is found after a power cut: the files by their names. */
export type DiskImage = ReadonlyMap<string, Uint8Array>;

/** What a cut does to a write that was not flushed. */
type Fate = 'kept' | 'dropped' | 'torn';

type FileChange = Extract<DiskOperation, { op: 'write' | 'truncate' }>;
type NameChange = Extract<DiskOperation, { op: 'create' | 'unlink' }>;

/** A file: what is surely on the disk, and what has been done since. */
interface FileState {
  readonly durable: FileContent;
  pending: FileChange[];
}

/**
 * A disk that loses its power, after any number of operations.
 *
 * What a sync of a file or of the directory has completed is there. Of what came later:
 *
 * - Each write is kept, dropped or torn, whatever became of the ones before and after it: a kept write after a
 *   dropped one is a reordered one. A torn one keeps any of its sectors.
 * - A hole that a dropped write leaves before a kept one reads as zeros: a journaling file system in ordered mode
 *   writes data before the size that uncovers it, and never shows what another file left there.
 * - Truncations are metadata, and the journal keeps their order: some first ones of a file's are kept. What is
 *   written beyond a truncation that is lost goes to blocks that the disk knows nothing of, and is lost with it.
 * - So are names: some first ones of the changes since the last sync of the directory are kept.
 *
 * ext4 in ordered mode does all of this, and is kinder in one respect, which is left out because POSIX does not
 * promise it: there, the sync of any file also makes the earlier metadata of all files durable. What withstands
 * this disk withstands that one.
 */
export class PowerlessDisk {
  readonly #files = new Map<number, FileState>();
  readonly #durableNames = new Map<string, number>();
  #pendingNames: NameChange[] = [];

  apply(operation: DiskOperation): void {
    switch (operation.op) {
      case 'create':
        this.#files.set(operation.file, { durable: new FileContent(), pending: [] });
        this.#pendingNames.push(operation);
        break;
      case 'unlink':
        this.#pendingNames.push(operation);
        break;
      case 'sync':
        if (operation.file === directory) this.#syncDirectory();
        else this.#syncFile(operation.file);
        break;
      default:
        this.#files.get(operation.file)!.pending.push(operation);
    }
  }

  /** The power fails now. The disk itself goes on, so that it may fail again later. */
  cut(random: SeededRandom): DiskImage {
    const names = new Map(this.#durableNames);
    changeNames(names, this.#pendingNames.slice(0, random.integer(0, this.#pendingNames.length)));
    // How much gets lost differs from cut to cut: all, nothing, and what lies between.
    const survival = random.pick([0, 0.1, 0.5, 0.9, 1]);
    return new Map(
      [...names].map(([name, file]) => [name, remainsOf(this.#files.get(file)!, survival, random)])
    );
  }

  #syncFile(file: number): void {
    const state = this.#files.get(file)!;
    for (const change of state.pending) {
      if (change.op === 'truncate') state.durable.truncate(change.size);
      else state.durable.write(change.offset, change.bytes);
    }
    state.pending = [];
  }

  #syncDirectory(): void {
    changeNames(this.#durableNames, this.#pendingNames);
    this.#pendingNames = [];
  }
}

function changeNames(names: Map<string, number>, changes: readonly NameChange[]): void {
  for (const change of changes) {
    if (change.op === 'create') names.set(change.name, change.file);
    else names.delete(change.name);
  }
}

/** @param survival - How likely an unflushed write is to be kept, in [0, 1]. */
function remainsOf({ durable, pending }: FileState, survival: number, random: SeededRandom): Uint8Array {
  const content = new FileContent(durable.bytes.slice());
  let truncations = random.integer(0, pending.filter(({ op }) => op === 'truncate').length);
  /** Beyond it nothing is kept any more: a truncation to it was lost. */
  let limit = Infinity;
  for (const change of pending) {
    if (change.op === 'truncate') {
      if (truncations > 0) content.truncate(change.size);
      else limit = Math.min(limit, change.size);
      truncations -= 1;
      continue;
    }
    const bytes = change.bytes.subarray(0, Math.max(0, limit - change.offset));
    for (const [from, to] of keptParts(change.offset, bytes.length, survival, random)) {
      content.write(change.offset + from, bytes.subarray(from, to));
    }
  }
  return content.bytes;
}

/** The parts of a write that a cut keeps, by their positions in it. */
function keptParts(
  offset: number,
  length: number,
  survival: number,
  random: SeededRandom
): (readonly [from: number, to: number])[] {
  switch (fateOf(survival, random)) {
    case 'dropped':
      return [];
    case 'kept':
      return [[0, length]];
    case 'torn':
      return sectorsOf(offset, length).filter(() => random.chance(0.5));
  }
}

function fateOf(survival: number, random: SeededRandom): Fate {
  if (survival > 0 && survival < 1 && random.chance(0.2)) return 'torn';
  return random.chance(survival) ? 'kept' : 'dropped';
}

/** A write, divided where the sectors of its file are. */
function sectorsOf(offset: number, length: number): (readonly [from: number, to: number])[] {
  const sectors: (readonly [number, number])[] = [];
  for (let from = 0; from < length;) {
    const to = Math.min(length, from + sectorSize - ((offset + from) % sectorSize));
    sectors.push([from, to]);
    from = to;
  }
  return sectors;
}

/** The bytes of a file, growing in steps so that many small writes are not as many copies. */
class FileContent {
  #buffer: Uint8Array;
  #size: number;

  constructor(bytes = new Uint8Array(0)) {
    this.#buffer = bytes;
    this.#size = bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  write(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    this.#reserve(end);
    this.#buffer.set(bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  truncate(size: number): void {
    this.#reserve(size);
    // What a later write uncovers again reads as zeros.
    if (size < this.#size) this.#buffer.fill(0, size, this.#size);
    this.#size = size;
  }

  #reserve(size: number): void {
    if (size <= this.#buffer.length) return;
    const larger = new Uint8Array(size * 2);
    larger.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = larger;
  }
}
