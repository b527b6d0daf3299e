import type { FleetConfig } from './fleetConfig.ts';
import type { ScheduleKind, ScheduleSpec } from './schedule.ts';
import type { FinalTaskStatus, Json, TaskError } from './task.ts';

/** A task as it is submitted: validated, and its data already JSON text. */
export interface NewTask {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly priority: number;
  /** Sorted, each once. */
  readonly tags: readonly string[];
  readonly timeoutMs: number | null;
  readonly maxRetries: number | null;
  /** Epoch ms; `null`: at once. */
  readonly startAfter: number | null;
  /** Not before this many ms from its acceptance, where that is another process's; absent: `startAfter` says it all. */
  readonly delayMs?: number;
  readonly retryOf: string | null;
  /** Ids of tasks of its batch that come before it and have to complete first; `null`: none. */
  readonly dependsOn: readonly string[] | null;
  /** Names what is to be done in the fleet, so that it is done once; `null`: nothing does. */
  readonly idempotencyKey: string | null;
  /** JSON text. */
  readonly data: string;
  /** JSON text; `null`: none. */
  readonly metadata: string | null;
  /** W3C `traceparent` of what submitted it alone; absent: it is not traced, or its batch says. */
  readonly traceparent?: string;
}

/** A result that a worker outside the fleet hands to the coordinator. */
export interface SubmittedResult {
  readonly taskId: string;
  /** Tells tasks of the worker apart: its own `key` of the task, or the task's id. */
  readonly key: string;
  readonly type: string;
  readonly status: FinalTaskStatus;
  /** JSON text; `null`: none. */
  readonly result: string | null;
  readonly error: TaskError | null;
  readonly duration: number;
  readonly timestamp: number;
  readonly attempt: number;
}

/** A schedule as it is put in: validated. */
export interface NewSchedule {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly kind: ScheduleKind;
  /** How many tasks each firing submits. */
  readonly tasks: number;
  /** What each firing submits, as JSON text. */
  readonly template: string;
}

/** Commands that the ledger carries out, in a turn. */
export type LedgerCommand =
  | {
      readonly type: 'batch.submit';
      readonly batchId: string;
      readonly metadata: Json;
      /** W3C `traceparent` of the submission that begins the batch; absent: it is not traced. */
      readonly traceparent?: string | undefined;
      readonly tasks: readonly NewTask[];
      /** `true` with the batch's last tasks. */
      readonly seal: boolean;
      /**
       * How many tasks the caller has submitted in all, these included; `null`: it does not say. With `seal`, a
       * batch of another size is a conflict.
       */
      readonly total: number | null;
      /** `true`: the id was minted for this submission, so nothing of it can be there already. */
      readonly fresh: boolean;
      /**
       * `true`: the batch began with this submission. As long as nobody else has added to it, a task that is there
       * already is a repetition.
       */
      readonly exclusive: boolean;
      /** Tasks that the caller is about to submit, this one's included: what a queue that rejects has room for. */
      readonly announced: number;
    }
  | { readonly type: 'batch.cancel'; readonly batchId: string }
  | { readonly type: 'batch.pause'; readonly batchId: string }
  | { readonly type: 'batch.resume'; readonly batchId: string }
  | { readonly type: 'batch.remove'; readonly batchId: string }
  | {
      readonly type: 'task.submit';
      readonly task: NewTask;
      /** `true`: the id was minted for this submission. */
      readonly fresh: boolean;
    }
  | { readonly type: 'task.cancel'; readonly key: string }
  | { readonly type: 'task.retry'; readonly key: string; readonly newKey: string }
  | { readonly type: 'schedule.put'; readonly schedule: NewSchedule }
  | { readonly type: 'schedule.remove'; readonly scheduleId: string }
  | { readonly type: 'schedule.pause'; readonly scheduleId: string }
  | { readonly type: 'schedule.resume'; readonly scheduleId: string }
  | { readonly type: 'result.submit'; readonly workerId: string; readonly result: SubmittedResult };

/** The ledger's command of one type. */
export type LedgerCommandOf<TType extends LedgerCommand['type']> = Extract<LedgerCommand, { type: TType }>;

/** Merged into the coordinator's metadata: a field that is `undefined` is removed. */
export type MetadataPatch = Readonly<Record<string, Json | undefined>>;

/** Commands that the fleet machine carries out itself; the turn only makes them durable. */
export type OperationCommand =
  | { readonly type: 'workers.scale'; readonly count: number }
  | { readonly type: 'config.update'; readonly config: Partial<FleetConfig> }
  /** The coordinator begins anew; the reply comes when the results from outside are removed. */
  | { readonly type: 'results.clear' }
  | { readonly type: 'metadata.update'; readonly patch: MetadataPatch }
  | { readonly type: 'fleet.pause' }
  | { readonly type: 'fleet.resume' }
  | { readonly type: 'fleet.drain' }
  | { readonly type: 'fleet.stop' };

/** A command; `commandId` names the caller that waits for its reply. */
export type FleetCommand = (LedgerCommand | OperationCommand) & { readonly commandId?: string };
