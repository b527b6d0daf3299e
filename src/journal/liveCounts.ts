import { noTaskCounts } from '../../machines/batch.ts';
import { liveTaskStatuses, type TaskStatus } from '../../machines/task.ts';
import { countDifference } from '../ledger/countDifference.ts';
import type { BatchRow, LedgerHead, TaskRow } from '../store.ts';

/**
 * Compares the rows of what has not settled with the counts that were committed beside them.
 *
 * A store finds live rows through an index, and a damaged one may hide some: a task that is not found would never
 * run, without a word.
 */
export class LiveCounts {
  readonly #all = { ...noTaskCounts };
  readonly #byBatch = new Map<string, Record<TaskStatus, number>>();

  add({ state, context: { batchId } }: TaskRow): void {
    this.#all[state] += 1;
    if (batchId === null) return;
    let counts = this.#byBatch.get(batchId);
    if (counts === undefined) this.#byBatch.set(batchId, (counts = { ...noTaskCounts }));
    counts[state] += 1;
  }

  /** What does not agree, in words; `null` when all does. @param batches - All that have not settled. */
  problem(head: LedgerHead | null, batches: readonly BatchRow[]): string | null {
    const problem = countDifference(this.#all, head?.stats.counts ?? noTaskCounts, liveTaskStatuses);
    if (problem !== null) return `of its tasks ${problem}`;
    const live = new Set<string>();
    for (const { context } of batches) {
      live.add(context.id);
      const counts = this.#byBatch.get(context.id) ?? noTaskCounts;
      const difference = countDifference(counts, context.counts, liveTaskStatuses);
      if (difference !== null) return `of the tasks of batch ${JSON.stringify(context.id)} ${difference}`;
    }
    for (const id of this.#byBatch.keys()) {
      if (!live.has(id)) return `batch ${JSON.stringify(id)} has tasks to run, and is not there`;
    }
    return null;
  }
}
