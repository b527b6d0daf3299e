import type { AttemptRef } from '../../../machines/task.ts';
import type { AbortCause, Attempt } from '../../executor.ts';
import { attemptKey } from '../../ledger/roster.ts';

/** An attempt that was given to a worker, and of which no end was heard. */
export interface Given {
  readonly ref: AttemptRef;
  readonly jobId: string;
  readonly workerId: string;
  /** What is sent; `null` where the job was found in Redis. */
  readonly attempt: Attempt | null;
  /** `sending`: it may be in Redis already. */
  state: 'waiting' | 'sending' | 'sent' | 'started';
  /** Why it is to end; the first cause stays. */
  abortCause: AbortCause | null;
  /** When its job was last looked at, or heard of, monotonic ms. */
  lookedAt: number;
  /** Whether the last look found it begun, and without a lock. */
  isUnlocked: boolean;
  /** It was over while it was being sent: its job is taken out when it is there. */
  isUnwanted: boolean;
}

/** Attempts that are over for the fleet, and whose late outcome is still told. The oldest are forgotten first. */
const keptOver = 10_000;

/** The attempts that workers have, by job, by attempt and by worker. */
export class GivenAttempts {
  readonly #byJob = new Map<string, Given>();
  readonly #byRef = new Map<string, Given>();
  readonly #byWorker = new Map<string, Set<Given>>();
  readonly #over = new Map<string, AttemptRef>();

  add(given: Given): void {
    this.#byJob.set(given.jobId, given);
    this.#byRef.set(attemptKey(given.ref), given);
    const others = this.#byWorker.get(given.workerId);
    if (others === undefined) this.#byWorker.set(given.workerId, new Set([given]));
    else others.add(given);
  }

  /** @returns `false`: it was over already. */
  remove(given: Given): boolean {
    if (!this.#byJob.delete(given.jobId)) return false;
    const key = attemptKey(given.ref);
    if (this.#byRef.get(key) === given) this.#byRef.delete(key);
    const others = this.#byWorker.get(given.workerId)!;
    others.delete(given);
    if (others.size === 0) this.#byWorker.delete(given.workerId);
    return true;
  }

  /** The same for one whose worker may still end it. */
  giveUp(given: Given): boolean {
    if (!this.remove(given)) return false;
    this.#over.set(given.jobId, given.ref);
    if (this.#over.size > keptOver) this.#over.delete(this.#over.keys().next().value!);
    return true;
  }

  /** Takes one that was given up, whose end has come late. */
  takeOver(jobId: string): AttemptRef | undefined {
    const ref = this.#over.get(jobId);
    this.#over.delete(jobId);
    return ref;
  }

  has(given: Given): boolean {
    return this.#byJob.has(given.jobId);
  }

  ofJob(jobId: string): Given | undefined {
    return this.#byJob.get(jobId);
  }

  of(ref: AttemptRef): Given | undefined {
    return this.#byRef.get(attemptKey(ref));
  }

  ofWorker(workerId: string): readonly Given[] {
    return [...(this.#byWorker.get(workerId) ?? [])];
  }

  /** Puts it behind the others: those that run for long are not looked at again before all were. */
  looked(given: Given, now: number): void {
    given.lookedAt = now;
    if (this.#byJob.delete(given.jobId)) this.#byJob.set(given.jobId, given);
  }

  /** Those in Redis of which nothing was heard since a time. @param most - How many. */
  notHeardSince(time: number, most: number): readonly Given[] {
    const due: Given[] = [];
    for (const given of this.#byJob.values()) {
      if (due.length === most) break;
      if ((given.state === 'sent' || given.state === 'started') && given.lookedAt <= time) due.push(given);
    }
    return due;
  }
}
