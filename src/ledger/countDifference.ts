import type { TaskCounts } from '../../machines/batch.ts';
import type { TaskStatus } from '../../machines/task.ts';

/** The first status of these whose count is not the expected one, in words; `null`: there is none. */
export function countDifference(
  found: TaskCounts,
  expected: TaskCounts,
  statuses: readonly TaskStatus[]
): string | null {
  const status = statuses.find((status) => found[status] !== expected[status]);
  return status === undefined ? null : `${found[status]} are ${status} where ${expected[status]} should be`;
}
