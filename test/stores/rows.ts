import { noTaskCounts } from '../../machines/batch.ts';
import { noStats } from '../../src/ledger/stats.ts';
import type {
  BatchRow,
  Commit,
  ScheduleChange,
  ScheduleRow,
  StoredAgent,
  StoredResult,
  StoredTask,
  TaskRow
} from '../../src/store.ts';

/** Epoch ms at which everything in these tests happens. */
export const now = 1_700_000_000_000;

/** A queued task of no batch, with the number in its key. */
export function taskOf(seq: number, context: Partial<TaskRow['context']> = {}): StoredTask {
  return {
    row: {
      state: 'queued',
      context: {
        seq,
        key: `task-${seq}`,
        batchId: null,
        type: 'check',
        priority: 5,
        tags: [],
        timeoutMs: null,
        maxRetries: null,
        retryOf: null,
        createdAt: now,
        blockedBy: null,
        readyAt: null,
        attempt: 0,
        failures: 0,
        recoveries: 0,
        workerId: null,
        dueAt: null,
        startedAt: null,
        settledAt: null,
        error: null,
        ...context
      }
    },
    payload: payloadOf(JSON.stringify({ seq }))
  };
}

/** @param data - JSON text. */
export function payloadOf(data: string, carried: Partial<StoredTask['payload']> = {}): StoredTask['payload'] {
  return { data, metadata: null, dependsOn: null, idempotencyKey: null, ...carried };
}

/** The task's next row. */
export function rowOf(
  { row }: Pick<StoredTask, 'row'>,
  state: TaskRow['state'],
  context: Partial<TaskRow['context']> = {}
): TaskRow {
  return { state, context: { ...row.context, ...context } };
}

export function batchOf(id: string, context: Partial<BatchRow['context']> = {}): BatchRow {
  return {
    state: 'processing',
    context: {
      id,
      counts: noTaskCounts,
      firstSeq: 0,
      lastSeq: 0,
      totalTasks: 0,
      metadata: null,
      createdAt: now,
      startedAt: null,
      settledAt: null,
      ...context
    }
  };
}

/** A batch that completed. */
export function settledBatchOf(id: string, context: Partial<BatchRow['context']> = {}): BatchRow {
  return { state: 'completed', context: { ...batchOf(id).context, settledAt: now, ...context } };
}

/** The result of a task that completed. */
export function resultOf(settledSeq: number, result: Partial<StoredResult> = {}): StoredResult {
  return {
    taskId: `task-${settledSeq}`,
    key: `task-${settledSeq}`,
    batchId: null,
    type: 'check',
    success: true,
    status: 'completed',
    result: '{"ok":true}',
    duration: 3,
    timestamp: now + settledSeq,
    attempts: 1,
    workerId: 'worker-1',
    settledSeq,
    receivedAt: now + settledSeq,
    ...result
  };
}

/** The result of a task that failed. */
export function failureOf(settledSeq: number, result: Partial<StoredResult> = {}): StoredResult {
  const failure = { name: 'Error', message: 'no luck', stack: 'Error: no luck\n  at x', retryable: true };
  return resultOf(settledSeq, {
    success: false,
    status: 'failed',
    result: null,
    error: 'no luck',
    failure,
    ...result
  });
}

/** A schedule with what it submits, new or changed. */
export function scheduleOf(
  id: string,
  context: Partial<ScheduleRow['context']> = {}
): ScheduleChange & { readonly row: ScheduleRow; readonly template: string } {
  const template = JSON.stringify({ type: 'check', data: id });
  return {
    id,
    row: {
      state: 'active',
      context: {
        id,
        spec: {
          cron: '*/5 * * * *',
          timeZone: 'Europe/Berlin',
          everyMs: null,
          catchUp: 'last',
          overlap: 'skip',
          startAt: null,
          endAt: null,
          maxRuns: null
        },
        kind: 'task',
        tasks: 1,
        size: template.length,
        createdAt: now,
        updatedAt: now,
        dueAt: now + 0.5,
        runs: 0,
        skipped: 0,
        lastRun: null,
        ...context
      }
    },
    template
  };
}

export function agentOf(id: string, snapshot: StoredAgent['snapshot'] = { value: 'idle' }): StoredAgent {
  return { id, machine: 'worker', schemaVersion: 1, snapshot };
}

export type Changes = Partial<Omit<Commit, 'results'>> & { readonly results?: readonly StoredResult[] };

/** A commit with nothing in it but what is said. Results are those of the tasks in it that have their keys. */
export function commitOf(scope: string, turn: number, { results = [], ...changes }: Changes = {}): Commit {
  const rows = [...(changes.newTasks ?? []).map(({ row }) => row), ...(changes.tasks ?? [])];
  const seqs = new Map(rows.map(({ context }) => [context.key, context.seq]));
  return {
    scope,
    head: { turn, seq: 0, settledSeq: 0, stats: noStats },
    newTasks: [],
    tasks: [],
    batches: [],
    results: results.map((result) => ({ ...result, seq: seqs.get(result.key) ?? null })),
    schedules: [],
    agents: [],
    ...changes
  };
}

/** Integers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
