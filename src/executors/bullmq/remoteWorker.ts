import { randomBytes } from 'node:crypto';
import { systemClock } from '../../clock.ts';
import { Backoff } from './backoff.ts';
import { assertFit, connect } from './redis.ts';
import {
  resolveWorkerOptions,
  type RemoteWorkerOptions,
  type ResolvedWorkerOptions
} from './remoteWorkerOptions.ts';
import { WorkerSession } from './workerSession.ts';

/** What becomes of a remote worker. */
export type RemoteWorkerEvent =
  /** It is in the registry of the fleet, under this id. */
  | { readonly type: 'joined'; readonly workerId: string }
  /** The fleet has crossed it out, as one that was not heard: what it ran is aborted, and it joins under another id. */
  | { readonly type: 'crossedOut'; readonly workerId: string }
  /** It takes nothing more, and ends what it runs. */
  | { readonly type: 'draining'; readonly workerId: string; readonly running: number }
  | { readonly type: 'stopped'; readonly workerId: string }
  /** Redis or BullMQ has failed in something that is tried again. */
  | { readonly type: 'error'; readonly error: Error };

/** A process that runs tasks of a fleet which is somewhere else. */
export interface RemoteWorker {
  /** Changes when the fleet has crossed it out, and it joins anew. */
  readonly workerId: string;
  /** Attempts that run now. */
  readonly running: number;
  /** Calls back for each change until it is disposed of. */
  subscribe(callback: (event: RemoteWorkerEvent) => void): Disposable;
  /**
   * Joins the fleet, once. Resolves when it is in the registry, or was drained or stopped before. One that has failed may
   * be tried again.
   *
   * @throws {UnfitServerError} when Redis does not answer, or is too old.
   */
  start(): Promise<void>;
  /** Takes nothing more, hands back what has not begun, and resolves when what runs has ended and is told. */
  drain(): Promise<void>;
  /** Aborts what runs and ends at once: the fleet loses it, and finds out by the missing heartbeats. */
  stop(): Promise<void>;
}

/**
 * Serves a fleet whose executor is a `bullmqExecutor` of the same Redis, fleet and prefix. Nothing happens before `start`.
 *
 * @throws {ValidationError}
 */
export function bullmqWorker(options: RemoteWorkerOptions): RemoteWorker {
  return new BullmqWorker(resolveWorkerOptions(options));
}

class BullmqWorker implements RemoteWorker {
  readonly #options: ResolvedWorkerOptions;
  readonly #listeners = new Set<(event: RemoteWorkerEvent) => void>();
  readonly #backoff = new Backoff(systemClock);
  #workerId: string;
  #session: WorkerSession | null = null;
  #starting: Promise<void> | null = null;
  #joining: Promise<void> | null = null;
  #draining: Promise<void> | null = null;
  #hasStopped = false;

  constructor(options: ResolvedWorkerOptions) {
    this.#options = options;
    this.#workerId = newWorkerId(options.host);
  }

  get workerId(): string {
    return this.#workerId;
  }

  get running(): number {
    return this.#session?.runningCount ?? 0;
  }

  subscribe(callback: (event: RemoteWorkerEvent) => void): Disposable {
    this.#listeners.add(callback);
    return { [Symbol.dispose]: () => void this.#listeners.delete(callback) };
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  async stop(): Promise<void> {
    this.#hasStopped = true;
    this.#backoff.end();
    await this.#session?.abandon({ kind: 'stopped', message: 'The worker stopped' });
    this.#session = null;
  }

  async #start(): Promise<void> {
    const { address, connectTimeoutMs } = this.#options;
    const redis = connect(address, { maxRetriesPerRequest: 0 });
    try {
      await assertFit(redis, address, connectTimeoutMs);
    } finally {
      redis.disconnect();
    }
    if (this.#isEnding) return;
    try {
      await this.#join();
    } catch (error) {
      if (!this.#hasStopped) throw error;
    }
  }

  /** Whether it is to join nobody any more. */
  get #isEnding(): boolean {
    return this.#hasStopped || this.#draining !== null;
  }

  /** @throws what Redis answers; nothing is left then. */
  #join(): Promise<void> {
    return (this.#joining = this.#joinAs(this.#workerId));
  }

  async #joinAs(workerId: string): Promise<void> {
    const session = new WorkerSession({
      ...this.#options,
      workerId,
      clock: systemClock,
      onCrossedOut: () => void this.#rejoin(session),
      onError: (error) => this.#tell({ type: 'error', error })
    });
    this.#session = session;
    try {
      await session.begin();
    } catch (error) {
      await session.abandon({ kind: 'lost', message: 'It could not join' });
      throw error;
    }
    this.#tell({ type: 'joined', workerId });
  }

  async #rejoin(session: WorkerSession): Promise<void> {
    this.#tell({ type: 'crossedOut', workerId: this.workerId });
    await session.abandon({ kind: 'lost', message: `The fleet takes worker ${this.workerId} for gone` });
    while (!this.#isEnding) {
      try {
        this.#workerId = newWorkerId(this.#options.host);
        await this.#join();
        return;
      } catch (error) {
        this.#tell({ type: 'error', error: error as Error });
        await this.#backoff.pause();
      }
    }
  }

  async #drain(): Promise<void> {
    const { workerId } = this;
    this.#tell({ type: 'draining', workerId, running: this.running });
    // What joins meanwhile is drained too.
    await this.#joining?.catch(() => {});
    await this.#session?.drain();
    this.#session = null;
    this.#tell({ type: 'stopped', workerId });
  }

  #tell(event: RemoteWorkerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** Says where it runs, for whoever reads it. */
function newWorkerId(host: string): string {
  return `${host}.${process.pid}.${randomBytes(4).toString('hex')}`;
}
