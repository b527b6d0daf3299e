import type { StoreReader } from '../store.ts';

/** The name of the n-th copy of a batch or of a task. @param number - Integer >= 1. */
export function copyName(name: string, number: number): string {
  return `${name.replaceAll('/', '.')}.retry-${number}`;
}

/**
 * The last retry of a batch, the last retry of that one, and so on: empty when it was never retried.
 *
 * A retry runs again all that did not complete, so the last batch says what became of the tasks.
 */
export async function retriesOf(batchId: string, store: StoreReader, scope: string): Promise<string[]> {
  let last: string | null = null;
  for (let number = 1; ; number++) {
    const copy = copyName(batchId, number);
    if ((await store.readBatch(scope, copy)) === null) break;
    last = copy;
  }
  return last === null ? [] : [last, ...(await retriesOf(last, store, scope))];
}
