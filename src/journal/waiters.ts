import type { FleetFact } from '../../machines/fleetFact.ts';
import type { StoredResult } from '../store.ts';

/** Told of the result that was waited for, or that none will come because the fleet stopped. */
export interface Waiter<TNews> {
  readonly onNews: (news: TNews) => void;
  readonly onStop: (error: Error) => void;
}

/** Whoever waits for a task or a batch. They are told after the commit, and nobody polls. */
export class Waiters {
  readonly #tasks = new Map<string, Set<Waiter<StoredResult>>>();
  readonly #batches = new Map<string, Set<Waiter<void>>>();
  readonly #settledBatches = new Map<string, Set<Waiter<void>>>();
  #stopped: Error | null = null;

  /** Waits for a task's result. */
  onTask(key: string, waiter: Waiter<StoredResult>): Disposable {
    return this.#add(this.#tasks, key, waiter);
  }

  /** Waits for news of a batch: a result, or its settlement. */
  onBatch(id: string, waiter: Waiter<void>): Disposable {
    return this.#add(this.#batches, id, waiter);
  }

  /** Waits until a batch has settled. */
  onBatchSettled(id: string, waiter: Waiter<void>): Disposable {
    return this.#add(this.#settledBatches, id, waiter);
  }

  release(results: readonly StoredResult[], facts: readonly FleetFact[]): void {
    if (this.#tasks.size > 0) for (const result of results) tell(this.#tasks, result.key, result);
    if (this.#batches.size + this.#settledBatches.size === 0) return;
    const changed = new Set<string>();
    for (const { batchId } of results) if (batchId !== null) changed.add(batchId);
    for (const fact of facts) {
      if (fact.type !== 'batch.settled') continue;
      changed.add(fact.batchId);
      tell(this.#settledBatches, fact.batchId, undefined);
    }
    for (const id of changed) tell(this.#batches, id, undefined);
  }

  stop(error: Error): void {
    this.#stopped = error;
    for (const waiting of [this.#tasks, this.#batches, this.#settledBatches]) {
      for (const waiters of [...waiting.values()]) for (const waiter of [...waiters]) waiter.onStop(error);
      waiting.clear();
    }
  }

  #add<TNews>(waiting: Map<string, Set<Waiter<TNews>>>, id: string, waiter: Waiter<TNews>): Disposable {
    const waiters = waiting.get(id) ?? new Set();
    waiting.set(id, waiters.add(waiter));
    // Whoever begins to wait now would wait for ever.
    if (this.#stopped !== null) waiter.onStop(this.#stopped);
    return {
      [Symbol.dispose]() {
        waiters.delete(waiter);
        if (waiters.size === 0 && waiting.get(id) === waiters) waiting.delete(id);
      }
    };
  }
}

function tell<TNews>(waiting: ReadonlyMap<string, Set<Waiter<TNews>>>, id: string, news: TNews): void {
  // A copy: whoever is told leaves.
  for (const waiter of [...(waiting.get(id) ?? [])]) waiter.onNews(news);
}
