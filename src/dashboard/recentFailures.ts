import type { StoreReader, StoredResult } from '../store.ts';
import { isExternalKey } from '../submission/taskKey.ts';
import type { FrameFailure } from './frame.ts';

const maxFailures = 50;
/** Characters of an error that are shown: a frame has them many times a second. */
const maxErrorLength = 500;
/** So many of the last results are looked through when the first page is opened. */
const lookedThrough = 10_000;

interface Failure {
  readonly settledSeq: number;
  readonly shown: FrameFailure;
}

/** The tasks that failed or timed out last. */
export class RecentFailures {
  /** Newest first. */
  #failures: readonly Failure[] = [];

  get newestFirst(): readonly FrameFailure[] {
    return this.#failures.map(({ shown }) => shown);
  }

  /** Takes results in any order; those that it has are passed over. */
  add(results: readonly StoredResult[]): void {
    const known = new Set(this.#failures.map(({ settledSeq }) => settledSeq));
    const news = results.filter((result) => isShown(result) && !known.has(result.settledSeq)).map(failureOf);
    if (news.length === 0) return;
    this.#failures = [...news, ...this.#failures]
      .sort((left, right) => right.settledSeq - left.settledSeq)
      .slice(0, maxFailures);
  }

  /** Takes up what an earlier process left, as far as it is among the last 10,000 results. */
  async load(store: StoreReader, scope: string, settledSeq: number): Promise<void> {
    const afterSettledSeq = Math.max(0, settledSeq - lookedThrough);
    const query = { success: false, order: 'newest', afterSettledSeq, limit: 4 * maxFailures } as const;
    this.add(await store.readResults(scope, query));
  }
}

/** What a worker outside handed in is no task that could be retried. */
function isShown({ status, key }: StoredResult): boolean {
  return (status === 'failed' || status === 'timedOut') && !isExternalKey(key);
}

function failureOf(result: StoredResult): Failure {
  const {
    settledSeq,
    key,
    taskId,
    batchId,
    type,
    status,
    error = '',
    attempts,
    workerId,
    timestamp
  } = result;
  return {
    settledSeq,
    shown: {
      key,
      taskId,
      batchId,
      type,
      status,
      error: error.length > maxErrorLength ? `${error.slice(0, maxErrorLength)}…` : error,
      attempts,
      workerId,
      at: timestamp
    }
  };
}
