import { createStore } from '@xstate/store';
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

const empty: ReadModel = { stats: noStats, batches: [], results: [] };

export type ReadModelStore = ReturnType<typeof createReadModel>;

export function createReadModel() {
  return createStore({
    context: empty,
    on: {
      turnCommitted: (context, { news }: { news: TurnNews }) => updated(context, news),
      batchRemoved: (context, { batchId }: { batchId: string }) => ({
        ...context,
        batches: Object.freeze(context.batches.filter(({ id }) => id !== batchId))
      })
    }
  });
}

/** Frozen where it is made: whoever watches the model shares it with the fleet. */
function updated(before: ReadModel, { stats, batches, results }: TurnNews): ReadModel {
  return {
    stats: Object.freeze(stats),
    batches: batches.length === 0 ? before.batches : withLatestBatches(before.batches, batches),
    results: results.length === 0 ? before.results : withLatestResults(before.results, results)
  };
}

function withLatestBatches(before: ReadModel['batches'], rows: readonly BatchRow[]): ReadModel['batches'] {
  const replaced = new Set(rows.map(({ context }) => context.id));
  const others = before.filter(({ id }) => !replaced.has(id));
  const latest = rows.map((row) => Object.freeze(batchStatusOf(row)));
  return Object.freeze([...others, ...latest].slice(-maxBatches));
}

function withLatestResults(
  before: ReadModel['results'],
  results: readonly StoredResult[]
): ReadModel['results'] {
  const latest = results.slice(-maxResults).map((result) => Object.freeze(withoutValue(result)));
  return Object.freeze([...before, ...latest].slice(-maxResults));
}
