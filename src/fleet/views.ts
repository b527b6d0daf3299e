import { activeTasks, type BatchStatus } from '../../machines/batch.ts';
import type { Json, TaskResult, TaskStatus } from '../../machines/task.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { QueuedKind } from '../ledger/queuedKinds.ts';
import { batchLifecycle } from '../ledger/lifecycles.ts';
import type { BatchRow, StoredResult, StoredTask } from '../store.ts';
import { taskIdOf } from '../submission/taskKey.ts';
import { parseJson } from '../validation/jsonText.ts';
import { batchFiguresOf } from './batchFigures.ts';

/** A task as a caller sees it. */
export interface TaskView {
  readonly id: string;
  readonly key: string;
  readonly batchId: string | null;
  readonly type: string;
  readonly status: TaskStatus;
  readonly priority: number;
  /** What a worker has to offer to be given it; absent where it has none. */
  readonly tags?: readonly string[];
  /** Its own limits, where it has some. */
  readonly timeoutMs?: number;
  readonly maxRetries?: number;
  readonly data: unknown;
  readonly metadata?: Json;
  /** Attempts started. */
  readonly attempts: number;
  readonly workerId: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly settledAt?: number;
  /** When it starts or is tried again, epoch ms; absent unless it waits for that. */
  readonly dueAt?: number;
  /** Message of the last error. */
  readonly error?: string;
  readonly retryOf?: string;
  /** Ids of the tasks of its batch that had to complete before it. */
  readonly dependsOn?: readonly string[];
  readonly idempotencyKey?: string;
  /** While it runs, what its handler told last: its progress, and its last 20 lines, oldest first. Not durable. */
  readonly progress?: Json;
  readonly log?: readonly string[];
  /** Its place in the order of submission: the cursor of `listTasks`. */
  readonly seq: number;
}

export function taskViewOf({ row: { state, context }, payload }: StoredTask): TaskView {
  const { key, batchId, type, priority, attempt, workerId, createdAt, seq } = context;
  return {
    id: taskIdOf(key, batchId),
    key,
    batchId,
    type,
    status: state,
    priority,
    ...(context.tags.length > 0 && { tags: context.tags }),
    ...(context.timeoutMs !== null && { timeoutMs: context.timeoutMs }),
    ...(context.maxRetries !== null && { maxRetries: context.maxRetries }),
    data: parseJson(payload.data),
    ...(payload.metadata !== null && { metadata: parseJson(payload.metadata) as Json }),
    attempts: attempt,
    workerId,
    createdAt,
    ...(context.startedAt !== null && { startedAt: context.startedAt }),
    ...(context.settledAt !== null && { settledAt: context.settledAt }),
    ...(context.dueAt !== null && { dueAt: context.dueAt }),
    ...(context.error !== null && { error: context.error.message }),
    ...(context.retryOf !== null && { retryOf: context.retryOf }),
    ...(payload.dependsOn !== null && { dependsOn: parseJson(payload.dependsOn) as string[] }),
    ...(payload.idempotencyKey !== null && { idempotencyKey: payload.idempotencyKey }),
    seq
  };
}

export function batchStatusOf({ state, context }: BatchRow): BatchStatus {
  const { id, counts, totalTasks, createdAt, startedAt, settledAt, metadata } = context;
  return {
    id,
    status: state,
    ...batchFiguresOf(counts, totalTasks, batchLifecycle.isFinal(state)),
    createdAt,
    ...(startedAt !== null && { startedAt }),
    ...(settledAt !== null && { settledAt }),
    ...(metadata !== null && { metadata })
  };
}

export function taskResultOf<TResult>(stored: StoredResult): TaskResult<TResult> {
  return {
    ...withoutValue(stored),
    ...(stored.result !== null && { result: parseJson(stored.result) as TResult })
  };
}

/** Field by field: a rest pattern takes eight times as long, and this is done for every result. */
export function withoutValue(stored: StoredResult): Omit<TaskResult, 'result'> {
  const { error, failure } = stored;
  return {
    taskId: stored.taskId,
    key: stored.key,
    batchId: stored.batchId,
    type: stored.type,
    success: stored.success,
    status: stored.status,
    ...(error !== undefined && { error }),
    ...(failure !== undefined && { failure }),
    duration: stored.duration,
    timestamp: stored.timestamp,
    attempts: stored.attempts,
    workerId: stored.workerId,
    settledSeq: stored.settledSeq
  };
}

/** Figures of a fleet. Totals count since its first start, across restarts and removed batches. */
export interface FleetStatistics {
  readonly totalBatches: number;
  readonly totalTasks: number;
  readonly completedTasks: number;
  /** Failed and timed-out tasks. */
  readonly failedTasks: number;
  readonly cancelledTasks: number;
  readonly timedOutTasks: number;
  /** Attempts that failed or timed out and were followed by another. */
  readonly retriedAttempts: number;
  /** Attempts lost to a dead worker or process. */
  readonly lostAttempts: number;
  /** Outcomes that came after their attempt was over, and were ignored. */
  readonly lateOutcomes: number;
  /** Tasks that wait for those that they depend on. */
  readonly blockedTasks: number;
  /** Tasks that are ready, or scheduled for later. */
  readonly queuedTasks: number;
  readonly backingOffTasks: number;
  /** Queued tasks that wait for a worker with tags, or where workers are remote with a handler, that none has now. */
  readonly unroutableTasks: number;
  /** The same by type and tags, the first 100 of these. */
  readonly unroutableKinds: readonly QueuedKind[];
  readonly runningTasks: number;
  readonly workerCount: number;
  /** Workers that hold a task. */
  readonly activeWorkers: number;
  /** Handlers that ignored their abort for the whole grace and still run. */
  readonly stuckWorkers: number;
}

/** Kinds that statistics name. */
const mostKinds = 100;

export function fleetStatisticsOf(ledger: Ledger): FleetStatistics {
  const { head, roster, givenUp, overdue } = ledger;
  const unroutable = ledger.unroutable();
  const { stats } = head;
  const { counts, totalBatches, totalTasks, retriedAttempts, lostAttempts, lateOutcomes } = stats;
  let activeWorkers = 0;
  for (const { attempts } of roster.all()) if (attempts.size > 0) activeWorkers += 1;
  return {
    totalBatches,
    totalTasks,
    completedTasks: counts.completed,
    failedTasks: counts.failed + counts.timedOut,
    cancelledTasks: counts.cancelled,
    timedOutTasks: counts.timedOut,
    retriedAttempts,
    lostAttempts,
    lateOutcomes,
    blockedTasks: counts.blocked,
    queuedTasks: counts.queued + counts.scheduled,
    backingOffTasks: counts.backingOff,
    unroutableTasks: unroutable.reduce((sum, { tasks }) => sum + tasks, 0),
    unroutableKinds: unroutable.slice(0, mostKinds),
    runningTasks: activeTasks(counts),
    workerCount: roster.size,
    activeWorkers,
    stuckWorkers: givenUp.size + overdue.size
  };
}
