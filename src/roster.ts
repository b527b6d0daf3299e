import type { AttemptRef } from '../machines/task.ts';
import type { WorkerReport } from '../machines/workerMachine.ts';
import type { TaskRow } from './store.ts';

/** A worker as the turn sees it: what it offers, and what it holds. */
export interface Place {
  readonly slot: string;
  readonly workerId: string;
  concurrency: number;
  /** Tasks that it will still take. */
  remaining: number;
  accepting: boolean;
  /** Running rows of this worker: `seq` to attempt. Derived from the rows, never counted up and down. */
  readonly attempts: Map<number, number>;
  /** Attempts that are over while their handler still runs. They keep their place until the grace is over. */
  readonly lingering: Map<string, AttemptRef>;
}

/** The workers of the fleet: who has room, and who holds what. */
export class Roster {
  readonly #places = new Map<string, Place>();
  /** Places with room, least recently given a task first. */
  readonly #ready = new Set<Place>();

  /** Takes in what a worker said of itself. */
  record(report: WorkerReport): void {
    switch (report.type) {
      case 'worker.ready':
        return this.#admit(report);
      case 'worker.withdrawn':
        return this.#withdraw(report.workerId);
      case 'worker.stopped':
      case 'worker.broken':
        return this.#dismiss(report.workerId);
    }
  }

  get(workerId: string | null): Place | undefined {
    return workerId === null ? undefined : this.#places.get(workerId);
  }

  get size(): number {
    return this.#places.size;
  }

  all(): IterableIterator<Place> {
    return this.#places.values();
  }

  /** A place with room. Giving it a task puts it behind the others. */
  next(): Place | undefined {
    return this.#ready.values().next().value;
  }

  /** Follows a row that a worker begins to hold. */
  hold({ context }: TaskRow): void {
    const place = this.get(context.workerId);
    if (place === undefined) return;
    place.attempts.set(context.seq, context.attempt);
    place.remaining -= 1;
    this.#ready.delete(place);
    this.#refresh(place);
  }

  /** Follows a row that a worker no longer holds. */
  drop({ context }: TaskRow): void {
    const place = this.get(context.workerId);
    if (place?.attempts.get(context.seq) !== context.attempt) return;
    place.attempts.delete(context.seq);
    this.#refresh(place);
  }

  /** A row was held by mistake: the turn that claimed it was not committed. */
  restore(row: TaskRow): void {
    const place = this.get(row.context.workerId);
    this.drop(row);
    if (place === undefined) return;
    place.remaining += 1;
    this.#refresh(place);
  }

  /** An attempt is over but its handler is not. */
  linger(workerId: string, ref: AttemptRef): void {
    const place = this.get(workerId);
    if (place === undefined) return;
    place.lingering.set(attemptKey(ref), ref);
    this.#refresh(place);
  }

  /** The handler of an attempt that was over has ended, or was given up. */
  forget(workerId: string, ref: AttemptRef): void {
    const place = this.get(workerId);
    if (place === undefined) return;
    place.lingering.delete(attemptKey(ref));
    this.#refresh(place);
  }

  #admit({ slot, workerId, concurrency, remaining }: WorkerReport): void {
    let place = this.#places.get(workerId);
    if (place === undefined) {
      place = {
        slot,
        workerId,
        concurrency,
        remaining: remaining ?? Infinity,
        accepting: true,
        attempts: new Map(),
        lingering: new Map()
      };
      this.#places.set(workerId, place);
    }
    place.concurrency = concurrency;
    place.remaining = remaining ?? Infinity;
    place.accepting = true;
    this.#refresh(place);
  }

  #withdraw(workerId: string): void {
    const place = this.#places.get(workerId);
    if (place === undefined) return;
    place.accepting = false;
    this.#refresh(place);
  }

  #dismiss(workerId: string): void {
    const place = this.#places.get(workerId);
    if (place === undefined) return;
    this.#places.delete(workerId);
    this.#ready.delete(place);
  }

  #refresh(place: Place): void {
    const room = Math.min(place.concurrency - place.attempts.size - place.lingering.size, place.remaining);
    if (place.accepting && room > 0) this.#ready.add(place);
    else this.#ready.delete(place);
  }
}

/** Everything that keeps a place of the worker, lingering attempts included. */
export function heldBy({ attempts, lingering }: Place): AttemptRef[] {
  const held: AttemptRef[] = [];
  for (const [seq, attempt] of attempts) held.push({ seq, attempt });
  for (const ref of lingering.values()) held.push(ref);
  return held;
}

/** Names one attempt in a map. */
export function attemptKey({ seq, attempt }: AttemptRef): string {
  return `${seq}.${attempt}`;
}
