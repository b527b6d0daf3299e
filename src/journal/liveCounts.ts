import { noTaskCounts, type TaskCounts } from '../../machines/batch.ts';
import { taskStatuses, type TaskStatus } from '../../machines/task.ts';
import type { BatchRow, LedgerHead, TaskRow } from '../store.ts';

/** What a task can be while it is live. */
export const liveStatuses = taskStatuses.filter((status) => !isSettled(status));

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
    const problem = differenceOf(this.#all, head?.stats.counts ?? noTaskCounts);
    if (problem !== null) return `of its tasks ${problem}`;
    const live = new Set<string>();
    for (const { context } of batches) {
      live.add(context.id);
      const difference = differenceOf(this.#byBatch.get(context.id) ?? noTaskCounts, context.counts);
      if (difference !== null) return `of the tasks of batch ${JSON.stringify(context.id)} ${difference}`;
    }
    for (const id of this.#byBatch.keys()) {
      if (!live.has(id)) return `batch ${JSON.stringify(id)} has tasks to run, and is not there`;
    }
    return null;
  }
}

function differenceOf(found: TaskCounts, expected: TaskCounts): string | null {
  const status = liveStatuses.find((status) => found[status] !== expected[status]);
  return status === undefined ? null : `${found[status]} are ${status} where ${expected[status]} should be`;
}

function isSettled(status: TaskStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'timedOut' || status === 'cancelled';
}
