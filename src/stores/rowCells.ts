import type { BatchState } from '../../machines/batch.ts';
import type { BatchContext } from '../../machines/batchMachine.ts';
import type { ScheduleState } from '../../machines/schedule.ts';
import type { ScheduleContext } from '../../machines/scheduleMachine.ts';
import { noTags } from '../../machines/tags.ts';
import type { FinalTaskStatus, Json, TaskError, TaskStatus } from '../../machines/task.ts';
import type { TaskContext } from '../../machines/taskMachine.ts';
import type { FleetStats } from '../ledger/stats.ts';
import type {
  BatchRow,
  LedgerHead,
  Payload,
  ScheduleRow,
  StoredAgent,
  StoredResult,
  StoredTask,
  TaskRow
} from '../store.ts';
import { parseJson } from '../validation/jsonText.ts';
import { numberOf, valueOf, type Cell } from './cells.ts';

/** What a step of a task changes. */
export const taskStateColumns = [
  'state',
  'attempt',
  'failures',
  'recoveries',
  'worker',
  'due_at',
  'started_at',
  'settled_at',
  'error'
];

/** Columns of a task's row, in the order that {@link decodeTask} takes. */
export const taskColumns = [
  'id',
  'key',
  'batch',
  'type',
  'priority',
  'timeout_ms',
  'max_retries',
  'retry_of',
  'created_at',
  ...taskStateColumns,
  'tags',
  'ready_at',
  'blocked_by'
];

/** Columns of what a task carries, in the order that {@link decodePayload} takes. */
export const payloadColumns = ['data', 'metadata', 'depends_on', 'idempotency_key', 'traceparent'];

/** Columns of a result, in the order that {@link decodeResult} takes. */
export const resultColumns = [
  'id',
  'key',
  'task',
  'batch',
  'type',
  'success',
  'status',
  'duration',
  'timestamp',
  'received_at',
  'attempts',
  'worker',
  'result',
  'error',
  'failure',
  'received_high'
];

export function decodeTask(cells: readonly Cell[]): TaskRow {
  const state = cells[9] as TaskStatus;
  const context: TaskContext = {
    seq: cells[0] as number,
    key: cells[1] as string,
    batchId: cells[2] as string | null,
    type: cells[3] as string,
    priority: numberOf(cells[4])!,
    tags: valueOf<readonly string[]>(cells[18]) ?? noTags,
    timeoutMs: numberOf(cells[5]),
    maxRetries: cells[6] as number | null,
    retryOf: cells[7] as string | null,
    createdAt: numberOf(cells[8])!,
    readyAt: numberOf(cells[19]),
    // Kept for good, so that no step has to write it.
    blockedBy: state === 'blocked' ? valueOf<number[]>(cells[20]) : null,
    attempt: cells[10] as number,
    failures: cells[11] as number,
    recoveries: cells[12] as number,
    workerId: cells[13] as string | null,
    dueAt: numberOf(cells[14]),
    startedAt: numberOf(cells[15]),
    settledAt: numberOf(cells[16]),
    error: valueOf<TaskError>(cells[17])
  };
  return { state, context };
}

export function decodeStoredTask(cells: readonly Cell[]): StoredTask {
  return { row: decodeTask(cells), payload: decodePayload(cells.slice(taskColumns.length)) };
}

/** @param cells - Without the number of the task. */
export function decodePayload(cells: readonly Cell[]): Payload {
  const [data, metadata, dependsOn, idempotencyKey, traceparent] = cells;
  const payload = {
    data: data as string,
    metadata: metadata as string | null,
    dependsOn: dependsOn as string | null,
    idempotencyKey: idempotencyKey as string | null
  };
  return traceparent == null ? payload : { ...payload, traceparent: traceparent as string };
}

export function decodeResult(cells: readonly Cell[]): StoredResult {
  const [error, failure] = [cells[13] as string | null, valueOf<TaskError>(cells[14])];
  return {
    settledSeq: cells[0] as number,
    key: cells[1] as string,
    taskId: cells[2] as string,
    batchId: cells[3] as string | null,
    type: cells[4] as string,
    success: cells[5] === 1,
    status: cells[6] as FinalTaskStatus,
    duration: numberOf(cells[7])!,
    timestamp: numberOf(cells[8])!,
    receivedAt: cells[9] as number,
    attempts: cells[10] as number,
    workerId: cells[11] as string | null,
    result: cells[12] as string | null,
    ...(error !== null && { error }),
    ...(failure !== null && { failure })
  };
}

export function decodeHead([turn, seq, settledSeq, stats]: readonly Cell[]): LedgerHead | null {
  if (turn === null) return null;
  return {
    turn: turn as number,
    seq: seq as number,
    settledSeq: settledSeq as number,
    stats: parseJson(stats as string) as FleetStats
  };
}

export function decodeBatch([, state, , , , context]: readonly Cell[]): BatchRow {
  return { state: state as BatchState, context: parseJson(context as string) as BatchContext };
}

export function decodeSchedule([, state, context]: readonly Cell[]): ScheduleRow {
  return { state: state as ScheduleState, context: parseJson(context as string) as ScheduleContext };
}

export function decodeAgent([id, machine, version, snapshot]: readonly Cell[]): StoredAgent {
  return {
    id: id as string,
    machine: machine as string,
    schemaVersion: version as number,
    snapshot: parseJson(snapshot as string) as Json
  };
}
