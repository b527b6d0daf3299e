import type { SeededRandom } from '../../src/testing/seededRandom.ts';

/** What a task's handler does, and its task type. */
export type Kind =
  /** Ends within 20 ms. */
  | 'quick'
  /** Takes 50 to 150 ms. */
  | 'slow'
  /** Fails at its first attempt. */
  | 'flaky'
  /** Kills its process, each time. */
  | 'deadly';

export interface BatchPlan {
  readonly id: string;
  readonly kinds: readonly Kind[];
  /** Whether its client cancels it, from its own process, once it was acknowledged. */
  readonly isCancelled: boolean;
}

/** What clients ask for in a cycle. */
export interface Workload {
  readonly batches: readonly BatchPlan[];
  /** Each submission is sent several times, at once and again when it was acknowledged. */
  readonly isRepeated: boolean;
  /** Attempts that a task may lose. */
  readonly maxRecoveries: number;
}

export interface WorkloadOptions {
  readonly tasks: number;
  readonly isRepeated?: boolean;
  /** Tasks that end their process. */
  readonly deadly?: number;
}

const batchSize = 10;

/** Draws what clients ask for: batches of all kinds, one in four of them cancelled. */
export function drawWorkload(random: SeededRandom, options: WorkloadOptions): Workload {
  const { tasks, isRepeated = false, deadly = 0 } = options;
  const count = Math.max(1, Math.round(tasks / batchSize));
  const batches = Array.from({ length: count }, (_, index): BatchPlan => {
    const kinds = Array.from({ length: batchSize }, (_, place): Kind =>
      index === 0 && place < deadly ? 'deadly' : random.pick(['quick', 'quick', 'slow', 'flaky'])
    );
    return { id: `batch-${index + 1}`, kinds, isCancelled: index > 0 && random.chance(0.25) };
  });
  // A deadly task is to be found guilty; of the others none loses so many attempts.
  return { batches, isRepeated, maxRecoveries: deadly > 0 ? 3 : 1_000 };
}

/** Keys of a batch's tasks, as a fleet gives them. */
export function keysOf({ id, kinds }: BatchPlan): readonly string[] {
  return kinds.map((_, index) => `${id}/${index + 1}`);
}
