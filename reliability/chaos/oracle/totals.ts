import { settledTasks, type BatchState } from '../../../machines/batch.ts';
import { batchLifecycle } from '../../../src/ledger/lifecycles.ts';
import type { BatchRow, TaskRow } from '../../../src/store.ts';
import type { Entry } from '../log.ts';
import type { Asked } from './asked.ts';
import type { Problem } from './problem.ts';
import type { Stored } from './stored.ts';

type Finished = Extract<Entry, { type: 'finished' }>;

/** Holds the sums that a fleet keeps against the rows, one by one: batches, stats, the coordinator's summary. */
export function checkTotals(entries: readonly Entry[], asked: Asked, stored: Stored): Problem[] {
  const problems: Problem[] = [];
  for (const batch of stored.batches.values()) problems.push(...checkBatch(batch, asked, stored));
  const finished = entries.findLast(({ type }) => type === 'finished') as Finished | undefined;
  if (finished !== undefined) {
    for (const [name, [told, counted]] of Object.entries(sums(finished, asked, stored))) {
      if (told !== counted)
        problems.push({ count: 'wrong', text: `${name}: told ${told}, counted ${counted}` });
    }
  }
  return [...problems, ...checkFollowed(entries, stored)];
}

function checkBatch({ state, context }: BatchRow, asked: Asked, { tasks }: Stored): Problem[] {
  const { id, counts, totalTasks } = context;
  const rows = [...tasks.values()].map(({ row }) => row).filter((row) => row.context.batchId === id);
  const problems: Problem[] = [];
  const report = (count: Problem['count'], text: string) =>
    problems.push({ count, text: `batch ${id} ${text}` });
  if (!batchLifecycle.isFinal(state)) report('stuck', `is ${state}`);
  if (rows.length !== totalTasks || settledTasks(counts) !== totalTasks) {
    report(
      'wrong',
      `counts ${totalTasks} tasks, ${settledTasks(counts)} of them settled; it has ${rows.length}`
    );
  }
  for (const status of ['completed', 'failed', 'timedOut', 'cancelled'] as const) {
    const counted = rows.filter((row) => row.state === status).length;
    if (counts[status] !== counted) report('wrong', `counts ${counts[status]} ${status}; ${counted} are`);
  }
  const expected = asked.cancelledBatches.confirmed.has(id) ? 'cancelled' : stateOf(rows);
  if (state !== expected && !asked.cancelledBatches.asked.has(id)) {
    report('wrong', `is ${state}, not ${expected}`);
  }
  return problems;
}

function stateOf(rows: readonly TaskRow[]): BatchState {
  const completed = rows.filter(({ state }) => state === 'completed').length;
  if (completed === rows.length) return 'completed';
  return completed === 0 ? 'failed' : 'partial';
}

/** What the fleet told, and what is counted by hand. */
function sums({ stats, summary }: Finished, asked: Asked, stored: Stored): Record<string, [number, number]> {
  const rows = [...stored.tasks.values()].map(({ row }) => row);
  const removed = [...asked.removals].flatMap(([id, isDone]) =>
    isDone ? [asked.removedResults.get(id) ?? []] : []
  );
  const gone = removed.flat();
  const counted = (...states: readonly TaskRow['state'][]) =>
    rows.filter(({ state }) => states.includes(state)).length;
  const results = [...stored.results, ...gone];
  const successes = results.filter(({ success }) => success).length;
  const ms = results.reduce((sum, { duration }) => sum + duration, 0);
  // Every failure was followed by a retry but the last one of a task that failed by it.
  const retried = rows.reduce((sum, { state, context }) => {
    const isLast = state === 'failed' || state === 'timedOut';
    return sum + context.failures - (isLast ? 1 : 0);
  }, 0);
  return {
    'tasks in all': [stats.totalTasks, rows.length + gone.length],
    'batches in all': [stats.totalBatches, stored.batches.size + removed.length],
    'completed tasks': [
      stats.completedTasks,
      counted('completed') + gone.filter(({ success }) => success).length
    ],
    'failed tasks': [
      stats.failedTasks,
      counted('failed', 'timedOut') + gone.filter(({ success }) => !success).length
    ],
    'cancelled tasks': [stats.cancelledTasks, counted('cancelled')],
    'timed out tasks': [stats.timedOutTasks, counted('timedOut')],
    'retried attempts': [stats.retriedAttempts, retried],
    'queued tasks': [stats.queuedTasks, 0],
    'running tasks': [stats.runningTasks, 0],
    'results of the coordinator': [summary.totalResults, results.length],
    'successes of the coordinator': [summary.successCount, successes],
    'failures of the coordinator': [summary.failureCount, results.length - successes],
    'average duration of the coordinator': [
      Math.round(summary.averageDuration * 1_000),
      results.length === 0 ? 0 : Math.round((ms / results.length) * 1_000)
    ]
  };
}

/** The results that were followed over all processes have to be those that are stored, each once and in order. */
function checkFollowed(entries: readonly Entry[], { results }: Stored): Problem[] {
  const followed = entries.filter((entry) => entry.type === 'followed');
  const [first] = followed;
  if (first === undefined) return [];
  const batchId = first.key.slice(0, first.key.indexOf('/'));
  const told = followed.map(({ key, settledSeq }) => `${settledSeq} ${key}`);
  const kept = results.filter((result) => result.batchId === batchId);
  const expected = kept.map(({ key, settledSeq }) => `${settledSeq} ${key}`);
  if (told.join() === expected.join()) return [];
  return [
    { count: 'wrong', text: `results of ${batchId} came as [${told.join()}], not [${expected.join()}]` }
  ];
}
