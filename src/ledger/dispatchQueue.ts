import { covers, tagsKey } from '../validation/tags.ts';
import { isBefore, PriorityQueue } from './priorityQueue.ts';

/** A queued task, as far as it matters who may take it and when. */
export interface DispatchEntry {
  readonly seq: number;
  readonly priority: number;
  readonly createdAt: number;
  readonly readyAt: number | null;
  readonly type: string;
  /** Sorted. */
  readonly tags: readonly string[];
}

/** What workers with the same tags and handlers take. */
export interface Offer {
  /** Names it: its {@link offerKey}. */
  readonly key: string;
  readonly tags: ReadonlySet<string>;
  /** Task types that they have handlers for; `null`: any. */
  readonly types: ReadonlySet<string> | null;
}

/** Names what workers offer. @param tags, types - Sorted. */
export function offerKey(tags: readonly string[], types: readonly string[] | null): string {
  // No id is empty, and none holds a line end.
  return types === null ? tagsKey(tags) : `${tagsKey(tags)}\n\n${types.join('\n')}`;
}

/** Tasks that the same workers may take, and that the same limit holds back. */
export interface DispatchLane {
  readonly key: string;
  readonly tags: readonly string[];
  /** The type that they all have, if it is limited or types are kept apart; `null`: they have any type that had no limit when they came. */
  readonly type: string | null;
  readonly tasks: PriorityQueue;
}

/** Offers whose lanes are known. Beyond that they are looked up anew. */
const maxOffers = 1_000;

/**
 * Queued tasks by who may take them: a lane for each set of tags in use, and for each type with a limit.
 *
 * Whoever has room looks at the heads of the lanes that it serves, never at a task behind them. So neither a task
 * that nobody can serve nor a type at its limit is in anybody's way. Without tags and limits there is one lane.
 */
export class DispatchQueue {
  /** None is empty. */
  readonly #lanes = new Map<string, DispatchLane>();
  readonly #lanesOfOffer = new Map<string, { readonly offer: Offer; readonly lanes: Set<DispatchLane> }>();
  /** How many lanes each limited type has. */
  readonly #lanesOfType = new Map<string, number>();
  #ageingMs: number | null = null;
  #limits: object = {};
  #limitedTypes: ReadonlySet<string> = new Set();
  #size = 0;
  #latestReadyAt = -Infinity;
  readonly #keepsTypesApart: boolean;

  /** @param keepsTypesApart - Workers differ in the types that they have handlers for: each type has lanes of its own. */
  constructor(keepsTypesApart = false) {
    this.#keepsTypesApart = keepsTypesApart;
  }

  /** Entries, those included whose task is queued no more. */
  get size(): number {
    return this.#size;
  }

  /** The latest time from which one of them has waited, or one that went before; -Infinity: none is here. */
  get latestReadyAt(): number {
    return this.#latestReadyAt;
  }

  /** @param typeLimits - Its types get lanes of their own; an entry that came before is to be pushed again when it is popped. */
  configure(ageingMs: number | null, typeLimits: object): void {
    if (ageingMs !== this.#ageingMs) {
      this.#ageingMs = ageingMs;
      for (const { tasks } of this.#lanes.values()) tasks.ageingMs = ageingMs;
    }
    if (typeLimits === this.#limits) return;
    this.#limits = typeLimits;
    this.#limitedTypes = new Set(Object.keys(typeLimits));
  }

  push(entry: DispatchEntry): void {
    const type = this.#keepsTypesApart || this.#limitedTypes.has(entry.type) ? entry.type : null;
    const isPlain = type === null && entry.tags.length === 0;
    // No id is empty, and none holds a line end.
    const key = isPlain ? '' : `${type ?? ''}\n${tagsKey(entry.tags)}`;
    const lane = this.#lanes.get(key) ?? this.#addLane(key, entry.tags, type);
    const { seq, priority, createdAt, readyAt: later } = entry;
    const readyAt = later ?? createdAt;
    lane.tasks.push(seq, priority, readyAt);
    this.#size += 1;
    if (readyAt > this.#latestReadyAt) this.#latestReadyAt = readyAt;
  }

  /** The lane of the task that those who make the offer are to take next. O(lanes that they serve). */
  best(offer: Offer, isOpen: (type: string) => boolean): DispatchLane | undefined {
    let best: DispatchLane | undefined;
    for (const lane of this.#served(offer)) {
      if (lane.type !== null && !isOpen(lane.type)) continue;
      if (best === undefined || isBefore(lane.tasks.head!, best.tasks.head!)) best = lane;
    }
    return best;
  }

  /** Takes the `seq` of the lane's next task out. */
  pop(lane: DispatchLane): number {
    const seq = lane.tasks.pop()!;
    this.#size -= 1;
    if (this.#size === 0) this.#latestReadyAt = -Infinity;
    if (lane.tasks.size === 0) this.#removeLane(lane);
    return seq;
  }

  /** Whether a task that came out of the lane belongs into another one: its type has got a limit. */
  isMisplaced(lane: DispatchLane, type: string): boolean {
    return lane.type === null && this.#limitedTypes.has(type);
  }

  /** Whether tasks of a limited type may be queued. */
  hasType(type: string): boolean {
    return this.#lanesOfType.has(type);
  }

  /** Keeps one entry for each task that is still queued. O(n). */
  retain(isQueued: (seq: number) => boolean): void {
    this.#size = 0;
    for (const lane of [...this.#lanes.values()]) {
      lane.tasks.retain(isQueued);
      this.#size += lane.tasks.size;
      if (lane.tasks.size === 0) this.#removeLane(lane);
    }
  }

  #served(offer: Offer): ReadonlySet<DispatchLane> {
    let served = this.#lanesOfOffer.get(offer.key);
    if (served === undefined) {
      if (this.#lanesOfOffer.size >= maxOffers) this.#lanesOfOffer.clear();
      const lanes = [...this.#lanes.values()].filter((lane) => isServed(offer, lane));
      served = { offer, lanes: new Set(lanes) };
      this.#lanesOfOffer.set(offer.key, served);
    }
    return served.lanes;
  }

  #addLane(key: string, tags: readonly string[], type: string | null): DispatchLane {
    const lane: DispatchLane = { key, tags, type, tasks: new PriorityQueue(this.#ageingMs) };
    this.#lanes.set(key, lane);
    if (type !== null) this.#lanesOfType.set(type, (this.#lanesOfType.get(type) ?? 0) + 1);
    for (const { offer, lanes } of this.#lanesOfOffer.values()) if (isServed(offer, lane)) lanes.add(lane);
    return lane;
  }

  #removeLane(lane: DispatchLane): void {
    this.#lanes.delete(lane.key);
    if (lane.type !== null) {
      const left = this.#lanesOfType.get(lane.type)! - 1;
      if (left === 0) this.#lanesOfType.delete(lane.type);
      else this.#lanesOfType.set(lane.type, left);
    }
    for (const { lanes } of this.#lanesOfOffer.values()) lanes.delete(lane);
  }
}

/** A lane of any type is served by those alone who have a handler for any. */
function isServed({ tags, types }: Offer, lane: DispatchLane): boolean {
  return covers(tags, lane.tags) && (types === null || (lane.type !== null && types.has(lane.type)));
}
