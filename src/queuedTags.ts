import type { Offer } from './dispatchQueue.ts';
import { covers, tagsKey } from './tags.ts';

/** How many queued tasks have each set of tags. Untagged ones run anywhere, and are not counted. */
export class QueuedTags {
  readonly #sets = new Map<string, { readonly tags: readonly string[]; count: number }>();

  /** @param change - 1: a task is queued. -1: it is no more. */
  count(tags: readonly string[], change: 1 | -1): void {
    if (tags.length === 0) return;
    const key = tagsKey(tags);
    let set = this.#sets.get(key);
    if (set === undefined) this.#sets.set(key, (set = { tags, count: 0 }));
    set.count += change;
    if (set.count === 0) this.#sets.delete(key);
  }

  /** How many tasks none of these offers serves. O(sets of tags in use). */
  unserved(offers: readonly Offer[]): number {
    let unserved = 0;
    for (const { tags, count } of this.#sets.values()) {
      if (!offers.some((offer) => covers(offer.tags, tags))) unserved += count;
    }
    return unserved;
  }
}
