import type { StoredResult } from '../store.ts';
import type { SettlementNews } from './settlements.ts';
import { withResolvers } from './withResolvers.ts';

/** The result of a task that is about to be submitted: kept when it comes, so that nothing is read for it. */
export class ExpectedResult implements Disposable {
  readonly #news: () => SettlementNews;
  readonly #result = withResolvers<StoredResult>();
  #subscription: Disposable | null = null;

  /** @param news - Of the fleet that takes the submission. */
  constructor(news: () => SettlementNews) {
    this.#news = news;
    // Where the fleet stops before the task is taken, the submission says so.
    this.#result.promise.catch(() => {});
  }

  /** Whether it is listened for. */
  get isComing(): boolean {
    return this.#subscription !== null;
  }

  /** Rejects when the fleet stops first. */
  get result(): Promise<StoredResult> {
    return this.#result.promise;
  }

  /** @param key - Of a task that nobody has submitted yet. */
  listen(key: string): void {
    const { resolve, reject } = this.#result;
    this.#subscription = this.#news().onTask(key, { onNews: resolve, onStop: reject });
  }

  [Symbol.dispose](): void {
    this.#subscription?.[Symbol.dispose]();
  }
}
