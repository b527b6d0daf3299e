import {
  healthOf,
  summaryOf,
  type HealthFact,
  type ResultHealth,
  type ResultSummary
} from '../../machines/coordinatorMachine.ts';
import type { FinalTaskStatus, Json, TaskError, TaskResult } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import { ConflictError } from '../errors.ts';
import { pageSize } from '../fleet/fleetReader.ts';
import { taskResultOf } from '../fleet/views.ts';
import { taskErrorOf } from '../handlers/outcome.ts';
import type { Inspector } from '../inspection/inspector.ts';
import type { ResultQuery, Store, StoredResult } from '../store.ts';
import {
  assertBoolean,
  assertDuration,
  assertId,
  assertInteger,
  assertKey,
  assertObject,
  assertOneOf,
  assertTime,
  jsonTextOf,
  lastTime,
  readFields,
  readOptions,
  refuse
} from '../validation/validation.ts';
import type { DurationPercentiles } from './durationSketch.ts';
import type { CoordinatorHost, ResultListener } from './fleetCoordination.ts';
import type { HourStats } from './hourlySums.ts';
import { OwnFleet, type ResultPolicies } from './ownFleet.ts';
import { ResultFeed } from './resultFeed.ts';
import { maxWorkers, type TopWorker } from './workerRanking.ts';

/**
 * A result as a worker outside the fleet hands it in. A whole `TaskResult` of a `WorkerAgent` or of another fleet is one;
 * its `batchId`, `workerId` and `settledSeq` belong to where it comes from and are not kept.
 */
export interface SubmittedTaskResult<TResult = unknown> extends Partial<
  Pick<TaskResult, 'batchId' | 'workerId' | 'settledSeq'>
> {
  readonly taskId: string;
  /** Tells tasks of the same id apart, such as those of two batches. Defaults to `taskId`. */
  readonly key?: string;
  readonly success: boolean;
  readonly result?: TResult;
  readonly error?: string;
  /** The error in full; goes before `error`. */
  readonly failure?: TaskError;
  /** Agrees with `success`. Defaults to `completed` or `failed`. */
  readonly status?: FinalTaskStatus;
  /** Ms. Finite, >= 0. */
  readonly duration: number;
  /** Epoch ms. */
  readonly timestamp: number;
  /** Defaults to `external`. */
  readonly type?: string;
  /** Integer >= 1; the same worker, key and attempt count once. Defaults to 1. */
  readonly attempts?: number;
}

/** A result and how it came. */
export interface ResultEntry<TResult = unknown> {
  readonly workerId: string | null;
  readonly result: TaskResult<TResult>;
  /** When the coordinator got it, epoch ms. */
  readonly receivedAt: number;
}

export interface ResultEntryFilter {
  readonly workerId?: string;
  readonly success?: boolean;
  readonly taskType?: string;
  /** Received at or after this time, epoch ms. */
  readonly since?: number;
  /** Received before this time, epoch ms. */
  readonly until?: number;
  /** The newest so many. Integer in [1, 1,000]. Defaults to 1,000. */
  readonly limit?: number;
  /** Passes over so many of the newest. Integer >= 0. */
  readonly offset?: number;
}

/** Hours that begin in the hour of `since` or later, and before `until`, epoch ms. Both default to all. */
export interface HourFilter {
  readonly since?: number;
  readonly until?: number;
}

/** What a coordinator is made of. Everything has a default. */
export interface CoordinatorOptions extends ResultPolicies {
  /** Names it within its store, where no fleet has the same name. Defaults to `coordinator`. */
  readonly name?: string;
  /** Where everything is durable. Defaults to `memoryStore()`, which is not. */
  readonly store?: Store;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
  /** Passed to XState, which has it see every event of every actor: a function, or an observer. */
  readonly inspect?: Inspector;
  /** Told what {@link CoordinatorAgent.onResult} or a subscriber threw. Defaults to a warning of the process. */
  readonly onListenerError?: (error: unknown) => void;
  /** The fleet that it serves, as `FleetManager` gives it to `coordinator`. Excludes all others: the fleet has its own. */
  readonly host?: CoordinatorHost;
}

const optionNames = ['name', 'store', 'clock', 'retention', 'health', 'inspect', 'onListenerError', 'host'];
const resultFields = [
  'taskId',
  'key',
  'success',
  'status',
  'result',
  'error',
  'failure',
  'duration',
  'timestamp',
  'type',
  'attempts',
  'batchId',
  'workerId',
  'settledSeq'
];
const filterFields = ['workerId', 'success', 'taskType', 'since', 'until', 'limit', 'offset'];
/** Of JSON text. */
const metadataBytes = 65_536;

/**
 * Gathers results: those of its fleet by themselves, and what other workers submit.
 *
 * Alone it is started and stopped, and owns its name in its store; the coordinator of a fleet lives with the fleet.
 * The summary is kept by the coordinator's actor, in O(1); the results are in the store. Every promise of a change
 * resolves after its commit, and every call rejects with a `NotRunningError` before the start and after the stop.
 */
export class CoordinatorAgent<TResult = unknown> {
  readonly #host: CoordinatorHost;
  /** Of a coordinator that serves no other fleet. */
  readonly #fleet: OwnFleet | null;

  /** @throws {ValidationError} by the name of the option. */
  constructor(options: CoordinatorOptions = {}) {
    const { host, ...own } = readOptions('options', options, optionNames);
    if (host === undefined) {
      this.#fleet = new OwnFleet(own);
      this.#host = this.#fleet.host;
    } else {
      const [other] = Object.keys(own);
      if (other !== undefined)
        refuse(`options.${other}`, own[other as keyof typeof own], 'absent in a fleet');
      this.#fleet = null;
      this.#host = host;
    }
    this.#host.attach(this.#feed());
  }

  /** Opens the store and takes up what an earlier run left. Idempotent. @throws {ConflictError} in a fleet. */
  async start(): Promise<void> {
    await this.#ownFleet().start();
  }

  /** Ends it; it may be started again. Idempotent. @throws {ConflictError} in a fleet. */
  async stop(): Promise<void> {
    await this.#ownFleet().stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Takes a result in, once for each worker, task and attempt.
   *
   * @returns Whether it is new.
   * @throws {ValidationError}
   */
  async submitResult(workerId: string, result: SubmittedTaskResult<TResult>): Promise<boolean> {
    assertId('workerId', workerId);
    const read = readOptions('result', result, resultFields);
    const { taskId, key = taskId, success, duration, timestamp, type = 'external', attempts = 1 } = read;
    const { error, failure, status = success ? 'completed' : 'failed' } = read;
    assertId('result.taskId', taskId);
    assertKey('result.key', key);
    assertBoolean('result.success', success);
    assertOneOf('result.status', status, success ? ['completed'] : ['failed', 'timedOut', 'cancelled']);
    assertId('result.type', type);
    if (error !== undefined && typeof error !== 'string') refuse('result.error', error, 'a string');
    if (failure !== undefined) assertObject('result.failure', failure);
    assertDuration('result.duration', duration, 0);
    assertTime('result.timestamp', timestamp);
    assertInteger('result.attempts', attempts, 1, Number.MAX_SAFE_INTEGER);
    const isNew = await this.#host.send({
      type: 'result.submit',
      workerId,
      result: {
        taskId,
        key,
        type,
        status,
        result: read.result === undefined ? null : jsonTextOf('result.result', read.result),
        error: success ? null : taskErrorOf(failure ?? error ?? 'no reason given', () => false),
        duration,
        timestamp,
        attempt: attempts
      }
    });
    return isNew as boolean;
  }

  /** The newest results that pass the filter, oldest first. Each filter alone goes through an index. */
  async getResults(filter: ResultEntryFilter = {}): Promise<ResultEntry<TResult>[]> {
    const query = readFilter(filter);
    const { context } = this.#host.state('getResults');
    const { store, name } = this.#host;
    const stored = await store.readResults(name, { ...query, afterSettledSeq: context.clearedSeq });
    return stored.map((entry) => entryOf<TResult>(entry)).reverse();
  }

  /** What the newest results returned that succeeded, oldest first; `undefined` for those that returned nothing. */
  async getSuccessfulResults(limit?: number): Promise<(TResult | undefined)[]> {
    const entries = await this.getResults(limited({ success: true }, limit));
    return entries.map(({ result }) => result.result);
  }

  async getFailedResults(limit?: number): Promise<ResultEntry<TResult>[]> {
    return this.getResults(limited({ success: false }, limit));
  }

  async getResultsByWorker(workerId: string, limit?: number): Promise<ResultEntry<TResult>[]> {
    assertId('workerId', workerId);
    return this.getResults(limited({ workerId }, limit));
  }

  /** The newest 1,000 that were received within so many ms before now. @param ms - Finite, > 0. */
  async getRecentResults(ms: number): Promise<ResultEntry<TResult>[]> {
    assertDuration('ms', ms, Number.MIN_VALUE);
    return this.getResults({ since: Math.max(0, this.#host.clock.now() - ms) });
  }

  async getSummary(): Promise<ResultSummary> {
    return summaryOf(this.#host.state('getSummary').context);
  }

  async getCount(): Promise<number> {
    return (await this.getSummary()).totalResults;
  }

  /** Per cent, 0 to 100; 0 while there are no results. */
  async getSuccessRate(): Promise<number> {
    const { totalResults, successCount } = await this.getSummary();
    return totalResults === 0 ? 0 : (successCount / totalResults) * 100;
  }

  /**
   * By `YYYY-MM-DDTHH`, UTC, of their receipt, in order of time; hours without results are left out. The latest 744
   * hours that have any are kept.
   */
  async getHourlyStats(filter: HourFilter = {}): Promise<Record<string, HourStats>> {
    const { since = 0, until = lastTime } = readOptions('filter', filter, ['since', 'until']);
    assertTime('filter.since', since);
    assertTime('filter.until', until);
    return this.#host.state('getHourlyStats').statistics.hours.stats(since, until);
  }

  /**
   * The workers with the most successes, the first one first. Exact while there were at most 2,000 workers; beyond, the
   * least successful are forgotten, and a count may be too low.
   *
   * @param limit - Integer in [1, 2,000].
   */
  async getTopWorkers(limit = 10): Promise<TopWorker[]> {
    assertInteger('limit', limit, 1, maxWorkers);
    return this.#host.state('getTopWorkers').statistics.workers.top(limit);
  }

  /** Of all results that a worker had. Percentiles are off by 1 % at most; `count`, `mean` and `max` are exact. */
  async getDurations(): Promise<DurationPercentiles> {
    return this.#host.state('getDurations').statistics.durations.percentiles();
  }

  /** How the last results went, by the health policy. @throws {NotRunningError} */
  get health(): ResultHealth {
    return healthOf(this.#host.state('health').context);
  }

  /**
   * Begins anew: no result that is committed is counted or shown any more. Batches and tasks of the fleet keep theirs,
   * results from outside are removed. Resolves when they are, durably: then they may be submitted again. Metadata and
   * health stay.
   *
   * @throws {StoreError} when they cannot be removed now; it is tried again.
   */
  async clear(): Promise<void> {
    await this.#host.send({ type: 'results.clear' });
  }

  async getMetadata(): Promise<Record<string, Json>> {
    return structuredClone(this.#host.state('getMetadata').metadata) as Record<string, Json>;
  }

  /**
   * Merges fields into what is kept beside the results, durably. A field that is `undefined` is removed.
   *
   * @throws {ValidationError} beyond 64 KiB of JSON text in all, or for what JSON cannot hold.
   */
  async updateMetadata(patch: Readonly<Record<string, Json | undefined>>): Promise<void> {
    const fields = readFields('patch', patch);
    const copy: Record<string, Json | undefined> = {};
    for (const [field, value] of Object.entries(fields)) {
      // Not assigned: a field may be named `__proto__`.
      const json =
        value === undefined ? undefined : (JSON.parse(jsonTextOf(`patch.${field}`, value)) as Json);
      Object.defineProperty(copy, field, { value: json, enumerable: true });
    }
    const { metadata } = this.#host.state('updateMetadata');
    const bytes = Buffer.byteLength(JSON.stringify({ ...metadata, ...copy }));
    if (bytes > metadataBytes)
      refuse('patch', patch, `at most ${metadataBytes} bytes of JSON with the rest; they are ${bytes}`);
    await this.#host.send({ type: 'metadata.update', patch: copy });
  }

  /** Calls back when too many of the last results failed, and when enough succeed again. */
  on(type: HealthFact['type'], listener: (fact: HealthFact) => void): Disposable {
    assertOneOf('type', type, ['coordinator.degraded', 'coordinator.recovered']);
    return this.#host.on(type, listener);
  }

  /**
   * Hook for subclasses: called once for each result, those of the fleet and those submitted, after the commit and in
   * order. The next one waits until its promise has settled; up to 1,000 wait in memory, more in the store.
   *
   * It has no effect on results, whatever it does: what it throws goes to `onListenerError`. Results for which it was
   * not called when the process or the coordinator stopped are not told again: at most once.
   */
  protected onResult(_entry: ResultEntry<TResult>): void | Promise<void> {}

  /** Only a hook that was overridden is fed. */
  #feed(): ResultListener {
    const { clock, store, name } = this.#host;
    const feed = new ResultFeed({
      clock,
      read: (afterSettledSeq, limit) => store.readResults(name, { afterSettledSeq, limit }),
      deliver: (result) => this.onResult(entryOf<TResult>(result)),
      onError: (error) => this.#host.report(error)
    });
    // oxlint-disable-next-line typescript/unbound-method -- it is compared, not called
    const unchanged = CoordinatorAgent.prototype.onResult;
    return {
      push: (results) => {
        if (this.onResult !== unchanged) feed.push(results);
      },
      end: () => feed.end()
    };
  }

  #ownFleet(): OwnFleet {
    if (this.#fleet !== null) return this.#fleet;
    throw new ConflictError('coordinator', this.#host.name, 'lives with its fleet: start and stop that');
  }
}

function readFilter(filter: ResultEntryFilter): ResultQuery {
  const read = readOptions('filter', filter, filterFields);
  const { workerId, success, taskType, since, until, limit = pageSize, offset = 0 } = read;
  if (workerId !== undefined) assertId('filter.workerId', workerId);
  if (success !== undefined) assertBoolean('filter.success', success);
  if (taskType !== undefined) assertId('filter.taskType', taskType);
  if (since !== undefined) assertTime('filter.since', since);
  if (until !== undefined) assertTime('filter.until', until);
  assertInteger('filter.limit', limit, 1, pageSize);
  assertInteger('filter.offset', offset, 0, Number.MAX_SAFE_INTEGER);
  return {
    order: 'newest',
    limit,
    offset,
    ...(workerId !== undefined && { workerId }),
    ...(success !== undefined && { success }),
    ...(taskType !== undefined && { taskType }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until })
  };
}

function limited(filter: ResultEntryFilter, limit: number | undefined): ResultEntryFilter {
  if (limit !== undefined) assertInteger('limit', limit, 1, pageSize);
  return limit === undefined ? filter : { ...filter, limit };
}

function entryOf<TResult>(stored: StoredResult): ResultEntry<TResult> {
  const { workerId, receivedAt } = stored;
  return { workerId, result: taskResultOf<TResult>(stored), receivedAt };
}
