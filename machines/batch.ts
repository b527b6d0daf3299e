import type { Json, TaskStatus } from './task.ts';

/** Where a batch is in its life: the states of {@link batchMachine}. */
export type BatchState = 'accepting' | 'pending' | 'processing' | 'paused' | 'cancelling' | FinalBatchState;

/** How a batch ended. */
export type FinalBatchState = 'completed' | 'failed' | 'partial' | 'cancelled';

/** Every state of a batch that has not settled, in the order of a batch's life. */
export const liveBatchStates = [
  'accepting',
  'pending',
  'processing',
  'paused',
  'cancelling'
] as const satisfies readonly BatchState[];

/** Every state of one that has. */
export const finalBatchStates = [
  'completed',
  'failed',
  'partial',
  'cancelled'
] as const satisfies readonly FinalBatchState[];

/** Every batch state: the live ones, then those that are final. */
export const batchStates = [...liveBatchStates, ...finalBatchStates] as const;

const finalStates: ReadonlySet<BatchState> = new Set(finalBatchStates);

export function isFinalBatchState(state: BatchState): state is FinalBatchState {
  return finalStates.has(state);
}

/** How many tasks of a batch are in each status. */
export type TaskCounts = Readonly<Record<TaskStatus, number>>;

/** A batch as its caller sees it. */
export interface BatchStatus {
  readonly id: string;
  readonly status: BatchState;
  readonly totalTasks: number;
  readonly completedTasks: number;
  /** Failed and timed-out tasks. */
  readonly failedTasks: number;
  readonly cancelledTasks: number;
  readonly timedOutTasks: number;
  /** Waiting for tasks that they depend on. */
  readonly blockedTasks: number;
  /** Ready to run, or scheduled for later. */
  readonly queuedTasks: number;
  /** Dispatched, running or being cancelled. */
  readonly runningTasks: number;
  /** Waiting for their next attempt. */
  readonly retryingTasks: number;
  /** Settled share of the tasks, 0 to 1. An empty batch has progress 1. */
  readonly progress: number;
  /** Epoch ms. */
  readonly createdAt: number;
  /** When its first task was started, epoch ms. */
  readonly startedAt?: number;
  /** Epoch ms. */
  readonly settledAt?: number;
  readonly metadata?: Json;
}

export const noTaskCounts: TaskCounts = {
  blocked: 0,
  scheduled: 0,
  queued: 0,
  dispatched: 0,
  running: 0,
  backingOff: 0,
  cancelling: 0,
  completed: 0,
  failed: 0,
  timedOut: 0,
  cancelled: 0
};

/** Tasks that reached a final status. */
export function settledTasks(counts: TaskCounts): number {
  return counts.completed + counts.failed + counts.timedOut + counts.cancelled;
}

/** Tasks that wait for a worker, for a time or for other tasks. */
export function waitingTasks({ blocked, scheduled, queued, backingOff }: TaskCounts): number {
  return blocked + scheduled + queued + backingOff;
}

/** Tasks that a worker holds now. */
export function activeTasks(counts: TaskCounts): number {
  return counts.dispatched + counts.running + counts.cancelling;
}
