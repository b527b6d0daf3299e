import type { AttemptRef, Outcome, TaskStatus } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import { FencedError } from '../errors.ts';
import type { AbortCause, Attempt, Executor, ExecutorReports, Reattachment } from '../executor.ts';
import type { WaitOptions } from '../fleet/waiting.ts';
import { ActiveClock } from '../journal/activeClock.ts';
import { Deadlines } from '../ledger/deadlines.ts';
import { Everything } from '../turn/everything.ts';

/** Names a lease. The attempt is the fence: a later one of the same task is another lease. */
export interface LeaseRef {
  readonly key: string;
  /** Integer >= 1. */
  readonly attempt: number;
}

/** An attempt that a worker has until it says how it ended, or until its time is over. */
export interface Lease {
  readonly attempt: Attempt;
  /** When it ends unless it is extended, epoch ms; later by the time that this process stands still. */
  readonly expiresAt: number;
  /** Aborted when the attempt is not the worker's any more, but for its own word that it ended. */
  readonly signal: AbortSignal;
}

export interface LeasesOptions {
  /** Time until a lease ends that is not extended, ms of active time. */
  readonly leaseMs: number;
  readonly clock: Clock;
}

/**
 * Hands attempts to workers that ask for them, each for a time: the executor of a `TaskQueue`.
 *
 * It runs nothing. A task is claimed only for somebody who waits for one, so that none is running while nobody
 * has it. A lease that is neither extended nor ended in its time is lost, and its attempt with it. Leases die
 * with the process, as do those who ask: `reattach` calls all of them lost.
 */
export class Leases implements Executor {
  /** What a worker can do is its own affair: it asks for tasks. */
  readonly types: ReadonlySet<string> = new Everything();
  readonly isSelfStaffed = true;

  readonly #options: LeasesOptions;
  readonly #active: ActiveClock;
  readonly #requests = new Map<string, Request>();
  #lastRequest = 0;
  readonly #held = new Map<string, HeldLease>();
  /** Keys of held leases, by the number of their task. */
  readonly #keys = new Map<number, string>();
  /** When held leases end, by key, in active time. */
  readonly #deadlines = new Deadlines<string>();
  #alarm: Disposable | null = null;
  /** When the alarm is to ring, in active time. */
  #alarmAt = Infinity;
  #reports: ExecutorReports | null = null;
  #isClosing = false;

  constructor(options: LeasesOptions) {
    this.#options = options;
    this.#active = new ActiveClock(options.clock);
  }

  /** Workers that wait for a task. */
  get waiting(): number {
    return this.#requests.size;
  }

  /**
   * The next task for a worker, leased from now on.
   *
   * @param types - Of tasks that it takes; `null`: any.
   * @param timeoutMs - 0: looks once. A claim that is under way at the end of it is waited for.
   * @returns `null` when none came in time, or the executor stopped.
   * @throws the signal's reason.
   */
  request(
    workerId: string,
    types: ReadonlySet<string> | null,
    { timeoutMs, signal }: WaitOptions
  ): Promise<Lease | null> {
    const reports = this.#reports;
    if (reports === null || this.#isClosing) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const id = `request-${++this.#lastRequest}`;
      const cleanups: (() => void)[] = [];
      const end = (settle: () => void): void => {
        this.#requests.delete(id);
        for (const cleanup of cleanups) cleanup();
        settle();
      };
      this.#requests.set(id, { resolve: (lease) => end(() => resolve(lease)) });
      if (signal !== undefined) {
        const onAbort = (): void => {
          reports.withdraw(id);
          end(() => reject(signal.reason as Error));
        };
        signal.addEventListener('abort', onAbort, { once: true });
        cleanups.push(() => signal.removeEventListener('abort', onAbort));
      }
      reports.request({ id, workerId, types });
      if (timeoutMs === 0) void this.#lookOnce(id);
      else if (timeoutMs !== undefined) {
        const alarm = this.#options.clock.setAlarm(() => void this.#giveUp(id), timeoutMs);
        cleanups.push(() => alarm[Symbol.dispose]());
      }
    });
  }

  /** Lets nobody wait any longer, until the next start: they get `null`. */
  dismissAll(): void {
    this.#isClosing = true;
    for (const [id, { resolve }] of [...this.#requests]) {
      this.#reports?.withdraw(id);
      resolve(null);
    }
  }

  /**
   * Ends a lease with the word of its worker. Resolves when that is durable.
   *
   * @returns The state that the task is in then.
   * @throws {FencedError} when nobody, or somebody else, has the task.
   */
  async confirm(ref: LeaseRef, outcome: Outcome): Promise<TaskStatus> {
    const { attempt } = this.#require(ref);
    this.#forget(ref.key);
    const status = await this.#reports!.confirm(attempt, outcome);
    if (status === null) throw FencedError.ofAttempt(ref.key, ref.attempt);
    return status;
  }

  /** Begins the time of a lease anew. @throws {FencedError} */
  extend(ref: LeaseRef): Lease {
    return this.#begin(this.#require(ref));
  }

  start(reports: ExecutorReports): Promise<void> {
    this.#reports = reports;
    this.#isClosing = false;
    return Promise.resolve();
  }

  startWorker(): Promise<void> {
    return Promise.resolve();
  }

  stopWorker(): Promise<void> {
    return Promise.resolve();
  }

  dispatch(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) {
      const request = this.#requests.get(attempt.requestId!);
      // Whoever asked has gone while the claim was under way.
      if (request === undefined) this.#reports!.returned(attempt);
      else request.resolve(this.#begin({ attempt, controller: new AbortController() }));
    }
  }

  /** The worker is told, and not waited for: it is fenced from now on. */
  abort(ref: AttemptRef, cause: AbortCause): void {
    const lease = this.#held.get(this.#keys.get(ref.seq) ?? '');
    if (lease?.attempt.attempt !== ref.attempt) return;
    this.#revoke(lease, cause.message);
    this.#reports?.returned(ref);
  }

  reattach(attempts: readonly AttemptRef[]): Promise<readonly Reattachment[]> {
    return Promise.resolve(attempts.map(() => ({ status: 'lost' })));
  }

  stop(): Promise<void> {
    this.#reports = null;
    this.dismissAll();
    for (const lease of [...this.#held.values()]) this.#revoke(lease, 'The queue stopped');
    return Promise.resolve();
  }

  #require({ key, attempt }: LeaseRef): HeldLease {
    const lease = this.#held.get(key);
    if (lease?.attempt.attempt !== attempt) throw FencedError.ofAttempt(key, attempt);
    return lease;
  }

  /** Begins the time of a lease, for the first time or anew. */
  #begin(lease: HeldLease): Lease {
    const { attempt, controller } = lease;
    const { clock, leaseMs } = this.#options;
    this.#held.set(attempt.key, lease);
    this.#keys.set(attempt.seq, attempt.key);
    this.#active.watch(true);
    this.#deadlines.set(attempt.key, this.#active.now() + leaseMs);
    this.#setAlarm();
    return { attempt, expiresAt: clock.now() + leaseMs, signal: controller.signal };
  }

  #forget(key: string): void {
    this.#keys.delete(this.#held.get(key)!.attempt.seq);
    this.#held.delete(key);
    this.#deadlines.delete(key);
    if (this.#held.size > 0) return;
    this.#active.watch(false);
    this.#setAlarm();
  }

  #revoke({ attempt, controller }: HeldLease, message: string): void {
    this.#forget(attempt.key);
    controller.abort(new DOMException(message, 'AbortError'));
  }

  /** One alarm for all leases. One that is too early is left as it is: it rings, and is set again. */
  #setAlarm(): void {
    const { nextAt = Infinity } = this.#deadlines;
    if (nextAt !== Infinity && nextAt >= this.#alarmAt) return;
    this.#alarm?.[Symbol.dispose]();
    this.#alarm = null;
    this.#alarmAt = nextAt;
    if (nextAt === Infinity) return;
    const delayMs = Math.max(0, nextAt - this.#active.now());
    this.#alarm = this.#options.clock.setAlarm(() => this.#endDue(), delayMs);
  }

  #endDue(): void {
    this.#alarmAt = Infinity;
    const message = `Its lease of ${this.#options.leaseMs} ms ended: its worker has vanished, or did not extend it`;
    for (const key of this.#deadlines.takeDue(this.#active.now())) {
      const lease = this.#held.get(key)!;
      this.#revoke(lease, message);
      this.#reports?.lost(lease.attempt, message);
    }
    this.#setAlarm();
  }

  async #lookOnce(id: string): Promise<void> {
    if (await this.#isTurnTaken()) await this.#giveUp(id);
  }

  /** Ends a request that nothing came for. One that a turn has taken is decided when that is over. */
  async #giveUp(id: string): Promise<void> {
    while (this.#requests.has(id)) {
      if (this.#reports?.withdraw(id)) return this.#requests.get(id)!.resolve(null);
      if (!(await this.#isTurnTaken())) return;
    }
  }

  /** `false`: the fleet has stopped, and with it whoever waited. */
  async #isTurnTaken(): Promise<boolean> {
    try {
      await this.#reports?.nextTurn();
      return this.#reports !== null;
    } catch {
      return false;
    }
  }
}

/** Somebody who waits for a task. */
interface Request {
  readonly resolve: (lease: Lease | null) => void;
}

interface HeldLease {
  readonly attempt: Attempt;
  readonly controller: AbortController;
}
