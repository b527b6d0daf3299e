import { noTags } from '../../machines/tags.ts';
import { covers, tagsKey } from '../validation/tags.ts';
import type { DispatchEntry, Offer } from './dispatchQueue.ts';

/** Who may take tasks, as far as this asks. */
type Tagged = Pick<Offer, 'tags'>;

/** Queued tasks that wait for the same: a type, and tags. */
export interface QueuedKind {
  readonly type: string;
  /** Sorted. */
  readonly tags: readonly string[];
  readonly tasks: number;
}

/** Queued tasks of one type. */
interface KindsOfType {
  /** Those that run anywhere. */
  untagged: number;
  readonly tagged: Map<string, { readonly tags: readonly string[]; count: number }>;
}

/** How many queued tasks there are of each type, with each set of tags. */
export class QueuedKinds {
  readonly #types = new Map<string, KindsOfType>();
  #version = 0;

  /** Another number whenever there are other kinds. */
  get version(): number {
    return this.#version;
  }

  /** @param change - 1: a task is queued. -1: it is no more. */
  count({ type, tags }: Pick<DispatchEntry, 'type' | 'tags'>, change: 1 | -1): void {
    let kinds = this.#types.get(type);
    if (kinds === undefined) this.#types.set(type, (kinds = { untagged: 0, tagged: new Map() }));
    const { untagged } = kinds;
    const { size } = kinds.tagged;
    if (tags.length === 0) kinds.untagged += change;
    else countTagged(kinds.tagged, tags, change);
    if (size !== kinds.tagged.size || (untagged === 0) !== (kinds.untagged === 0)) this.#version += 1;
    if (kinds.untagged === 0 && kinds.tagged.size === 0) this.#types.delete(type);
  }

  /** How many tasks of each type. O(kinds in use). */
  byType(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [type, kinds] of this.#types) counts.set(type, kinds.untagged + taggedOf(kinds, () => true));
    return counts;
  }

  /** How many tasks none of these offers serves. O(kinds in use). */
  unserved(offers: readonly Tagged[]): number {
    let unserved = 0;
    for (const kinds of this.#types.values()) unserved += taggedOf(kinds, (tags) => !isServed(tags, offers));
    return unserved;
  }

  /**
   * The kinds that none of these offers serves. O(kinds in use).
   *
   * @param areTypesApart - Workers differ in the types that they have handlers for: without tags, too, a task may find nobody.
   */
  unservedKinds(offers: readonly Omit<Offer, 'key'>[], areTypesApart: boolean): QueuedKind[] {
    const unserved: QueuedKind[] = [];
    for (const [type, { untagged, tagged }] of this.#types) {
      const able = offers.filter(({ types }) => types === null || types.has(type));
      if (areTypesApart && untagged > 0 && able.length === 0)
        unserved.push({ type, tags: noTags, tasks: untagged });
      for (const { tags, count } of tagged.values()) {
        if (!isServed(tags, able)) unserved.push({ type, tags, tasks: count });
      }
    }
    return unserved;
  }

  /**
   * How many tasks some of these offers serve, of no type more than it has room for. O(kinds in use).
   *
   * @param roomOf - How many tasks of a type its limits let run besides those that do.
   */
  served(offers: readonly Tagged[], roomOf: (type: string) => number): number {
    let served = 0;
    for (const [type, kinds] of this.#types) {
      const count = kinds.untagged + taggedOf(kinds, (tags) => isServed(tags, offers));
      served += Math.min(count, roomOf(type));
    }
    return served;
  }
}

function countTagged(tagged: KindsOfType['tagged'], tags: readonly string[], change: 1 | -1): void {
  const key = tagsKey(tags);
  let kind = tagged.get(key);
  if (kind === undefined) tagged.set(key, (kind = { tags, count: 0 }));
  kind.count += change;
  if (kind.count === 0) tagged.delete(key);
}

function taggedOf({ tagged }: KindsOfType, isMeant: (tags: readonly string[]) => boolean): number {
  let sum = 0;
  for (const { tags, count } of tagged.values()) if (isMeant(tags)) sum += count;
  return sum;
}

function isServed(tags: readonly string[], offers: readonly Tagged[]): boolean {
  return offers.some((offer) => covers(offer.tags, tags));
}
