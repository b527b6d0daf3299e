import type { AttemptRef, Json } from '../../machines/task.ts';
import { limits } from '../validation/limits.ts';

/** What a running handler told last. */
export interface Notes {
  readonly progress?: Json;
  /** Its last lines, oldest first. */
  readonly log?: readonly string[];
}

interface Entry {
  readonly attempt: number;
  progress: Json | undefined;
  readonly lines: string[];
  /** Second in which it was last heard, and how often in that. */
  second: number;
  heard: number;
}

/**
 * What running handlers told last, and how often: beyond a bound it is kept but passed on to nobody, so that one
 * handler drowns no subscriber.
 */
export class AttemptNotes {
  /** By `seq`: the newest attempt of each task that runs and has told something. */
  readonly #entries = new Map<number, Entry>();

  /** @param now - Monotonic ms. @returns Whether subscribers may be told. */
  keepProgress(ref: AttemptRef, progress: Json, now: number): boolean {
    const entry = this.#entry(ref);
    entry.progress = progress;
    return isWithinRate(entry, now);
  }

  /** @param now - Monotonic ms. @returns Whether subscribers may be told. */
  keepLine(ref: AttemptRef, line: string, now: number): boolean {
    const entry = this.#entry(ref);
    if (entry.lines.push(line) > limits.keptLines) entry.lines.shift();
    return isWithinRate(entry, now);
  }

  /** Of an attempt that runs. */
  get({ seq, attempt }: AttemptRef): Notes {
    const entry = this.#entries.get(seq);
    if (entry?.attempt !== attempt) return {};
    const { progress, lines } = entry;
    return { ...(progress !== undefined && { progress }), ...(lines.length > 0 && { log: [...lines] }) };
  }

  /** The attempt has ended. */
  forget({ seq, attempt }: AttemptRef): void {
    if (this.#entries.get(seq)?.attempt === attempt) this.#entries.delete(seq);
  }

  #entry({ seq, attempt }: AttemptRef): Entry {
    let entry = this.#entries.get(seq);
    if (entry?.attempt !== attempt) {
      entry = { attempt, progress: undefined, lines: [], second: 0, heard: 0 };
      this.#entries.set(seq, entry);
    }
    return entry;
  }
}

function isWithinRate(entry: Entry, now: number): boolean {
  const second = Math.floor(now / 1_000);
  if (second !== entry.second) Object.assign(entry, { second, heard: 0 });
  entry.heard += 1;
  return entry.heard <= limits.toldPerSecond;
}
