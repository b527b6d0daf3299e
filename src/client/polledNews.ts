import type { Clock } from '../clock.ts';
import { pageSize } from '../fleet/fleetReader.ts';
import type { SettlementNews } from '../fleet/settlements.ts';
import type { Waiter } from '../journal/waiters.ts';
import { taskLifecycle } from '../ledger/lifecycles.ts';
import type { StoredResult, StoreReader } from '../store.ts';
import { isPassing } from './passing.ts';
import { pause } from '../pause.ts';

export interface PolledNewsOptions {
  readonly store: StoreReader;
  readonly scope: string;
  readonly clock: Clock;
  /** Ends all waits, with its reason. */
  readonly closed: AbortSignal;
}

/** How soon it is looked again after news, ms, and at most where nothing happens: half as long again each time. */
const soonestMs = 5;
const latestMs = 100;

/**
 * Tells those who wait for tasks and batches of a fleet elsewhere. It looks at the fleet's store, once for all of them,
 * and only while somebody waits.
 */
export class PolledNews implements SettlementNews {
  readonly #options: PolledNewsOptions;
  readonly #tasks = new Map<string, Set<Waiter<StoredResult>>>();
  /** Whatever batch they wait for: they look for themselves. */
  readonly #batches = new Set<Waiter<void>>();
  #isLooking = false;

  constructor(options: PolledNewsOptions) {
    this.#options = options;
  }

  onTask(key: string, waiter: Waiter<StoredResult>): Disposable {
    const waiters = this.#tasks.get(key) ?? new Set();
    this.#tasks.set(key, waiters.add(waiter));
    void this.#look();
    return {
      [Symbol.dispose]: () => {
        waiters.delete(waiter);
        if (waiters.size === 0 && this.#tasks.get(key) === waiters) this.#tasks.delete(key);
      }
    };
  }

  onBatch(_: string, waiter: Waiter<void>): Disposable {
    this.#batches.add(waiter);
    void this.#look();
    return { [Symbol.dispose]: () => void this.#batches.delete(waiter) };
  }

  onBatchSettled(id: string, waiter: Waiter<void>): Disposable {
    return this.onBatch(id, waiter);
  }

  /** Looks until nobody waits any more. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { clock, closed } = this.#options;
    try {
      // The first look tells everybody: of what came before it nothing is known.
      let seen = -1;
      for (let pauseMs = soonestMs; ; pauseMs = Math.min(latestMs, pauseMs * 1.5)) {
        await pause(clock, pauseMs, closed);
        if (this.#tasks.size + this.#batches.size === 0) return;
        const turn = await this.#lookOnce(seen);
        if (turn === seen) continue;
        seen = turn;
        pauseMs = soonestMs;
      }
    } catch (error) {
      this.#stop(error as Error);
    } finally {
      this.#isLooking = false;
    }
  }

  /** Tells of what came after a turn. @returns The last turn; the one before, while the store is not there. */
  async #lookOnce(seen: number): Promise<number> {
    const { store, scope } = this.#options;
    try {
      const turn = (await store.readHead(scope))?.turn ?? 0;
      if (turn === seen) return seen;
      await this.#tellOfTasks();
      for (const waiter of [...this.#batches]) waiter.onNews();
      return turn;
    } catch (error) {
      if (isPassing(error)) return seen;
      throw error;
    }
  }

  /** Rows first, which are small: results are read of those that have settled. */
  async #tellOfTasks(): Promise<void> {
    const { store, scope } = this.#options;
    const waited = [...this.#tasks.keys()];
    for (let from = 0; from < waited.length; from += pageSize) {
      const rows = await store.readTaskRows(scope, { keys: waited.slice(from, from + pageSize) });
      for (const { state, context } of rows) {
        if (!taskLifecycle.isFinal(state)) continue;
        const result = await store.readResult(scope, context.key);
        if (result === null) continue;
        for (const waiter of [...(this.#tasks.get(context.key) ?? [])]) waiter.onNews(result);
      }
    }
  }

  #stop(error: Error): void {
    for (const waiter of [...this.#batches]) waiter.onStop(error);
    for (const waiters of [...this.#tasks.values()]) for (const waiter of [...waiters]) waiter.onStop(error);
    this.#batches.clear();
    this.#tasks.clear();
  }
}
