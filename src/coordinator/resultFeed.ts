import type { Clock } from '../clock.ts';
import type { StoredResult } from '../store.ts';

/** Results that wait in memory; what comes beyond is read from the store when its turn has come. */
const maxWaiting = 1_000;
const pageSize = 100;

export interface ResultFeedOptions {
  readonly clock: Clock;
  /** Results after a position in the order of settling, at most `limit`. */
  readonly read: (afterSettledSeq: number, limit: number) => Promise<readonly StoredResult[]>;
  /** Told of one result after the other: the next waits until the promise has settled. */
  readonly deliver: (result: StoredResult) => unknown;
  /** Told what `deliver` and `read` threw. */
  readonly onError: (error: unknown) => void;
}

/**
 * Hands results on, one by one and in order, to somebody who may be slow.
 *
 * Whoever is too slow for memory reads the rest from the store, so that it is bounded and nothing is left out, but for
 * what retention has removed by then. What was not delivered when the feed ends is not delivered.
 */
export class ResultFeed {
  readonly #options: ResultFeedOptions;
  #waiting: StoredResult[] = [];
  /** The last result that was taken over, and the last one that there is. */
  #takenSeq = 0;
  #lastSeq = 0;
  /** Counts the ends: a delivery of an earlier run goes no further. */
  #run = 0;
  #isWorking = false;

  constructor(options: ResultFeedOptions) {
    this.#options = options;
  }

  /** @param results - At least one; they follow the last ones. */
  push(results: readonly StoredResult[]): void {
    if (this.#lastSeq === 0) this.#lastSeq = this.#takenSeq = results[0]!.settledSeq - 1;
    const isBehind = this.#takenSeq < this.#lastSeq;
    this.#lastSeq = results.at(-1)!.settledSeq;
    if (!isBehind && this.#waiting.length + results.length <= maxWaiting) {
      this.#waiting.push(...results);
      this.#takenSeq = this.#lastSeq;
    }
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#options.clock.setSoon(() => void this.#work(this.#run));
  }

  /** Delivers nothing more. The next result that is pushed begins anew. */
  end(): void {
    this.#run += 1;
    this.#waiting = [];
    this.#takenSeq = this.#lastSeq = 0;
    this.#isWorking = false;
  }

  async #work(run: number): Promise<void> {
    const { clock, deliver, onError } = this.#options;
    while (run === this.#run) {
      if (this.#waiting.length === 0) {
        if (this.#takenSeq === this.#lastSeq) {
          this.#isWorking = false;
          return;
        }
        await this.#readPage(run);
      }
      for (const result of this.#waiting.splice(0, pageSize)) {
        if (run !== this.#run) return;
        try {
          await deliver(result);
        } catch (error) {
          onError(error);
        }
      }
      // A long row of quick deliveries lets others run in between.
      await new Promise<void>((resolve) => clock.setSoon(resolve));
    }
  }

  /** Takes over a page of those that found no room. */
  async #readPage(run: number): Promise<void> {
    const { read, onError } = this.#options;
    const upTo = this.#lastSeq;
    let page: readonly StoredResult[] = [];
    try {
      page = await read(this.#takenSeq, pageSize);
    } catch (error) {
      onError(error);
    }
    if (run !== this.#run) return;
    const known = page.filter(({ settledSeq }) => settledSeq <= upTo);
    this.#waiting.push(...known);
    // Those up to there that are not in the store any more were removed.
    this.#takenSeq = known.length < pageSize ? upTo : known.at(-1)!.settledSeq;
  }
}
