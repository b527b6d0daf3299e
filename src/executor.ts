import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AttemptRef, Json, Outcome, TaskError, TaskStatus } from '../machines/task.ts';
import type { TaskRequest } from './ledger/taskRequests.ts';

/** One attempt, as an executor gets it. Structured-cloneable. */
export interface Attempt extends AttemptRef {
  /** Stable over all attempts: the idempotency key. */
  readonly key: string;
  readonly taskId: string;
  readonly batchId: string | null;
  readonly type: string;
  /** JSON text. */
  readonly data: string;
  /** JSON text; `null`: none. */
  readonly metadata: string | null;
  readonly workerId: string;
  /** The request that it was claimed for; absent where a worker of the fleet has it. */
  readonly requestId?: string;
  /** W3C `traceparent` that its spans belong to; absent: none. */
  readonly traceparent?: string;
}

/** A worker that has come by itself: a process somewhere else. */
export interface JoinedWorker {
  /** Names the process for good: one that starts anew comes under a new id. 1 to 128 characters of [A-Za-z0-9._-]. */
  readonly workerId: string;
  /** Attempts that it runs at once. Integer >= 1. */
  readonly concurrency: number;
  /** Attempts that may be dispatched to it beyond those, and wait in it. Integer >= 0. Defaults to 0. */
  readonly prefetch?: number | undefined;
  readonly tags: readonly string[];
  /** Task types that it has handlers for. */
  readonly types: readonly string[];
  /** Why it is given nothing, such as another version of the protocol; `null`: it takes tasks. */
  readonly problem: string | null;
}

/** What an executor reports. Each attempt is settled or lost exactly once, even after an abort. */
export interface ExecutorReports {
  /** It ended: the handler returned, threw or rejected. Late ones are reported too; the fleet fences them. */
  settled(attempt: AttemptRef, outcome: Outcome): void;
  progress(attempt: AttemptRef, value: Json): void;
  log(attempt: AttemptRef, line: string): void;
  /**
   * Code of its handler that nobody waits for threw. It is settled with that error before, so that it fails.
   *
   * @param hasFailed - `false`: it was over already, and the error is a late outcome.
   */
  detached(attempt: Attempt, error: TaskError, hasFailed: boolean): void;
  /** Nothing will be heard of it: what ran it has gone. Queued again at once, from a small budget. */
  lost(attempt: AttemptRef, reason: string): void;
  /** A worker ended that nobody stopped. Its attempts are reported lost as well. */
  workerLost(workerId: string, reason: string): void;
  /** A worker has answered {@link Executor.probe}. */
  heartbeat(workerId: string): void;

  /** A remote worker has begun an attempt that it was given: its timeout is armed now. Left out where its end is told. */
  started(attempt: AttemptRef): void;
  /** A remote worker is there, or says something else of itself than before. @throws {ValidationError} for what none can say. */
  joined(worker: JoinedWorker): void;
  /** It takes nothing more; what it holds goes on. */
  draining(workerId: string): void;
  /** It has ended as it was asked to. What it still held is lost. */
  left(workerId: string): void;

  /**
   * As `settled`, for somebody who waits until it is durable.
   *
   * @returns The state that the task is in then; `null`: the attempt was over, and the outcome is ignored.
   */
  confirm(attempt: AttemptRef, outcome: Outcome): Promise<TaskStatus | null>;
  /** Nobody runs it, and nobody is to blame: queued again, uncharged, unless it was over. */
  returned(attempt: AttemptRef): void;

  /** A worker wants one task. Its attempt is dispatched with the id of the request. */
  request(request: TaskRequest): void;
  /** @returns `false`: a turn is under way with it. Its attempt comes, or the request is open again. */
  withdraw(requestId: string): boolean;
  /** Resolves when a turn was taken, and what it started was dispatched. */
  nextTurn(): Promise<void>;
}

/** An attempt that a worker held when its fleet stopped or died. */
export interface HeldAttempt extends AttemptRef {
  readonly workerId: string;
}

/** What became of an attempt that was held when its fleet stopped or died. `running`: it may also wait in its worker yet. */
export type Reattachment =
  | { readonly status: 'running' }
  | { readonly status: 'settled'; readonly outcome: Outcome }
  | { readonly status: 'lost' };

/** Why an attempt is aborted. It becomes the reason of the handler's signal. */
export interface AbortCause {
  readonly kind: 'timeout' | 'cancelled' | 'stopped' | 'failed' | 'lost';
  readonly message: string;
}

/**
 * Port: where handlers run.
 *
 * Nothing that a handler does may throw out of an executor: it becomes an {@link Outcome}. No call waits for a
 * handler.
 */
export interface Executor {
  /** Task types that it can run. `null`: any. */
  readonly types: ReadonlySet<string> | null;
  /** By what the data of a type's tasks is read when they are submitted; `undefined`, or no method: it is not. */
  schemaOf?(type: string): StandardSchemaV1 | undefined;
  /**
   * Whether its workers come by themselves, with {@link ExecutorReports.request}: the fleet makes none then, and
   * calls neither `startWorker` nor `stopWorker`. Defaults to `false`.
   */
  readonly isSelfStaffed?: boolean;
  /**
   * Whether its workers are processes elsewhere: they come by themselves with {@link ExecutorReports.joined} (the fleet makes
   * none, and calls neither startWorker nor stopWorker), begin attempts when they get to them ({@link ExecutorReports.started};
   * until then the task is `dispatched`), and go on when the fleet stops or dies: `stop` leaves attempts running, their
   * rows stay as they are, and `reattach` finds them again. Defaults to `false`.
   *
   * It has {@link Executor.probe}. A worker that the fleet calls lost is taken back when it answers or joins again; what
   * it held is aborted with the cause `lost`, so that what it has not begun is not run. An outcome is safe when the
   * promise of {@link ExecutorReports.confirm} resolves: until then it is what `reattach` is to find.
   */
  readonly isRemote?: boolean;
  /**
   * Whether a worker is nothing but an id: `startWorker` and `stopWorker` have nothing to do, and the fleet leaves them out
   * where a worker has taken its last task and the next one follows. Whoever wraps an executor and does something in them
   * leaves this out. Defaults to `false`.
   */
  readonly workersAreIds?: boolean;

  start(reports: ExecutorReports): Promise<void>;

  /** Makes a worker ready to run attempts. What it says that the worker offers is added to the tags of its slot. */
  startWorker(workerId: string): Promise<void | { readonly tags?: readonly string[] }>;
  /** Cleans a worker up; attempts that still hang in it are given up, and ended where that is possible. */
  stopWorker(workerId: string): Promise<void>;

  /** Starts attempts. They were claimed durably before. */
  dispatch(attempts: readonly Attempt[]): void;
  /** Asks the handler to stop. An attempt that has settled is ignored. */
  abort(attempt: AttemptRef, cause: AbortCause): void;
  /** Says of each attempt what became of it, in order. */
  reattach(attempts: readonly HeldAttempt[]): Promise<readonly Reattachment[]>;

  /**
   * Asks a worker for a heartbeat. Only executors have it whose workers are threads, processes or machines of their
   * own, whose {@link Executor.stopWorker} really ends what hangs: the fleet replaces those that do not answer. A remote
   * one has it too, and nobody is replaced.
   */
  probe?(workerId: string): void;

  /** Gives up what still runs; a remote one leaves it running, and tells nothing more. */
  stop(): Promise<void>;
}
