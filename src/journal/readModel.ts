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

/** What the turn left as it was stays the same object. */
function updated({ batches, results }: ReadModel, news: TurnNews): ReadModel {
  return {
    stats: Object.freeze(news.stats),
    batches: news.batches.length === 0 ? batches : withBatches(batches, news.batches),
    results: news.results.length === 0 ? results : withResults(results, news.results)
  };
}

function withBatches(before: ReadModel['batches'], changed: readonly BatchRow[]): ReadModel['batches'] {
  const replaced = new Set(changed.map(({ context }) => context.id));
  const others = before.filter(({ id }) => !replaced.has(id));
  const statuses = changed.map((row) => Object.freeze(batchStatusOf(row)));
  return Object.freeze([...others, ...statuses].slice(-maxBatches));
}

function withResults(before: ReadModel['results'], added: readonly StoredResult[]): ReadModel['results'] {
  const latest = added.slice(-maxResults).map((result) => Object.freeze(withoutValue(result)));
  const kept = before.slice(Math.max(0, before.length + latest.length - maxResults));
  return Object.freeze([...kept, ...latest]);
}
