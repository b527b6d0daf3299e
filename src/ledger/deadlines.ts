/**
 * Deadlines that most often are cleared before they come: timeouts, graces.
 *
 * Setting and clearing is O(1) and leaves nothing behind; a heap would keep the deadlines of finished attempts
 * until their time. Only when one comes, all that are pending (as many as attempts run) are looked through.
 */
export class Deadlines<TKey> {
  readonly #pending = new Map<TKey, number>();
  /** Not later than the earliest pending one. */
  #earliest = Infinity;

  set(key: TKey, at: number): void {
    this.#pending.set(key, at);
    this.#earliest = Math.min(this.#earliest, at);
  }

  delete(key: TKey): void {
    this.#pending.delete(key);
    if (this.#pending.size === 0) this.#earliest = Infinity;
  }

  get(key: TKey): number | undefined {
    return this.#pending.get(key);
  }

  /** When to look again: at or before the earliest deadline; `undefined` when none is pending. */
  get nextAt(): number | undefined {
    return this.#pending.size === 0 ? undefined : this.#earliest;
  }

  /** Takes those that have come, in the order in which they were set. */
  takeDue(now: number): TKey[] {
    if (now < this.#earliest) return [];
    const due: TKey[] = [];
    this.#earliest = Infinity;
    for (const [key, at] of this.#pending) {
      if (at <= now) due.push(key);
      else this.#earliest = Math.min(this.#earliest, at);
    }
    for (const key of due) this.#pending.delete(key);
    return due;
  }
}
