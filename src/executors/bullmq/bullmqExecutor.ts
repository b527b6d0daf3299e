import type { AttemptRef } from '../../../machines/task.ts';
import { systemClock, type Clock } from '../../clock.ts';
import type {
  AbortCause,
  Attempt,
  Executor,
  ExecutorReports,
  HeldAttempt,
  Reattachment
} from '../../executor.ts';
import {
  resolveBullmqOptions,
  type BullmqExecutorOptions,
  type ResolvedBullmqOptions
} from './bullmqOptions.ts';
import { FleetKeys } from './fleetKeys.ts';
import { FleetSession, socketTimeoutMs } from './fleetSession.ts';
import { assertFit, connect } from './redis.ts';

/**
 * Runs handlers in worker processes on any machine, which `xstate-fleet worker` or `bullmqWorker` starts, through queues of
 * BullMQ in Redis.
 *
 * Each worker has a queue of its own, to which the fleet dispatches what it routes there. Outcomes come by the events of
 * the queues, and by looks at the jobs of which none came. A worker that does not renew its entry is gone: what it had is
 * lost, or returned where it had not begun. While Redis is away nobody is called lost. A fleet that stops or dies leaves
 * all as it is; `reattach` finds it.
 *
 * @throws {ValidationError}
 */
export function bullmqExecutor(options: BullmqExecutorOptions): Executor {
  return new BullmqExecutor(resolveBullmqOptions(options), systemClock);
}

class BullmqExecutor implements Executor {
  /** Each worker says which it has. */
  readonly types = null;
  readonly isRemote = true;
  readonly #options: ResolvedBullmqOptions;
  readonly #clock: Clock;
  readonly #keys: FleetKeys;
  #reports: ExecutorReports | null = null;
  #session: FleetSession | null = null;

  constructor(options: ResolvedBullmqOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#keys = new FleetKeys(options.prefix, options.fleet);
  }

  /** @throws {UnfitServerError} when Redis does not answer, or is too old. */
  async start(reports: ExecutorReports): Promise<void> {
    const { address, connectTimeoutMs } = this.#options;
    const redis = connect(address, {
      // What fails is tried again by whoever knows whether it still matters.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      socketTimeout: socketTimeoutMs
    });
    try {
      await assertFit(redis, address, connectTimeoutMs);
    } catch (error) {
      redis.disconnect();
      throw error;
    }
    this.#reports = reports;
    this.#session = new FleetSession(this.#options, this.#keys, this.#clock, redis, () => this.#reports);
    this.#session.begin();
  }

  /** Its workers come by themselves. */
  startWorker(): Promise<void> {
    return Promise.resolve();
  }

  stopWorker(): Promise<void> {
    return Promise.resolve();
  }

  dispatch(attempts: readonly Attempt[]): void {
    this.#session?.dispatch(attempts);
  }

  abort(attempt: AttemptRef, cause: AbortCause): void {
    this.#session?.abort(attempt, cause);
  }

  /** @throws what Redis answers: nothing is called lost of which nobody knows. */
  reattach(attempts: readonly HeldAttempt[]): Promise<readonly Reattachment[]> {
    return this.#session!.reattach(attempts);
  }

  probe(workerId: string): void {
    this.#session?.probe(workerId);
  }

  async stop(): Promise<void> {
    this.#reports = null;
    const session = this.#session;
    this.#session = null;
    await session?.end();
  }
}
