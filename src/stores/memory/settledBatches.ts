import type { ExpiredBatch, ExpiredBatchQuery } from '../../store.ts';

interface Entry extends ExpiredBatch {
  /** Place in the order of creation. */
  readonly number: number;
}

/** Batches in the order in which they settled; those of the same time in order of creation. */
export class SettledBatches {
  readonly #entries: Entry[] = [];

  /** Nearly all come at the end, since time goes on. */
  add(entry: Entry): void {
    this.#entries.splice(this.#placeOf(entry), 0, entry);
  }

  delete(entry: Entry): void {
    const place = this.#placeOf(entry);
    if (this.#entries[place]?.number === entry.number) this.#entries.splice(place, 1);
  }

  expired({ settledBefore, keep, limit }: ExpiredBatchQuery): readonly ExpiredBatch[] {
    const tooOld = settledBefore === null ? 0 : this.#placeOf({ settledAt: settledBefore, number: -1 });
    const tooMany = keep === null ? 0 : this.#entries.length - keep;
    const count = Math.min(limit, Math.max(tooOld, tooMany));
    return this.#entries.slice(0, count).map(({ id, settledAt }) => ({ id, settledAt }));
  }

  /** Index of the first entry that is not before this one. */
  #placeOf({ settledAt, number }: Pick<Entry, 'settledAt' | 'number'>): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle]!;
      if (entry.settledAt < settledAt || (entry.settledAt === settledAt && entry.number < number)) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }
}
