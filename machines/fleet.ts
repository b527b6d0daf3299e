import type { FinalBatchState } from './batch.ts';
import { defaultHealthPolicy, type HealthFact, type HealthPolicy } from './coordinatorMachine.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retryPolicy.ts';
import type { ScheduleKind, ScheduleRun, ScheduleSpec, SkipReason } from './schedule.ts';
import type { FinalTaskStatus, Json, TaskError } from './task.ts';

/**
 * How long what has settled is kept: the fleet removes it within a minute of its time, oldest first. What has not
 * settled is never touched, and statistics and the coordinator's summary go on counting what was removed.
 */
export interface Retention {
  /**
   * Batches, single tasks and results from outside go when they settled longer ago than this, ms. Finite, >= 0;
   * `null`: none goes for its age, the default.
   */
  readonly maxAgeMs: number | null;
  /**
   * Batches go when so many have settled after them. Integer >= 0; `null`: none goes for its number, the default.
   * Single tasks and results from outside are not counted.
   */
  readonly maxBatches: number | null;
  /**
   * Results from outside go when so many results, of whatever kind, have come after them. Integer >= 0; `null`: none
   * goes for its number, the default.
   */
  readonly maxResults: number | null;
}

/** Everything is kept until it is removed. */
export const defaultRetention: Retention = { maxAgeMs: null, maxBatches: null, maxResults: null };

/** Workers that offer the same. */
export interface WorkerGroup {
  /** At most 16, distinct. */
  readonly tags: readonly string[];
  /** Integer in [1, 100,000]. */
  readonly workers: number;
}

/** How many attempts of one type may start. */
export interface StartRate {
  /** Integer in [1, 100,000]. */
  readonly limit: number;
  /** No window of this length holds more than `limit` starts, ms. In (0, 3,600,000]. */
  readonly intervalMs: number;
}

/** What holds tasks of one type back, whatever room the workers have. */
export interface TypeLimit {
  /** Handlers that run at once, those included that are aborted and within their grace. Integer in [1, 100,000]. */
  readonly concurrency?: number;
  readonly rate?: StartRate;
}
/**
 * How the number of workers follows the load.
 *
 * The queue is the tasks that could run at once if there were room: neither those that are scheduled for later or back
 * off, nor those of a batch that is paused, nor what more workers would not run: tasks beyond the limit of their type,
 * of a type without a handler, or with tags that not even `maxWorkers` workers offer.
 */
export interface Autoscale {
  /** Integers in [1, 100,000], `minWorkers` <= `maxWorkers`. Need to be given. */
  readonly minWorkers: number;
  readonly maxWorkers: number;
  /**
   * A queue longer than this for `intervalMs` adds workers: one for each so many tasks (times `workerConcurrency`)
   * that wait. Integer >= 0. Defaults to 10.
   */
  readonly scaleUpThreshold: number;
  /**
   * With a queue shorter than this, workers go that were not needed for `cooldownMs`. Integer in
   * [0, `scaleUpThreshold`]; 0: none ever goes. Defaults to 2.
   */
  readonly scaleDownThreshold: number;
  /** How long a queue is too long before workers are added, ms. Finite, >= 1. Defaults to 1,000. */
  readonly intervalMs: number;
  /** How long it takes at least to turn from adding workers to removing some and back, ms. Finite, >= 0. Defaults to 30,000. */
  readonly cooldownMs: number;
}

/** What need not be given. */
export const defaultAutoscale: Omit<Autoscale, 'minWorkers' | 'maxWorkers'> = {
  scaleUpThreshold: 10,
  scaleDownThreshold: 2,
  intervalMs: 1_000,
  cooldownMs: 30_000
};

/** What may be changed while the fleet runs. Plain JSON, durable with the fleet's snapshot. */
export interface FleetConfig {
  /** Workers of the whole fleet. Integer in [1, 100,000]. Defaults to 10, with `autoscale` to its `minWorkers`. */
  readonly maxConcurrentWorkers: number;
  /**
   * What workers offer: the first slots belong to the first group, and so on; slots that are left offer no tags. When
   * `maxConcurrentWorkers` is lower than all groups together, the last groups get fewer. At most 1,000. Defaults to none.
   */
  readonly workerGroups: readonly WorkerGroup[];
  /** Tasks at once per worker. Integer in [1, 100,000]. Defaults to 1. */
  readonly workerConcurrency: number;
  /** Tasks that a worker takes before it is replaced by a fresh one. Integer >= 1; `null`: no limit, the default. */
  readonly tasksPerWorker: number | null;
  /** Limit for an attempt of a task that has none of its own, ms. Finite, > 0. Defaults to 300,000. */
  readonly workerTimeout: number;
  /** `false`: no task is retried, whatever `maxRetries` says. Defaults to `true`. */
  readonly retryFailedTasks: boolean;
  /** Retries of a task that has no limit of its own. Integer in [0, 1,000,000]. Defaults to 3. */
  readonly maxRetries: number;
  readonly retry: RetryPolicy;
  /** Attempts that a task may lose to dead workers before it counts as poison. Integer >= 0. Defaults to 3. */
  readonly maxRecoveries: number;
  /** How long an aborted handler may take to end before its worker is given up, ms. Defaults to 5,000. */
  readonly cancelGraceMs: number;
  /** Handlers that may hang beyond their grace before they keep their places. `null`: `maxConcurrentWorkers`. */
  readonly maxStuck: number | null;
  /** How often a worker in a thread or process is asked for a sign of life, ms. Finite, >= 1. Defaults to 5,000. */
  readonly heartbeatMs: number;
  /**
   * How long it may owe the answer before it is ended and replaced, ms. Finite, > `2 * heartbeatMs`, from which on
   * it is unresponsive. Defaults to 30,000.
   */
  readonly heartbeatTimeoutMs: number;
  /** Tasks that may wait at once. Integer >= 1; `null`: no limit, the default. */
  readonly maxQueueSize: number | null;
  /** What a submission to a full queue does. Defaults to `wait`. */
  readonly onQueueFull: 'wait' | 'reject';
  /**
   * A task counts as one priority point higher for each such time that it has waited, ms. So no task is passed by one
   * that became ready more than `ageingMs` times the difference of their priorities later. In [1, 2^53); `null`: never,
   * and a stream of urgent tasks may hold others back for ever. Defaults to 60,000.
   */
  readonly ageingMs: number | null;
  /** By task type; at most 1,000. A type at its limit lets others pass. Defaults to none. */
  readonly typeLimits: Readonly<Record<string, TypeLimit>>;
  readonly retention: Retention;
  /** Sets `maxConcurrentWorkers` by itself. `null`: it stays as it is set, the default. */
  readonly autoscale: Autoscale | null;
  /** When the coordinator tells `coordinator.degraded` and `coordinator.recovered`. */
  readonly health: HealthPolicy;
}

export const defaultFleetConfig: FleetConfig = {
  maxConcurrentWorkers: 10,
  workerGroups: [],
  workerConcurrency: 1,
  tasksPerWorker: null,
  workerTimeout: 300_000,
  retryFailedTasks: true,
  maxRetries: 3,
  retry: defaultRetryPolicy,
  maxRecoveries: 3,
  cancelGraceMs: 5_000,
  maxStuck: null,
  heartbeatMs: 5_000,
  heartbeatTimeoutMs: 30_000,
  maxQueueSize: null,
  onQueueFull: 'wait',
  ageingMs: 60_000,
  typeLimits: {},
  retention: defaultRetention,
  autoscale: null,
  health: defaultHealthPolicy
};

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
  readonly retryOf: string | null;
  /** Ids of tasks of its batch that come before it and have to complete first; `null`: none. */
  readonly dependsOn: readonly string[] | null;
  /** Names what is to be done in the fleet, so that it is done once; `null`: nothing does. */
  readonly idempotencyKey: string | null;
  /** JSON text. */
  readonly data: string;
  /** JSON text; `null`: none. */
  readonly metadata: string | null;
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

/** Why the number of workers changed. */
export type ScalingReason = 'queue' | 'idle' | 'manual';

/** What the fleet tells the world, always after the commit that made it true. */
export type FleetFact =
  | { readonly type: 'batch.accepted'; readonly batchId: string; readonly totalTasks: number }
  | { readonly type: 'batch.settled'; readonly batchId: string; readonly status: FinalBatchState }
  | {
      /** A command that came as an event, without a `commandId`, was refused. */
      readonly type: 'command.refused';
      readonly command: string;
      readonly batchId: string | null;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly type: 'task.settled';
      readonly key: string;
      readonly batchId: string | null;
      readonly status: FinalTaskStatus;
      readonly workerId: string | null;
      readonly settledSeq: number;
    }
  | {
      readonly type: 'task.retrying';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly retryAt: number;
      readonly error: TaskError;
    }
  | {
      readonly type: 'task.progress';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly value: Json;
    }
  | {
      readonly type: 'task.log';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly line: string;
    }
  | {
      /** Code that its handler left behind threw. `hasFailed`: that failed the attempt, which still ran. */
      readonly type: 'task.detachedError';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly error: TaskError;
      readonly hasFailed: boolean;
    }
  | {
      /** Tasks of this type wait: an earlier process had a handler for it, this one has none yet. */
      readonly type: 'handler.missing';
      readonly taskType: string;
    }
  | {
      /** `reason`: its queue was long, or workers had nothing to do; or somebody set the number, or the limits. */
      readonly type: 'workers.scaled';
      readonly from: number;
      readonly to: number;
      readonly reason: ScalingReason;
    }
  | { readonly type: 'schedule.fired'; readonly scheduleId: string; readonly run: ScheduleRun }
  | {
      readonly type: 'schedule.skipped';
      readonly scheduleId: string;
      /** The first of the times that did not fire, epoch ms, and how many there were. */
      readonly at: number;
      readonly count: number;
      readonly reason: SkipReason;
    }
  | { readonly type: 'schedule.ended'; readonly scheduleId: string }
  | { readonly type: 'worker.spawned'; readonly workerId: string }
  | { readonly type: 'worker.stopped'; readonly workerId: string }
  /** It has not answered for two heartbeats, and takes nothing new until it does. */
  | { readonly type: 'worker.unresponsive'; readonly workerId: string }
  /** It died, stayed silent, or could not be made. Another one follows it; what it held is queued again. */
  | { readonly type: 'worker.lost'; readonly workerId: string; readonly problem: string }
  | { readonly type: 'store.unavailable'; readonly code: string; readonly message: string }
  | { readonly type: 'store.recovered' }
  | HealthFact;

/** Every type of fact. */
export const factTypes = [
  'batch.accepted',
  'batch.settled',
  'command.refused',
  'task.settled',
  'task.retrying',
  'task.progress',
  'task.log',
  'task.detachedError',
  'handler.missing',
  'workers.scaled',
  'schedule.fired',
  'schedule.skipped',
  'schedule.ended',
  'worker.spawned',
  'worker.stopped',
  'worker.unresponsive',
  'worker.lost',
  'store.unavailable',
  'store.recovered',
  'coordinator.degraded',
  'coordinator.recovered'
] as const satisfies readonly FleetFact['type'][];
