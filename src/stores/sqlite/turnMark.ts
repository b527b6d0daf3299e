import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { sumOf } from './sums.ts';

/** Of a fleet: its last turn, and a sum of it. */
const slotBytes = 16;

/**
 * The last turn of each fleet that was acknowledged, kept in `<path>-mark` beside a store while it is owned.
 *
 * It is written after the commit was flushed, and never flushed itself. So after a crash it may be older than the
 * store, and cannot be newer: a store that ends before its mark has lost commits, be it that its log was deleted,
 * cut, or damaged in its last transaction, where damage looks like the end.
 */
export class TurnMark {
  readonly path: string;
  #file: number | null = null;

  constructor(storePath: string) {
    this.path = `${storePath}-mark`;
  }

  /** Begins to note turns. What was noted stays. */
  open(): void {
    if (this.#file !== null) return;
    try {
      this.#file = openSync(this.path, 'r+');
    } catch {
      this.#file = openWithoutFailing(this.path);
    }
  }

  /** A turn was acknowledged. @param scope - Number of the fleet. */
  note(scope: number, turn: number): void {
    if (this.#file === null) return;
    const slot = Buffer.alloc(slotBytes);
    slot.writeDoubleLE(turn, 0);
    slot.writeInt32LE(sumOf(scope, [turn]), 8);
    try {
      writeSync(this.#file, slot, 0, slotBytes, scope * slotBytes);
    } catch {
      // The commit is durable all the same; an older mark only says less.
    }
  }

  /**
   * The scope is about to be removed: none of its turns is to be found any more. Flushed, so that the mark is never
   * newer than the store.
   */
  forget(scope: number): void {
    if (this.#file === null) return;
    writeSync(this.#file, Buffer.alloc(slotBytes), 0, slotBytes, scope * slotBytes);
    fsyncSync(this.#file);
  }

  /** The turns that were noted, by number of the fleet. A slot that is not whole says nothing. */
  read(): ReadonlyMap<number, number> {
    const turns = new Map<number, number>();
    let slots: Buffer;
    try {
      slots = readFileSync(this.path);
    } catch {
      return turns;
    }
    for (let scope = 1; (scope + 1) * slotBytes <= slots.length; scope += 1) {
      const turn = slots.readDoubleLE(scope * slotBytes);
      if (turn > 0 && slots.readInt32LE(scope * slotBytes + 8) === sumOf(scope, [turn]))
        turns.set(scope, turn);
    }
    return turns;
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  /** All that was acknowledged is in the database itself, or no promise was made. */
  remove(): void {
    this.close();
    rmSync(this.path, { force: true });
  }
}

/** A store can be used without its mark, if that is all that cannot be written. */
function openWithoutFailing(path: string): number | null {
  try {
    return openSync(path, 'w+');
  } catch {
    return null;
  }
}
