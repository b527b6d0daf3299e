import type { Autoscale } from '../../machines/fleetConfig.ts';
import type { FleetOptions } from '../createFleet.ts';
import { readStopOptions, type StopOptions } from '../fleet/stopOptions.ts';
import type { WaitOptions } from '../fleet/waiting.ts';
import { FleetManager } from '../fleetManager.ts';
import type { DataOf, Handlers, ResultOf } from '../handlers/handler.ts';
import type { RegisterOptions } from '../handlers/handlerRegistry.ts';
import type { ConfigPatch } from '../options.ts';
import type { SingleTaskOptions } from '../submission/task.ts';
import { assertInteger, readFields, refuse } from '../validation/validation.ts';

/** What a pool is made of. Everything has a default; what is not named here is as in a fleet. */
export interface WorkerPoolOptions<THandlers extends Handlers = Handlers> extends Omit<
  FleetOptions<THandlers>,
  'executor' | 'config'
> {
  /** Names the pool within its store. Defaults to `pool`. */
  readonly name?: string;
  /** Workers that it begins with, and keeps. Integer in [1, 100,000]. Defaults to 1. */
  readonly minWorkers?: number;
  /** Integer in [`minWorkers`, 100,000]. Defaults to 10, or to `minWorkers` where that is more. */
  readonly maxWorkers?: number;
  /** Has the number of workers follow the queue, between the bounds. Absent: it is what `scale` sets. */
  readonly autoscale?: Partial<Omit<Autoscale, 'minWorkers' | 'maxWorkers'>>;
  /** As a fleet's, but for the number of workers: `workerConcurrency` is how many tasks one runs at once. */
  readonly config?: Omit<ConfigPatch, 'maxConcurrentWorkers' | 'autoscale'>;
}

/** Figures of a pool. Totals count since its first start, across restarts and workers that have gone. */
export interface PoolStatistics {
  /** Workers that are ready, or finish what they hold. */
  readonly workerCount: number;
  /** Workers that hold a task. */
  readonly activeWorkers: number;
  readonly minWorkers: number;
  readonly maxWorkers: number;
  /** Tasks that wait for a worker or for a time. */
  readonly queuedTasks: number;
  /** Tasks that workers hold. */
  readonly currentTasks: number;
  readonly totalCompleted: number;
  /** Failed and timed-out tasks. */
  readonly totalFailed: number;
}

/**
 * Workers in a number between two bounds that run tasks, one by one: a fleet with a narrower face.
 *
 * What a fleet promises holds for its tasks: durable, by priority, retried, each counted once.
 */
export class WorkerPool<THandlers extends Handlers = Handlers> {
  /** The fleet that it is: batches, events, and whatever else a fleet can do. Its number of workers is the pool's. */
  readonly fleet: FleetManager<THandlers>;
  readonly #minWorkers: number;
  readonly #maxWorkers: number;

  /** @throws {ValidationError} */
  constructor(options: WorkerPoolOptions<THandlers> = {}) {
    const given = readFields('options', options);
    const { minWorkers = 1, ...others } = given;
    assertInteger('options.minWorkers', minWorkers, 1, mostWorkers);
    const { maxWorkers = Math.max(10, minWorkers), autoscale, config = {}, name = 'pool', ...rest } = others;
    assertInteger('options.maxWorkers', maxWorkers, 1, mostWorkers);
    if (maxWorkers < minWorkers) {
      refuse('options.maxWorkers', maxWorkers, `at least minWorkers, which is ${minWorkers}`);
    }
    if ('executor' in rest)
      refuse('options.executor', rest.executor, 'absent: a pool has workers of its own');
    this.#minWorkers = minWorkers;
    this.#maxWorkers = maxWorkers;
    this.fleet = new FleetManager<THandlers>({
      ...rest,
      name,
      config: {
        ...readConfig(config),
        maxConcurrentWorkers: minWorkers,
        autoscale:
          autoscale === undefined
            ? null
            : { ...readFields('options.autoscale', autoscale), minWorkers, maxWorkers }
      }
    });
  }

  /** Makes the workers, as many as before a restart, and takes up what an earlier run left. Idempotent. */
  async start(): Promise<void> {
    await this.fleet.start();
    const { maxConcurrentWorkers } = this.fleet.config;
    // The bounds may have changed since the number was set.
    const within = Math.min(this.#maxWorkers, Math.max(this.#minWorkers, maxConcurrentWorkers));
    if (within !== maxConcurrentWorkers) await this.fleet.scaleWorkers(within);
  }

  /** Ends the pool; everything unfinished is back after the next start. Idempotent. */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.fleet.stop(readStopOptions(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Adds the handler of a type of task, for all workers. @throws {ValidationError} @throws {ConflictError} */
  registerHandler<TType extends keyof THandlers & string>(
    type: TType,
    handler: THandlers[TType],
    options?: RegisterOptions
  ): void {
    this.fleet.registerHandler(type, handler, options);
  }

  /** Runs one task. @returns What its handler returned. @throws {TaskFailedError} @throws {TaskCancelledError} */
  submit<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options?: SingleTaskOptions & Pick<WaitOptions, 'signal'>
  ): Promise<ResultOf<THandlers[TType]>> {
    return this.fleet.submit(type, data, options);
  }

  /**
   * Sets the number of workers, durably. Workers too many finish what they hold; none is cut short.
   *
   * @param count - Integer in [`minWorkers`, `maxWorkers`]. @throws {ValidationError}
   */
  async scale(count: number): Promise<void> {
    assertInteger('count', count, this.#minWorkers, this.#maxWorkers);
    await this.fleet.scaleWorkers(count);
  }

  async getStats(): Promise<PoolStatistics> {
    const stats = await this.fleet.getStats();
    return {
      workerCount: stats.workerCount,
      activeWorkers: stats.activeWorkers,
      minWorkers: this.#minWorkers,
      maxWorkers: this.#maxWorkers,
      queuedTasks: stats.queuedTasks + stats.backingOffTasks,
      currentTasks: stats.runningTasks,
      totalCompleted: stats.completedTasks,
      totalFailed: stats.failedTasks
    };
  }
}

const mostWorkers = 100_000;

function readConfig(config: ConfigPatch): ConfigPatch {
  const read = readFields('options.config', config);
  const elsewhere = {
    maxConcurrentWorkers: 'minWorkers and maxWorkers say it',
    autoscale: 'it is an option of the pool itself'
  } as const;
  for (const [field, where] of Object.entries(elsewhere)) {
    if (field in read)
      refuse(`options.config.${field}`, read[field as keyof ConfigPatch], `absent: ${where}`);
  }
  return read;
}
