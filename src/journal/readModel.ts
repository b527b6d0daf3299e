import { createStore } from '@xstate/store';
import { Immer, original, type Draft } from 'immer';
import type { BatchStatus } from '../../machines/batch.ts';
import type { TaskResult } from '../../machines/task.ts';
import { batchStatusOf, withoutValue } from '../fleet/views.ts';
import { noStats, type FleetStats } from '../ledger/stats.ts';
import type { BatchRow, StoredResult } from '../store.ts';

/** How many batches and results the model holds; older ones are in the store. */
const maxBatches = 100;
const maxResults = 20;

/** What a page or a program may watch: bounded, and brought up to date once per turn, after its commit. */
export interface ReadModel {
  readonly stats: FleetStats;
  /** The batches that changed last, the latest last. */
  readonly batches: readonly BatchStatus[];
  /** The results that came last, newest last, without their values. */
  readonly results: readonly Omit<TaskResult, 'result'>[];
}

export interface TurnNews {
  readonly stats: FleetStats;
  readonly batches: readonly BatchRow[];
  readonly results: readonly StoredResult[];
}

/**
 * What goes into the model is frozen where it is made, and taken over as it is: to freeze it all again, or to
 * look for drafts in it, would cost as much as the rest of the update.
 */
const { produce } = new Immer({ autoFreeze: false });

type Results = ReadModel['results'][number][];

const empty: ReadModel = { stats: noStats, batches: [], results: [] };

export type ReadModelStore = ReturnType<typeof createReadModel>;

export function createReadModel() {
  return createStore({
    context: empty,
    on: {
      turnCommitted: (context, { news }: { news: TurnNews }) =>
        produce(context, (draft) => update(draft, news)),
      batchRemoved: (context, { batchId }: { batchId: string }) => ({
        ...context,
        batches: Object.freeze(context.batches.filter(({ id }) => id !== batchId))
      })
    }
  });
}

function update(draft: Draft<ReadModel>, { stats, batches, results }: TurnNews): void {
  const before = original(draft)!;
  draft.stats = Object.freeze(stats) as Draft<FleetStats>;
  if (batches.length > 0) {
    const replaced = new Set(batches.map(({ context }) => context.id));
    const others = before.batches.filter(({ id }) => !replaced.has(id));
    const latest = [...others, ...batches.map((row) => Object.freeze(batchStatusOf(row)))].slice(-maxBatches);
    draft.batches = Object.freeze(latest) as Draft<BatchStatus[]>;
  }
  if (results.length === 0) return;
  const latest = results.slice(-maxResults).map((result) => Object.freeze(withoutValue(result)));
  draft.results = Object.freeze([...before.results, ...latest].slice(-maxResults)) as Draft<Results>;
}
