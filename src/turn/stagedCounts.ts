import { noTaskCounts, type TaskCounts } from '../../machines/batch.ts';
import type { TaskStatus } from '../../machines/task.ts';

/** How many tasks of the fleet, and of each batch whose tasks moved, are in which state after a turn. */
export class StagedCounts {
  readonly #fleet: MutableCounts;
  readonly #batches = new Map<string, MutableCounts>();
  readonly #countsBefore: (batchId: string) => TaskCounts | undefined;

  /** @param countsBefore - Of a batch; `undefined`: it has no tasks yet. */
  constructor(fleet: TaskCounts, countsBefore: (batchId: string) => TaskCounts | undefined) {
    this.#fleet = { ...fleet };
    this.#countsBefore = countsBefore;
  }

  get fleet(): TaskCounts {
    return this.#fleet;
  }

  /** Those that changed, by the id of the batch. */
  get batches(): ReadonlyMap<string, TaskCounts> {
    return this.#batches;
  }

  /** A task, of a batch or alone, goes from one state to another. @param from - `undefined`: it is new. */
  move(batchId: string | null, from: TaskStatus | undefined, to: TaskStatus): void {
    count(this.#fleet, from, to);
    if (batchId !== null) count(this.#countsOf(batchId), from, to);
  }

  #countsOf(batchId: string): MutableCounts {
    let counts = this.#batches.get(batchId);
    if (counts === undefined) {
      counts = { ...(this.#countsBefore(batchId) ?? noTaskCounts) };
      this.#batches.set(batchId, counts);
    }
    return counts;
  }
}

type MutableCounts = { -readonly [Status in keyof TaskCounts]: TaskCounts[Status] };

function count(counts: MutableCounts, from: TaskStatus | undefined, to: TaskStatus): void {
  if (from !== undefined) counts[from] -= 1;
  counts[to] += 1;
}
