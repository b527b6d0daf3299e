import type { AttemptRef, Json, TaskError } from '../../../machines/task.ts';
import type { AbortCause, Attempt, JoinedWorker } from '../../executor.ts';

/**
 * What fleets and workers agree upon. It rises when a worker of the version before would misread a job, or a fleet its
 * answer: such are seen, and given nothing.
 */
export const protocolVersion = 1;

/** Redis, and BullMQ, that the protocol was tried with. */
export const leastRedis = [7, 0] as const;
export const leastBullMq = [6, 7] as const;

/** Ids of workers and names of fleets: parts of keys. */
export const namePattern = /^[A-Za-z0-9._-]{1,128}$/;

/** What a worker says of itself, as JSON in the registry. */
export interface WorkerEntry extends Pick<JoinedWorker, 'workerId' | 'tags' | 'types'> {
  readonly protocol: number;
  /** `left`: it has ended as it was asked to, and only waits to be crossed out. */
  readonly state: 'ready' | 'draining' | 'left';
  /** Attempts that it runs at once. */
  readonly concurrency: number;
  /** How often it renews its entry, ms. */
  readonly heartbeatMs: number;
  readonly pid: number;
  readonly host: string;
}

/** Heartbeats that a worker may miss before it counts as gone. */
export const heartbeatsUntilGone = 6;

/** What a job carries. */
export type JobData = Attempt;

/** How a fleet asks for an abort, as JSON: on the channel of the worker with the job, in its hash without. */
export interface AbortOrder {
  readonly jobId: string;
  readonly cause: AbortCause;
}

/** Reads an order. @returns `null`: it is none; whoever can write to Redis may have written it. */
export function readOrder(text: string): AbortOrder | null {
  const { jobId, cause } = (parsed(text) ?? {}) as Partial<AbortOrder>;
  return typeof jobId === 'string' && isCause(cause) ? { jobId, cause } : null;
}

/** The same for the cause alone. */
export function readCause(text: string): AbortCause | null {
  const cause = parsed(text);
  return isCause(cause) ? cause : null;
}

/**
 * What a worker tells of an attempt beside its outcome, which is the return value of its job: entries of the event stream
 * of its queue, where they stand in order with BullMQ's own. The names are no events of BullMQ.
 */
export const newsEvent = 'xstate-fleet';

export type WorkerNews =
  | { readonly type: 'progress'; readonly value: Json }
  | { readonly type: 'log'; readonly line: string }
  | {
      readonly type: 'detached';
      readonly error: TaskError;
      readonly hasFailed: boolean;
      readonly of: Attempt;
    }
  /** Its lock is gone: BullMQ takes no outcome of it any more. */
  | { readonly type: 'unlocked' };

/**
 * Names an attempt for BullMQ.
 *
 * @param run - Of the executor that dispatches it: a fleet whose store is gone counts from 1 again.
 */
export function jobIdOf({ seq, attempt }: AttemptRef, run: string): string {
  return `${seq}-${attempt}-${run}`;
}

/** The attempt that a job is of; `null`: it is no job of a fleet. */
export function attemptOfJob(jobId: string): AttemptRef | null {
  const [, seq, attempt] = /^(\d{1,16})-(\d{1,16})-[a-z0-9]+$/.exec(jobId) ?? [];
  return seq === undefined ? null : { seq: Number(seq), attempt: Number(attempt) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isCause(value: unknown): value is AbortCause {
  const { kind, message } = (value ?? {}) as Partial<AbortCause>;
  return typeof kind === 'string' && typeof message === 'string';
}
