import type { Entry } from '../log.ts';

/** How often the process of a store was killed and stopped, between any two places of its log. */
export class Lives {
  readonly #kills: number[] = [];
  readonly #stops: number[] = [];
  readonly #settledAt = new Map<string, number>();

  constructor(entries: readonly Entry[]) {
    let [kills, stops] = [0, 0];
    for (const [index, entry] of entries.entries()) {
      if (entry.type === 'ended') {
        // One that was killed while it stopped did both.
        if (entry.code !== 0) kills += 1;
        stops += 1;
      }
      if (entry.type === 'settled') this.#settledAt.set(entry.key, index);
      this.#kills.push(kills);
      this.#stops.push(stops);
    }
  }

  /** Kills in the life of a task. */
  killsOf(key: string, fromIndex: number): number {
    return this.#between(this.#kills, key, fromIndex);
  }

  /** Ends of its process in the life of a task, of whatever kind: each may have released an attempt. */
  stopsOf(key: string, fromIndex: number): number {
    return this.#between(this.#stops, key, fromIndex);
  }

  #between(counts: readonly number[], key: string, fromIndex: number): number {
    const to = this.#settledAt.get(key) ?? counts.length - 1;
    return counts[to]! - counts[fromIndex]!;
  }
}
