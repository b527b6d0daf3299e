import type { LedgerCommand, OperationCommand } from '../../machines/fleetCommand.ts';
import type { AttemptRef, Outcome } from '../../machines/task.ts';
import type { BatchRow, ExpiredBatch, StoredTask, TaskRow } from '../store.ts';

/** What comes in between two turns. */
export type TurnInput =
  | CommandInput
  | AttemptStarted
  | AttemptSettled
  | AttemptLost
  | AttemptReturned
  | AttemptsReleased
  | BatchesExpired
  | TurnAwaited;

/** A command and the caller who waits for its reply; an operation command only waits to be durable. */
export interface CommandInput {
  readonly type: 'command';
  readonly command: LedgerCommand | OperationCommand;
  readonly commandId: string | undefined;
  /** Tasks of the submission that found room in turns before; the command holds the others. */
  readonly admitted?: number;
  /** A schedule submits what was looked at when it was put in: what has no handler here waits for one. */
  readonly isScheduled?: true;
}

/** A remote worker has begun an attempt. */
export interface AttemptStarted extends AttemptRef {
  readonly type: 'attempt.started';
}

/** A handler ended. */
export interface AttemptSettled extends AttemptRef {
  readonly type: 'attempt.settled';
  readonly outcome: Outcome;
  /** Whose reply is the state that the task is in then, or `null` where the attempt was over. */
  readonly commandId?: string;
}

/** Nothing will be heard of the attempt any more: its worker or process died. */
export interface AttemptLost extends AttemptRef {
  readonly type: 'attempt.lost';
  readonly reason: string;
}

/** Nobody runs the attempt, and nobody is to blame: whoever it was claimed for had gone. */
export interface AttemptReturned extends AttemptRef {
  readonly type: 'attempt.returned';
}

/** The fleet stops hard: every attempt goes back to the queue. */
export interface AttemptsReleased {
  readonly type: 'attempts.released';
}

/** Settled batches that retention lets go. */
export interface BatchesExpired {
  readonly type: 'batches.expired';
  readonly batches: readonly ExpiredBatch[];
}

/** Somebody waits until a turn was taken. */
export interface TurnAwaited {
  readonly type: 'turn.awaited';
  readonly commandId: string;
}

/** What a turn needs to know that is not in memory: read from the store before it steps. */
export interface Found {
  readonly tasks: ReadonlyMap<string, StoredTask>;
  /** Rows of tasks that others are to depend on. */
  readonly dependencies: ReadonlyMap<string, TaskRow>;
  /** Tasks by their idempotency keys. */
  readonly keyHolders: ReadonlyMap<string, StoredTask>;
  readonly batches: ReadonlyMap<string, BatchRow>;
  /** Submitted results that are there already, as {@link submittedResultKey}. */
  readonly results: ReadonlySet<string>;
  /** What schedules submit, by their ids. */
  readonly templates: ReadonlyMap<string, string>;
}
