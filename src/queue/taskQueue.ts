import type { TaskStatus } from '../../machines/task.ts';
import { systemClock } from '../clock.ts';
import { Leases, type LeaseRef } from '../executors/leases.ts';
import { pageSize } from '../fleet/fleetReader.ts';
import { readStopOptions, type StopOptions } from '../fleet/stopOptions.ts';
import type { TaskView } from '../fleet/views.ts';
import { readWaitOptions, type WaitOptions } from '../fleet/waiting.ts';
import { FleetManager } from '../fleetManager.ts';
import { failedOutcome, type ShouldRetry } from '../handlers/outcome.ts';
import type { SingleTaskOptions } from '../submission/task.ts';
import { assertClock } from '../validation/ports.ts';
import {
  assertBoolean,
  assertDuration,
  assertFunction,
  assertId,
  assertInteger,
  jsonTextOf,
  readFields,
  readItems,
  readOptions,
  refuse
} from '../validation/validation.ts';
import { leasedTaskOf, readLeaseRef, type LeasedTask } from './leasedTask.ts';
import { queueConfigFields, queueOptionNames, type TaskQueueOptions } from './taskQueueOptions.ts';

/** What a worker waits for, and how long. */
export interface DequeueOptions extends WaitOptions {
  /** Types of tasks that it takes. Defaults to any. */
  readonly types?: readonly string[];
}

/** Figures of a queue. Totals count since its first start, across restarts. */
export interface QueueStatistics {
  /** Tasks that wait for a worker or for a time: what `maxQueueSize` bounds. */
  readonly queueSize: number;
  readonly leasedTasks: number;
  /** Calls of `dequeue` that wait. */
  readonly waitingWorkers: number;
  readonly totalTasks: number;
  readonly completedTasks: number;
  /** Failed and timed-out tasks, retried ones included. */
  readonly failedTasks: number;
  readonly timedOutTasks: number;
  readonly cancelledTasks: number;
  /** Attempts that failed or timed out and were followed by another. */
  readonly retriedAttempts: number;
  /** Leases that ended before their worker said how it went, those that a restart ended included. */
  readonly lostLeases: number;
}

/** Which dead letters are listed. */
export interface DeadLetterFilter {
  /** Integer in [1, 1,000]. Defaults to 100. */
  readonly limit?: number;
  /** `seq` of the last one of the page before. */
  readonly after?: number;
}

/**
 * A queue of tasks for workers that come and fetch them: by priority, durable, each task leased to one worker.
 *
 * It is a fleet without workers of its own, so that its promises are the fleet's: what `enqueue` has resolved is
 * durable, a task leaves the queue when it is settled and no sooner, and a retry keeps its priority. A worker that
 * vanishes loses its lease, its task comes back as the next attempt, and the worker's late word is refused.
 *
 * Every promise resolves after the commit that made its answer true.
 */
export class TaskQueue {
  readonly #leases: Leases;
  readonly #fleet: FleetManager;
  readonly #shouldRetry: ShouldRetry;

  /** @throws {ValidationError} */
  constructor(options: TaskQueueOptions = {}) {
    const given = readOptions('options', options, queueOptionNames);
    const { name = 'queue', clock = systemClock, leaseMs = 30_000, timeoutMs = noLimitMs } = given;
    const { shouldRetry = () => true } = given;
    assertDuration('options.leaseMs', leaseMs, Number.MIN_VALUE);
    assertDuration('options.timeoutMs', timeoutMs, Number.MIN_VALUE);
    assertFunction('options.shouldRetry', shouldRetry);
    assertClock('options.clock', clock);
    this.#shouldRetry = shouldRetry;
    this.#leases = new Leases({ leaseMs, clock });
    this.#fleet = new FleetManager({
      ...pick(given, ['store', 'random', 'newId']),
      name,
      clock,
      executor: this.#leases,
      config: {
        ...pick(given, queueConfigFields),
        workerTimeout: timeoutMs,
        // How many workers there are is not for the queue to say.
        maxConcurrentWorkers: 100_000,
        workerConcurrency: 100_000
      }
    });
  }

  /** Opens the store and takes up what an earlier run left. Idempotent. @throws {LockedError} and others */
  start(): Promise<void> {
    return this.#fleet.start();
  }

  /**
   * Ends the queue. Whoever waits in `dequeue` gets `null`. Graceful: leased tasks may be completed until the
   * timeout; what is still leased then goes back to the queue, uncharged. Idempotent.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    const read = readStopOptions(options);
    this.#leases.dismissAll();
    await this.#fleet.stop(read);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Adds a task. Resolves when it is durable; a full queue has it wait until then.
   *
   * The same task under the same `id` again changes nothing.
   *
   * @throws {ValidationError} also for `tags`: whoever fetches says by `types` what it takes. @throws {ConflictError} for another task under a taken id. @throws {QueueFullError}
   * where `onQueueFull` says so; nothing of it was saved then.
   */
  async enqueue(
    type: string,
    data: unknown,
    options: Omit<SingleTaskOptions, 'tags'> = {}
  ): Promise<TaskView> {
    const { tags, ...given }: SingleTaskOptions = readFields('options', options);
    if (tags !== undefined) {
      refuse('options.tags', tags, 'absent: have those who fetch name `types` instead, or use a fleet');
    }
    return this.#fleet.submitAsync(type, data, given);
  }

  /**
   * Leases the next task to a worker: by priority and age, then in order of submission. Who has waited longest is served
   * first.
   *
   * @param workerId - Names the worker in results. The same one may ask again before it is done.
   * @param options - `timeoutMs`: longest wait; 0 looks once. Defaults to no limit. A claim that is under way at
   * its end is waited for. `types`: of tasks that the worker takes, at least one.
   * @returns `null` when no task came in time, or the queue stopped.
   * @throws {NotRunningError} @throws the signal's reason.
   */
  async dequeue<TData = unknown>(
    workerId: string,
    options: DequeueOptions = {}
  ): Promise<LeasedTask<TData> | null> {
    assertId('workerId', workerId);
    const { types, ...bounds } = readFields('options', options);
    const wanted = types === undefined ? null : readTypes(types);
    readWaitOptions(bounds);
    this.#requireRunning();
    const lease = await this.#leases.request(workerId, wanted, bounds);
    return lease && leasedTaskOf<TData>(lease);
  }

  /**
   * The worker has done the task.
   *
   * @param result - What JSON can hold.
   * @returns `completed`; `cancelled` where a cancellation came first.
   * @throws {FencedError} when its lease has ended: the task is, or will be, somebody else's.
   */
  async complete(leased: LeaseRef, result?: unknown): Promise<TaskStatus> {
    const ref = readLeaseRef(leased);
    const text = result === undefined ? null : jsonTextOf('result', result);
    this.#requireRunning();
    return this.#leases.confirm(ref, { status: 'completed', result: text });
  }

  /**
   * The worker could not do the task: it is tried again after its backoff, as long as it has retries.
   *
   * @param error - Anything. A `NonRetryableError` ends the task at once, as does `retryable: false`.
   * @returns `backingOff` where another attempt follows, else `failed`; `cancelled` where a cancellation came first.
   * @throws {FencedError} when its lease has ended.
   */
  async fail(
    leased: LeaseRef,
    error: unknown,
    options: { readonly retryable?: boolean } = {}
  ): Promise<TaskStatus> {
    const ref = readLeaseRef(leased);
    const { retryable = true } = readOptions('options', options, ['retryable']);
    assertBoolean('retryable', retryable);
    this.#requireRunning();
    const outcome = failedOutcome(error, (thrown) => retryable && this.#shouldRetry(thrown));
    return this.#leases.confirm(ref, outcome);
  }

  /**
   * The worker is alive, and needs more time: the lease begins anew.
   *
   * @returns The task with the new end of its lease.
   * @throws {FencedError} when the lease has ended.
   */
  async extend<TData = unknown>(leased: LeaseRef): Promise<LeasedTask<TData>> {
    const ref = readLeaseRef(leased);
    this.#requireRunning();
    return Promise.resolve(leasedTaskOf<TData>(this.#leases.extend(ref)));
  }

  /** Settles a waiting task; the worker of a leased one hears it by its signal. @returns `false`: unknown or settled. */
  cancel(id: string): Promise<boolean> {
    return this.#fleet.cancelTask(id);
  }

  /**
   * Waits until the task has settled.
   *
   * @returns What it was completed with.
   * @throws {TaskFailedError} @throws {TaskCancelledError} @throws {NotFoundError} @throws {TimeoutError} which leaves
   * the task as it is.
   */
  waitForTask<TResult = unknown>(id: string, options?: WaitOptions): Promise<TResult> {
    return this.#fleet.waitFor<TResult>(id, options);
  }

  /** @throws {NotFoundError} */
  getTask(id: string): Promise<TaskView> {
    return this.#fleet.getTask(id);
  }

  async getStats(): Promise<QueueStatistics> {
    const stats = await this.#fleet.getStats();
    const { totalTasks, completedTasks, failedTasks, timedOutTasks, cancelledTasks, retriedAttempts } = stats;
    return {
      queueSize: stats.queuedTasks + stats.backingOffTasks,
      leasedTasks: stats.runningTasks,
      waitingWorkers: this.#leases.waiting,
      totalTasks,
      completedTasks,
      failedTasks,
      timedOutTasks,
      cancelledTasks,
      retriedAttempts,
      lostLeases: stats.lostAttempts
    };
  }

  /** Tasks that failed or timed out for good, in order of submission. */
  async listDeadLetters(filter: DeadLetterFilter = {}): Promise<TaskView[]> {
    const { limit = 100, after } = readOptions('filter', filter, ['limit', 'after']);
    assertInteger('limit', limit, 1, pageSize);
    const page = { limit, ...(after !== undefined && { after }) };
    const lists = await Promise.all(
      (['failed', 'timedOut'] as const).map((status) => this.#fleet.listTasks({ status, ...page }))
    );
    return lists
      .flat()
      .sort((left, right) => left.seq - right.seq)
      .slice(0, limit);
  }

  /**
   * Adds a copy of a dead letter, which stays as it is.
   *
   * @param options - `id`: the copy's, so that a repetition changes nothing. Defaults to a fresh one.
   * @throws {NotFoundError} @throws {ConflictError} when the task has not settled, or completed.
   */
  async retryDeadLetter(id: string, options?: { readonly id?: string }): Promise<TaskView> {
    return this.#fleet.getTask(await this.#fleet.retryTask(id, options));
  }

  /** The actor of the fleet that the queue is, while it runs. @throws {NotRunningError} */
  get actor(): FleetManager['actor'] {
    return this.#fleet.actor;
  }

  /** Whoever gives a lease up while the queue drains is heard. @throws {NotRunningError} */
  #requireRunning(): void {
    void this.actor;
  }
}

/** No attempt takes so long. */
const noLimitMs = Number.MAX_SAFE_INTEGER;

/** The fields that were given. */
function pick<T extends object, const TField extends keyof T>(
  source: T,
  fields: readonly TField[]
): Pick<T, TField> {
  const given = fields.filter((field) => source[field] !== undefined);
  return Object.fromEntries(given.map((field) => [field, source[field]])) as Pick<T, TField>;
}

function readTypes(types: readonly string[]): ReadonlySet<string> {
  const listed = readItems('types', types, 1_000);
  if (listed.length === 0) refuse('types', types, 'a list of at least one type; leave it out for any');
  for (const [index, type] of listed.entries()) assertId(`types[${index}]`, type);
  return new Set(listed as string[]);
}
