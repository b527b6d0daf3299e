/** A value that survives `JSON.parse(JSON.stringify(value))` unchanged. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Where a task is in its life: the states of {@link taskMachine}. */
export type TaskStatus =
  | 'blocked'
  | 'scheduled'
  | 'queued'
  | 'dispatched'
  | 'running'
  | 'backingOff'
  | 'cancelling'
  | FinalTaskStatus;

/** How a task ended. */
export type FinalTaskStatus = 'completed' | 'failed' | 'timedOut' | 'cancelled';

/** Every status of a task that has not settled, in the order of a task's life. */
export const liveTaskStatuses = [
  'blocked',
  'scheduled',
  'queued',
  'dispatched',
  'running',
  'backingOff',
  'cancelling'
] as const satisfies readonly TaskStatus[];

/** Every status of one that has. */
export const finalTaskStatuses = [
  'completed',
  'failed',
  'timedOut',
  'cancelled'
] as const satisfies readonly FinalTaskStatus[];

/** Every task status: the live ones, then those that are final. */
export const taskStatuses = [...liveTaskStatuses, ...finalTaskStatuses] as const;

const finalStatuses: ReadonlySet<TaskStatus> = new Set(finalTaskStatuses);

export function isFinalTaskStatus(status: TaskStatus): status is FinalTaskStatus {
  return finalStatuses.has(status);
}

/** Named priorities. Any finite number is a priority: higher is dispatched first. */
export const taskPriority = { low: 0, normal: 5, high: 10, critical: 20 } as const;

/** A handler's error as data: bounded in size, whatever was thrown. */
export interface TaskError {
  readonly name: string;
  /** At most 8 KiB. */
  readonly message: string;
  /** At most 16 KiB. */
  readonly stack?: string;
  /** The error's own `code`, when it had a string for one. */
  readonly code?: string;
  /** Whether another attempt may help. */
  readonly retryable: boolean;
}

/** How an attempt ended. A handler's error is an outcome, not an exception. */
export type Outcome =
  | {
      readonly status: 'completed';
      /** The handler's result as JSON text; `null` when it returned nothing. */
      readonly result: string | null;
    }
  | { readonly status: 'failed'; readonly error: TaskError };

/** One attempt of one task. The pair is the fence: an outcome that names an older attempt is ignored. */
export interface AttemptRef {
  /** The task's number in its fleet. */
  readonly seq: number;
  /** Integer >= 1. */
  readonly attempt: number;
}

/** What became of a task. */
export interface TaskResult<TResult = unknown> {
  /** The task's id, unique in its batch. */
  readonly taskId: string;
  /** `batchId/taskId`, or the id alone for a single task: unique in the fleet. */
  readonly key: string;
  readonly batchId: string | null;
  readonly type: string;
  readonly success: boolean;
  readonly status: FinalTaskStatus;
  /** What the handler returned; absent when it returned nothing or did not complete. */
  readonly result?: TResult;
  /** Message of the last error; absent on success. */
  readonly error?: string;
  /** The last error in full; absent on success. */
  readonly failure?: TaskError;
  /** Ms that the last attempt ran; 0 when none was started. */
  readonly duration: number;
  /** When it settled, epoch ms. */
  readonly timestamp: number;
  /** Attempts started, lost and released ones included. */
  readonly attempts: number;
  /** The worker of the last attempt; `null` when none was started. */
  readonly workerId: string | null;
  /** Position in the fleet's order of settling. Integer >= 1: resume a stream from here. */
  readonly settledSeq: number;
}
