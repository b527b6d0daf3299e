import { defaultHealthPolicy, type HealthPolicy } from './coordinatorMachine.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retryPolicy.ts';

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
 * of a type without a handler, or with tags that not even `maxWorkers` workers offer. A task with tags that only workers
 * offer that are not there now counts as a queue that is too long: it would wait for ever.
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
   * whose age began more than `ageingMs` times the difference of their priorities later: at its submission, or at its
   * start time. In [1, 2^53); `null`: never, and a stream of urgent tasks may hold others back for ever. Defaults to
   * 60,000.
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
