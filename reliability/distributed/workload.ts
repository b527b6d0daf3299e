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
  | 'deadly'
  /** Goes on at its first attempt long after its timeout, deaf to its signal, and then returns. */
  | 'wedged'
  /** Is quick, and run by those workers alone that have it. */
  | 'rare';

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
  /** How many tasks of the first batch are of a special kind. */
  readonly special?: Partial<Record<'deadly' | 'wedged' | 'rare', number>>;
}

/** How long a `wedged` task may take, and how long it takes at first, ms. */
export const wedged = { timeoutMs: 500, firstMs: 1_200 } as const;

const batchSize = 10;

/** Draws what clients ask for: batches of all kinds, one in four of them cancelled. */
export function drawWorkload(random: SeededRandom, options: WorkloadOptions): Workload {
  const { tasks, isRepeated = false, special = {} } = options;
  const count = Math.max(1, Math.round(tasks / batchSize));
  const first = Object.entries(special).flatMap(([kind, times]) =>
    Array.from({ length: times }, () => kind as Kind)
  );
  const batches = Array.from({ length: count }, (_, index): BatchPlan => {
    const kinds = Array.from({ length: batchSize }, (_, place): Kind =>
      index === 0 && place < first.length ? first[place]! : random.pick(['quick', 'quick', 'slow', 'flaky'])
    );
    return { id: `batch-${index + 1}`, kinds, isCancelled: index > 0 && random.chance(0.25) };
  });
  // A deadly task is to be found guilty. Of the others none loses so many attempts, even where a machine is so busy that
  // workers which are well are now and then taken for lost.
  return { batches, isRepeated, maxRecoveries: first.includes('deadly') ? 6 : 1_000 };
}

/** A batch as it is submitted. */
export function tasksOf(kinds: readonly Kind[]) {
  return kinds.map((type, n) => ({
    id: String(n + 1),
    type,
    data: { n },
    ...(type === 'wedged' && { timeoutMs: wedged.timeoutMs })
  }));
}

/** Keys of a batch's tasks, as a fleet gives them. */
export function keysOf({ id, kinds }: BatchPlan): readonly string[] {
  return kinds.map((_, index) => `${id}/${index + 1}`);
}
