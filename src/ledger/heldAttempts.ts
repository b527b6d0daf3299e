import type { AttemptRef } from '../../machines/task.ts';

/**
 * The attempts that one worker holds, one of a task at most, the oldest first.
 *
 * They are few, and most end in the order in which they began: to look through 100 takes no longer than to ask a map,
 * which is made anew whenever it loses its only entry, 500 bytes for each task.
 */
export class HeldAttempts implements Iterable<AttemptRef> {
  readonly #seqs: number[] = [];
  readonly #attempts: number[] = [];

  get size(): number {
    return this.#seqs.length;
  }

  /** The task's attempt; `undefined`: it is not held. */
  get(seq: number): number | undefined {
    const index = this.#seqs.indexOf(seq);
    return index < 0 ? undefined : this.#attempts[index];
  }

  set({ seq, attempt }: AttemptRef): void {
    const index = this.#seqs.indexOf(seq);
    if (index >= 0) this.#attempts[index] = attempt;
    else {
      this.#seqs.push(seq);
      this.#attempts.push(attempt);
    }
  }

  /** @returns `false`: this attempt is not held. */
  delete({ seq, attempt }: AttemptRef): boolean {
    const index = this.#seqs.indexOf(seq);
    if (index < 0 || this.#attempts[index] !== attempt) return false;
    removeAt(this.#seqs, index);
    removeAt(this.#attempts, index);
    return true;
  }

  /** Of the tasks. */
  get seqs(): readonly number[] {
    return this.#seqs;
  }

  *[Symbol.iterator](): Generator<AttemptRef, void, undefined> {
    for (const [index, seq] of this.#seqs.entries()) yield { seq, attempt: this.#attempts[index]! };
  }
}

/** Nearly always the first: `splice` would make an array of what it cuts out. */
function removeAt(list: number[], index: number): void {
  if (index === 0) list.shift();
  else list.splice(index, 1);
}
