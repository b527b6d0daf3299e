import type { ExecutorReports } from '../../executor.ts';
import type { JobRef } from './workerQueues.ts';

/** Results that are kept in mind while Redis is away: those beyond go by their age. */
const keptInMind = 100_000;

/** Has results removed from Redis once the fleet has committed them. */
export class KnownResults {
  readonly #forget: (
    workerId: string,
    jobIds: readonly string[],
    upToEventId: string | null
  ) => Promise<void>;
  readonly #reports: () => ExecutorReports | null;
  #jobs = new Map<string, string[]>();
  readonly #readUpTo = new Map<string, string>();
  #count = 0;
  #unforgotten: [workerId: string, jobIds: readonly string[]][] = [];
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
    this.#keep(workerId, [jobId]);
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
        this.#count = 0;
        const upTo = new Map(this.#readUpTo);
        await this.#reports()?.nextTurn();
        if (this.#reports() === null) return;
        const removals = [...jobs].map(([workerId, jobIds]) =>
          this.#forget(workerId, jobIds, upTo.get(workerId) ?? null).catch(() =>
            this.#unforgotten.push([workerId, jobIds])
          )
        );
        await Promise.all(removals);
        // Redis is away: with the next result they are tried again.
        if (this.#unforgotten.length > 0) return;
      }
    } catch {
      // The fleet has stopped.
    } finally {
      for (const [workerId, jobIds] of this.#unforgotten) this.#keep(workerId, jobIds);
      this.#unforgotten = [];
      this.#isWaiting = false;
    }
  }

  #keep(workerId: string, jobIds: readonly string[]): void {
    if (this.#count + jobIds.length > keptInMind) return;
    this.#count += jobIds.length;
    const others = this.#jobs.get(workerId);
    if (others === undefined) this.#jobs.set(workerId, [...jobIds]);
    else for (const jobId of jobIds) others.push(jobId);
  }
}
