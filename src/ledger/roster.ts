import type { AttemptRef } from '../../machines/task.ts';
import type { WorkDone, WorkerReport } from '../../machines/workerMachine.ts';
import type { TaskRow } from '../store.ts';
import { offerKey, type Offer } from './dispatchQueue.ts';
import { HeldAttempts } from './heldAttempts.ts';
import { ReadyPlaces, type Ready } from './readyPlaces.ts';

/** A worker as the turn sees it: what it offers, what it holds, what it did. */
export interface Place extends Ready<Place> {
  /** Name among the fleet's own workers; empty for a guest, behind which no actor of the fleet stands. */
  slot: string;
  readonly workerId: string;
  /** Tasks that it is given at once, those that wait in it included. */
  capacity: number;
  /** Tasks that it takes in all. */
  tasksPerWorker: number;
  /** What it offers, and who offers the same: it takes tasks of these types, whose tags are all among these. */
  offer: PlacesOfOffer;
  accepting: boolean;
  /** Running rows of this worker. Derived from the rows, never counted up and down. */
  readonly attempts: HeldAttempts;
  /** Attempts that are over while their handler still runs. They keep their place until the grace is over. */
  readonly lingering: Set<string>;
  /** Tasks that it has taken. */
  taken: number;
  /** Attempts that completed, and that failed or timed out. */
  completed: number;
  failed: number;
  /** What its actor was told when it was last idle. */
  readonly told: { completed: number; failed: number };
  /** Whether anything keeps a place of it. */
  isHolding: boolean;
  /** Whether its actor was last told that it is busy. */
  isBusy: boolean;
  /** When a heartbeat was last heard, epoch ms; `null`: never, or its executor has none. */
  lastHeartbeatAt: number | null;
  /** When it was asked for the heartbeat that it owes, in active time; `null`: it owes none. */
  askedAt: number | null;
  /** It has owed one for so long that its actor was told. */
  isUnresponsive: boolean;
}

/** Workers that offer the same tags and have handlers for the same types. */
export interface PlacesOfOffer extends Offer {
  /** All of them, and those with room, least recently given a task first. */
  readonly places: Set<Place>;
  readonly ready: ReadyPlaces<Place>;
}

/**
 * The workers of the fleet: who has room, and who holds what.
 *
 * A worker that is not the fleet's own, or not any more, is a guest for as long as it holds something.
 */
export class Roster {
  readonly #places = new Map<string, Place>();
  /** What guests offer. */
  readonly #nothing: PlacesOfOffer = {
    key: 'nothing\n',
    tags: new Set(),
    types: null,
    places: new Set(),
    ready: new ReadyPlaces()
  };
  readonly #offers = new Map<string, PlacesOfOffer>();
  /** The same, fewest tags first: workers that can do more are kept for what only they can do. */
  #offersInOrder: readonly PlacesOfOffer[] = [];
  #offersVersion = 0;
  #busy = 0;

  /** Takes in what a worker said of itself. */
  record(report: WorkerReport): void {
    switch (report.type) {
      case 'worker.ready':
      case 'worker.offering':
        return this.#admit(report);
      case 'worker.withdrawn':
      case 'worker.unresponsive':
        return this.setAccepting(report.workerId, false);
      case 'worker.unfit':
        this.#admit(report);
        return this.setAccepting(report.workerId, false);
      case 'worker.lost':
      case 'worker.stopped':
      case 'worker.broken':
        return this.#dismiss(report);
    }
  }

  get(workerId: string | null): Place | undefined {
    return workerId === null ? undefined : this.#places.get(workerId);
  }

  get size(): number {
    return this.#places.size;
  }

  /** Workers that hold something. */
  get busy(): number {
    return this.#busy;
  }

  all(): IterableIterator<Place> {
    return this.#places.values();
  }

  /** Another number whenever {@link Roster.offers} are others. */
  get offersVersion(): number {
    return this.#offersVersion;
  }

  /** What the workers offer, fewest tags first, then fewest types. Giving a task to a place puts it behind the others that are ready. */
  get offers(): readonly PlacesOfOffer[] {
    return this.#offersInOrder;
  }

  /** Follows a row that a worker begins to hold. */
  hold({ context }: TaskRow): void {
    const place = this.get(context.workerId) ?? this.#invite(context.workerId!);
    place.attempts.set(context);
    place.taken += 1;
    place.offer.ready.delete(place);
    this.#refresh(place);
  }

  /** Follows a row that a worker no longer holds. */
  drop({ context }: TaskRow): void {
    const place = this.get(context.workerId);
    if (place?.attempts.delete(context) === true) this.#release(place);
  }

  /** A row was held by mistake: the turn that claimed it was not committed. */
  restore(row: TaskRow): void {
    this.drop(row);
    this.retake(row);
  }

  /** A row is held again that was held all along: the turn that ended it was not committed. */
  retake({ context }: TaskRow): void {
    const place = this.get(context.workerId);
    if (place === undefined) return;
    place.taken -= 1;
    this.#refresh(place);
  }

  /** An attempt is over but its handler is not. */
  linger(workerId: string, ref: AttemptRef): void {
    const place = this.get(workerId);
    if (place === undefined) return;
    place.lingering.add(attemptKey(ref));
    this.#refresh(place);
  }

  /** The handler of an attempt that was over has ended, or was given up. */
  forget(workerId: string, ref: AttemptRef): void {
    const place = this.get(workerId);
    if (place === undefined) return;
    place.lingering.delete(attemptKey(ref));
    this.#release(place);
  }

  setAccepting(workerId: string, isAccepting: boolean): void {
    const place = this.#places.get(workerId);
    if (place === undefined) return;
    place.accepting = isAccepting;
    this.#refresh(place);
  }

  #admit({ slot, workerId, concurrency, prefetch, tasksPerWorker, tags, types }: WorkerReport): void {
    const offer = this.#offerOf(tags, types);
    const place = this.#places.get(workerId) ?? newPlace(slot, workerId, offer);
    this.#places.set(workerId, place);
    if (place.slot !== slot) {
      // A guest has become one of the fleet's own: the actor of its place has heard of nothing yet.
      place.slot = slot;
      place.isBusy = false;
    }
    if (place.offer !== offer) this.#leaveOffer(place);
    place.offer = offer;
    offer.places.add(place);
    place.capacity = concurrency + prefetch;
    place.tasksPerWorker = tasksPerWorker ?? Infinity;
    place.accepting = true;
    this.#refresh(place);
  }

  #invite(workerId: string): Place {
    const place = newPlace(guestSlot, workerId, this.#nothing);
    this.#places.set(workerId, place);
    return place;
  }

  /** One that has come back in another place stays. */
  #dismiss({ workerId, slot }: WorkerReport): void {
    const place = this.#places.get(workerId);
    if (place?.slot !== slot) return;
    this.#places.delete(workerId);
    this.#leaveOffer(place);
    if (place.isHolding) this.#busy -= 1;
  }

  /** Something that the worker held is over. A guest that holds nothing more goes. */
  #release(place: Place): void {
    this.#refresh(place);
    if (place.slot === guestSlot && !place.isHolding) this.#places.delete(place.workerId);
  }

  #refresh(place: Place): void {
    const holds = isHolding(place);
    if (holds !== place.isHolding) this.#busy += holds ? 1 : -1;
    place.isHolding = holds;
    const room = Math.min(
      place.capacity - place.attempts.size - place.lingering.size,
      place.tasksPerWorker - place.taken
    );
    const { ready } = place.offer;
    if (place.accepting && room > 0) ready.add(place);
    else ready.delete(place);
  }

  #offerOf(tags: readonly string[], types: readonly string[] | null): PlacesOfOffer {
    const key = offerKey(tags, types);
    let offer = this.#offers.get(key);
    if (offer === undefined) {
      offer = {
        key,
        tags: new Set(tags),
        types: types === null ? null : new Set(types),
        places: new Set(),
        ready: new ReadyPlaces()
      };
      this.#offers.set(key, offer);
      this.#orderOffers();
    }
    return offer;
  }

  #leaveOffer(place: Place): void {
    const { key, places, ready } = place.offer;
    places.delete(place);
    ready.delete(place);
    if (places.size > 0) return;
    this.#offers.delete(key);
    this.#orderOffers();
  }

  #orderOffers(): void {
    this.#offersVersion += 1;
    this.#offersInOrder = [...this.#offers.values()].sort(
      (left, right) => left.tags.size - right.tags.size || typeCount(left) - typeCount(right)
    );
  }
}

function typeCount({ types }: Offer): number {
  return types?.size ?? Number.MAX_SAFE_INTEGER;
}

/** No actor has this name. */
const guestSlot = '';

function newPlace(slot: string, workerId: string, offer: PlacesOfOffer): Place {
  return {
    slot,
    workerId,
    capacity: 0,
    tasksPerWorker: 0,
    offer,
    accepting: false,
    attempts: new HeldAttempts(),
    lingering: new Set(),
    taken: 0,
    completed: 0,
    failed: 0,
    told: { completed: 0, failed: 0 },
    isHolding: false,
    isBusy: false,
    lastHeartbeatAt: null,
    askedAt: null,
    isUnresponsive: false,
    isReady: false,
    readyBefore: null,
    readyAfter: null
  };
}

/** What the worker's actor has not been told yet of what it did. */
export function workDoneOf(place: Place): WorkDone {
  const { taken, completed, failed, told } = place;
  const done = { taken, completed: completed - told.completed, failed: failed - told.failed };
  Object.assign(told, { completed, failed });
  return done;
}

/** Whether anything keeps a place of the worker. */
export function isHolding({ attempts, lingering }: Place): boolean {
  return attempts.size + lingering.size > 0;
}

/** Names one attempt in a set. */
export function attemptKey({ seq, attempt }: AttemptRef): string {
  return `${seq}.${attempt}`;
}
