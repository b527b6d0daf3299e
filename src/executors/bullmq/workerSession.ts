import { Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { AttemptRef, Outcome } from '../../../machines/task.ts';
import type { Clock } from '../../clock.ts';
import type { AbortCause } from '../../executor.ts';
import { withResolvers } from '../../fleet/withResolvers.ts';
import { attemptKey } from '../../ledger/roster.ts';
import { abortedBefore, AttemptDesk } from './attemptDesk.ts';
import { FleetKeys } from './fleetKeys.ts';
import {
  newsEvent,
  protocolVersion,
  readCause,
  readOrder,
  type AbortOrder,
  type JobData,
  type WorkerEntry,
  type WorkerNews
} from './protocol.ts';
import { connect } from './redis.ts';
import { Registry } from './registry.ts';
import type { ResolvedWorkerOptions } from './remoteWorkerOptions.ts';

/** Progress and lines that are on their way; what is told beyond is dropped. Outcomes are not. */
const newsAtOnce = 1_000;
/** Entries that the stream of a worker keeps, about. */
const keptNews = 10_000;
/** Orders that are kept for attempts that have not begun. The oldest are dropped first. */
const keptOrders = 10_000;
/** Jobs that are known to have begun. The oldest are forgotten first. */
const keptBegun = 10_000;

export interface WorkerSessionOptions extends ResolvedWorkerOptions {
  readonly workerId: string;
  readonly clock: Clock;
  /** The fleet has crossed the worker out. Called once. */
  readonly onCrossedOut: () => void;
  /** What BullMQ and Redis have to complain of. */
  readonly onError: (error: Error) => void;
}

/** A worker under one id, from its entry into the registry until it leaves, or is crossed out. */
export class WorkerSession {
  readonly #options: WorkerSessionOptions;
  readonly #keys: FleetKeys;
  readonly #redis: Redis;
  readonly #orders: Redis;
  readonly #registry: Registry;
  readonly #desk: AttemptDesk;
  readonly #worker: Worker<JobData, Outcome>;
  /** Attempts that run, by job. */
  readonly #running = new Map<string, AttemptRef>();
  readonly #jobOf = new Map<string, string>();
  /** Causes of orders, by job: the handler of one that has not begun is not called. */
  readonly #ordered = new Map<string, AbortCause>();
  /**
   * Jobs that have begun. One comes again where its dispatch was not answered, and arrives, or is repeated, when it has ended
   * and the fleet has removed it.
   */
  readonly #begun = new Set<string>();
  #state: WorkerEntry['state'] = 'ready';
  #heartbeat: Disposable | null = null;
  #newsUnderWay = 0;
  #isOver = false;
  readonly #abandoned = withResolvers<void>();

  constructor(options: WorkerSessionOptions) {
    const { address, prefix, fleet, workerId, concurrency, lockDurationMs, heartbeatMs } = options;
    this.#options = options;
    this.#keys = new FleetKeys(prefix, fleet);
    // Commands wait while Redis is away: outcomes have to get through.
    this.#redis = connect(address, {
      maxRetriesPerRequest: null,
      socketTimeout: Math.max(20_000, 4 * heartbeatMs)
    });
    // What ioredis subscribes by itself when it is back, nobody could catch when the session ends in the midst of it.
    this.#orders = connect(address, { maxRetriesPerRequest: null, autoResubscribe: false });
    this.#registry = new Registry(this.#redis, this.#keys);
    this.#desk = new AttemptDesk({ ...options, tell: (attempt, news) => this.#tellOf(attempt, news) });
    this.#worker = new Worker<JobData, Outcome>(workerId, (job) => this.#run(job), {
      connection: this.#redis,
      prefix: this.#keys.queuePrefix,
      autorun: false,
      concurrency,
      lockDuration: lockDurationMs,
      // Nobody else takes jobs from this queue. That a worker is gone is for the fleet to say.
      maxStalledCount: 0,
      skipStalledCheck: true,
      runRetryDelay: 1_000
    });
    this.#worker.on('error', (error) => options.onError(error));
    this.#worker.on('lockRenewalFailed', (jobIds) => this.#loseLocks(jobIds));
  }

  get runningCount(): number {
    return this.#running.size;
  }

  async begin(): Promise<void> {
    const { workerId } = this.#options;
    await this.#desk.start();
    this.#orders.on('message', (_, text) => this.#obey(readOrder(text)));
    const channel = this.#keys.aborts(workerId);
    await this.#orders.subscribe(channel);
    this.#orders.on('ready', () => void this.#listenAgain(channel));
    await this.#registry.enter(this.#entry());
    void this.#worker.run().catch((error: unknown) => this.#options.onError(error as Error));
    this.#renewLater();
    this.#announce();
  }

  /**
   * Takes nothing more, and resolves when all that runs has ended and is told, or the session is abandoned. What has not
   * begun the fleet takes back.
   */
  async drain(): Promise<void> {
    await Promise.race([this.#drain(), this.#abandoned.promise]);
  }

  /** Ends it in bounded time, whatever runs and whether Redis is there or not. */
  async abandon(cause: AbortCause): Promise<void> {
    if (this.#isOver) return;
    for (const attempt of this.#running.values()) this.#desk.abort(attempt, cause);
    // Redis may be away.
    void this.#worker.close(true).catch(() => {});
    await this.#end();
    this.#abandoned.resolve();
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    try {
      await this.#worker.pause(true);
      await this.#sayState();
      await this.#worker.close();
      this.#state = 'left';
      await this.#sayState();
      if (!this.#isOver) await this.#end();
    } catch (error) {
      // One that is abandoned has nobody to tell.
      if (!this.#isOver) throw error;
    }
  }

  async #run(job: Job<JobData, Outcome>): Promise<Outcome> {
    const [jobId, attempt] = [job.id!, job.data];
    const { seq, attempt: number } = attempt;
    const ref = { seq, attempt: number };
    if (this.#begun.has(jobId)) return cameAgain;
    this.#begun.add(jobId);
    if (this.#begun.size > keptBegun) this.#begun.delete(this.#begun.values().next().value!);
    this.#running.set(jobId, ref);
    this.#jobOf.set(attemptKey(ref), jobId);
    try {
      const cause = this.#ordered.get(jobId);
      return cause === undefined ? await this.#desk.run(attempt) : abortedBefore(cause);
    } finally {
      this.#running.delete(jobId);
      if (this.#jobOf.get(attemptKey(ref)) === jobId) this.#jobOf.delete(attemptKey(ref));
      if (this.#ordered.delete(jobId)) {
        void this.#redis.hdel(this.#keys.aborts(this.#options.workerId), jobId).catch(() => {});
      }
    }
  }

  /** @param orders - JSON text of the cause by job id. */
  #obeyAll(orders: Readonly<Record<string, string>>): void {
    for (const [jobId, text] of Object.entries(orders)) {
      const cause = readCause(text);
      this.#obey(cause && { jobId, cause });
    }
  }

  #obey(order: AbortOrder | null): void {
    if (order === null || this.#ordered.has(order.jobId)) return;
    const { jobId, cause } = order;
    this.#ordered.set(jobId, cause);
    if (this.#ordered.size > keptOrders) this.#ordered.delete(this.#ordered.keys().next().value!);
    const attempt = this.#running.get(jobId);
    if (attempt !== undefined) this.#desk.abort(attempt, cause);
  }

  #loseLocks(jobIds: readonly string[]): void {
    for (const jobId of jobIds) {
      const attempt = this.#running.get(jobId);
      if (attempt === undefined) continue;
      this.#desk.abort(attempt, {
        kind: 'lost',
        message: 'The lock of the attempt is gone, and with it its outcome'
      });
      this.#tell(jobId, { type: 'unlocked' });
    }
  }

  #tellOf(ref: AttemptRef, news: WorkerNews): void {
    const isDroppable = news.type === 'progress' || news.type === 'log';
    if (isDroppable && this.#newsUnderWay >= newsAtOnce) return;
    const jobId = this.#jobOf.get(attemptKey(ref));
    if (jobId !== undefined || !isDroppable) this.#tell(jobId ?? '', news);
  }

  /** On the connection that outcomes take, so that it stands before them. */
  #tell(jobId: string, news: WorkerNews): void {
    if (this.#isOver) return;
    const stream = this.#keys.ofQueue(this.#options.workerId, 'events');
    this.#newsUnderWay += 1;
    const fields = ['event', newsEvent, 'jobId', jobId, 'news', JSON.stringify(news)];
    const told = (): void => void (this.#newsUnderWay -= 1);
    this.#redis.xadd(stream, 'MAXLEN', '~', keptNews, '*', ...fields).then(told, told);
  }

  #entry(): WorkerEntry {
    const { workerId, handlers, tags, concurrency, heartbeatMs, host } = this.#options;
    return {
      workerId,
      protocol: protocolVersion,
      state: this.#state,
      concurrency,
      heartbeatMs,
      pid: process.pid,
      host,
      tags,
      types: [...handlers.types]
    };
  }

  /** Has the fleet look at once; it looks by itself too. */
  #announce(): void {
    const { workerId } = this.#options;
    void this.#redis.xadd(this.#keys.wake, 'MAXLEN', '~', 100, '*', 'worker', workerId).catch(() => {});
  }

  async #sayState(): Promise<void> {
    if ((await this.#registry.renew(this.#entry())) !== null) this.#announce();
  }

  /** Spread by chance, so that workers that came together do not stay together. */
  #renewLater(): void {
    const delayMs = this.#options.heartbeatMs * (0.8 + Math.random() * 0.2);
    this.#heartbeat = this.#options.clock.setAlarm(() => void this.#renew(), delayMs);
  }

  /** What was ordered while the connection was gone is taken up at once, rather than with the next heartbeat. */
  async #listenAgain(channel: string): Promise<void> {
    try {
      await this.#orders.subscribe(channel);
      this.#obeyAll(await this.#redis.hgetall(channel));
    } catch {
      // It is gone again, and will be back.
    }
  }

  async #renew(): Promise<void> {
    try {
      const orders = await this.#registry.renew(this.#entry());
      if (this.#isOver) return;
      if (orders === null) return this.#options.onCrossedOut();
      this.#obeyAll(orders);
    } catch (error) {
      this.#options.onError(error as Error);
    }
    if (!this.#isOver) this.#renewLater();
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    this.#heartbeat?.[Symbol.dispose]();
    this.#orders.disconnect();
    this.#redis.disconnect();
    await this.#desk.stop();
  }
}

/** Nobody waits for it: the job has had its outcome. */
const cameAgain: Outcome = {
  status: 'failed',
  error: { name: 'Error', message: 'It ran before: it was dispatched twice', retryable: true }
};
