import type { ExecutorReports } from '../../executor.ts';
import type { JobRef } from './workerQueues.ts';

/**
 * Has results removed from Redis once the fleet has committed them. What cannot be removed goes by its age.
 */
export class KnownResults {
  readonly #forget: (
    workerId: string,
    jobIds: readonly string[],
    upToEventId: string | null
  ) => Promise<void>;
  readonly #reports: () => ExecutorReports | null;
  #jobs = new Map<string, string[]>();
  readonly #readUpTo = new Map<string, string>();
  #isWaiting = false;

  constructor(
    forget: (workerId: string, jobIds: readonly string[], upToEventId: string | null) => Promise<void>,
    reports: () => ExecutorReports | null
  ) {
    this.#forget = forget;
    this.#reports = reports;
  }

  /** The fleet was told of the outcome of a job. */
  add({ workerId, jobId }: JobRef): void {
    const jobIds = this.#jobs.get(workerId);
    if (jobIds === undefined) this.#jobs.set(workerId, [jobId]);
    else jobIds.push(jobId);
    if (!this.#isWaiting) void this.#forgetSoon();
  }

  /** All that the stream of a worker had up to an entry was told. */
  readUpTo(workerId: string, eventId: string): void {
    this.#readUpTo.set(workerId, eventId);
  }

  dropWorker(workerId: string): void {
    this.#readUpTo.delete(workerId);
  }

  async #forgetSoon(): Promise<void> {
    this.#isWaiting = true;
    try {
      while (this.#jobs.size > 0) {
        // What is told in this turn of the event loop goes into one turn of the fleet.
        await new Promise<void>((resolve) => setImmediate(resolve));
        const jobs = this.#jobs;
        this.#jobs = new Map();
        const upTo = new Map(this.#readUpTo);
        await this.#reports()?.nextTurn();
        if (this.#reports() === null) return;
        await Promise.all(
          [...jobs].map(([workerId, jobIds]) => this.#forget(workerId, jobIds, upTo.get(workerId) ?? null))
        );
      }
    } catch {
      // The fleet has stopped, or Redis is away.
    } finally {
      this.#isWaiting = false;
    }
  }
}
