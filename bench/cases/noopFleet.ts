import { FleetManager, type FleetManagerOptions, type Store } from 'xstate-fleet';
import type { Figures } from '../case.ts';
import { measureTasks } from '../measure.ts';

export const handlers = {
  noop: async () => {},
  /** Fails, so that it waits for its retry. */
  fail: async () => {
    throw new Error('on purpose');
  },
  /** Runs until it is aborted. */
  hang: (_: unknown, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
};

export type NoopFleet = FleetManager<typeof handlers>;

export interface NoopRun {
  readonly tasks: number;
  readonly options: Omit<FleetManagerOptions<typeof handlers>, 'handlers' | 'store'>;
  /** Defaults to the memory. */
  readonly store?: Store;
  /** Whether the tasks come one after the other from an async iterable, instead of an array. */
  readonly isStream?: boolean;
  /** Tasks of the run before, to get warm. Defaults to a tenth. */
  readonly warmUp?: number;
  /** What is done with a started fleet before the tasks are submitted, outside of what is measured. */
  readonly prepare?: (fleet: NoopFleet) => Promise<void> | void;
}

/**
 * Measures a fleet from the submission of tasks that do nothing to the settlement of their batch. To make the tasks is
 * part of it, as it is for every peer.
 */
export async function runNoops({
  tasks,
  options,
  store,
  isStream = false,
  warmUp,
  prepare
}: NoopRun): Promise<Figures> {
  const fleet = new FleetManager({ handlers, ...options, ...(store && { store }) });
  await fleet.start();
  await prepare?.(fleet);
  const figures = await measureTasks(
    tasks,
    async (count) => {
      const batchId = await fleet.submitBatch(isStream ? stream(count) : arrayOf(count));
      return (await fleet.waitForBatch(batchId)).completedTasks;
    },
    warmUp
  );
  await fleet.stop({ graceful: false });
  return figures;
}

export function arrayOf(tasks: number) {
  return Array.from({ length: tasks }, (_, index) => taskOf(index));
}

async function* stream(tasks: number) {
  for (let index = 0; index < tasks; index++) yield taskOf(index);
}

function taskOf(index: number) {
  return { id: String(index), type: 'noop' as const, data: { index } };
}
