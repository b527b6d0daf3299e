import { pageSize } from '../fleet/fleetReader.ts';
import { taskResultOf } from '../fleet/views.ts';
import type { ResultQuery, StoreReader } from '../store.ts';
import { jsonLine } from './terminal.ts';

/** Which results. */
export interface ResultSelection extends Pick<ResultQuery, 'batchId' | 'success'> {
  /** Integer >= 1. Defaults to all. */
  readonly limit?: number;
}

/** Results as JSON Lines, in the order of settling, a page of them at a time. */
export async function* resultLines(
  store: StoreReader,
  scope: string,
  { limit = Infinity, ...query }: ResultSelection
): AsyncGenerator<string, void, undefined> {
  let afterSettledSeq = 0;
  for (let left = limit; left > 0;) {
    const size = Math.min(pageSize, left);
    const page = await store.readResults(scope, { ...query, afterSettledSeq, limit: size });
    if (page.length > 0) yield page.map((stored) => jsonLine(taskResultOf(stored))).join('');
    if (page.length < size) return;
    afterSettledSeq = page.at(-1)!.settledSeq;
    left -= page.length;
  }
}

/**
 * One result for each task of a batch that may have been retried, in the order of settling: what failed in a
 * batch is told by the retry of it.
 *
 * @param batchIds - The batch, and its retries in their order.
 */
export async function* finalResultLines(
  store: StoreReader,
  scope: string,
  batchIds: readonly string[]
): AsyncGenerator<string, void, undefined> {
  for (const batchId of batchIds) {
    const isLast = batchId === batchIds.at(-1);
    yield* resultLines(store, scope, { batchId, ...(!isLast && { success: true }) });
  }
}
