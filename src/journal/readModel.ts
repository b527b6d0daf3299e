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

/** What a page or a program may watch: bounded, and as the last turn left it, after its commit. */
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

/** What the model is behind by: the news of some turns, as far as it takes them. */
export interface ModelNews {
  readonly stats: FleetStats;
  /** Each once, the latest last. */
  readonly batches: readonly BatchRow[];
  readonly results: ReadModel['results'];
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
      turnsCommitted: (context, { news }: { news: ModelNews }) =>
        produce(context, (draft) => update(draft, news)),
      batchRemoved: (context, { batchId }: { batchId: string }) => ({
        ...context,
        batches: Object.freeze(context.batches.filter(({ id }) => id !== batchId))
      })
    }
  });
}

/** Adds the news of a turn to what the model is behind by; `null`: it is up to date. */
export function addNews(before: ModelNews | null, { stats, batches, results }: TurnNews): ModelNews {
  const latest = results.slice(-maxResults).map(withoutValue);
  if (before === null) return { stats, batches, results: latest };
  return {
    stats,
    batches: batches.length === 0 ? before.batches : latestBatches(before.batches, batches),
    results: [...before.results, ...latest].slice(-maxResults)
  };
}

function latestBatches(before: readonly BatchRow[], batches: readonly BatchRow[]): readonly BatchRow[] {
  const replaced = new Set(batches.map(({ context }) => context.id));
  return [...before.filter(({ context }) => !replaced.has(context.id)), ...batches].slice(-maxBatches);
}

function update(draft: Draft<ReadModel>, { stats, batches, results }: ModelNews): void {
  const before = original(draft)!;
  draft.stats = Object.freeze(stats) as Draft<FleetStats>;
  if (batches.length > 0) {
    const replaced = new Set(batches.map(({ context }) => context.id));
    const others = before.batches.filter(({ id }) => !replaced.has(id));
    const latest = [...others, ...batches.map((row) => Object.freeze(batchStatusOf(row)))].slice(-maxBatches);
    draft.batches = Object.freeze(latest) as Draft<BatchStatus[]>;
  }
  if (results.length === 0) return;
  for (const result of results) Object.freeze(result);
  draft.results = Object.freeze([...before.results, ...results].slice(-maxResults)) as Draft<Results>;
}
