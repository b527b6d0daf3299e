import type { StreamEntry } from './newsReader.ts';

/**
 * What a worker is given ahead lasts it about so long, ms: longer than an outcome takes to the fleet, and the next attempt
 * back. One of longer tasks has none ahead, and waits for less than a tenth of its time.
 */
const aheadMs = 200;
const mostAhead = 1_000;
/** How much work the pace is measured over, ms, about: outcomes come in bursts. */
const measuredMs = 1_000;
/** By how much it has to change until it is told: each time is a step of a chart, and a look for heartbeats. */
const noticeable = 1.5;

/**
 * How many attempts a worker is given ahead: as many as it ends in 200 ms of work, 1,000 at most.
 *
 * Work is the time in which at least one ran, by the entries of its event stream, so by the clock of Redis alone. The way of
 * outcomes to the fleet is none, so that a slow store makes no worker look slow. A newcomer has none ahead, and no more than
 * it has ended until it has worked for 200 ms.
 */
export class WorkerPace {
  readonly #concurrency: number;
  readonly #running = new Set<string>();
  /** When the last entry was written, epoch ms of Redis. */
  #at = 0;
  /** Attempts that ended, and ms of work, of which older ones fade away. */
  #ended = 0;
  #workedMs = 0;
  #ahead = 0;

  /** @param concurrency - Attempts that the worker runs at once. */
  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  get ahead(): number {
    return this.#ahead;
  }

  /** @param entries - What follows in the stream of its queue. @returns Whether `ahead` has changed. */
  take(entries: readonly StreamEntry[]): boolean {
    let [ended, workedMs] = [0, 0];
    for (const { id, fields } of entries) {
      const { event, jobId = '' } = fields;
      const at = Number.parseInt(id);
      if (this.#running.size > 0) workedMs += at - this.#at;
      this.#at = at;
      if (event === 'active') this.#begin(jobId);
      else if (event === 'completed' && this.#running.delete(jobId)) ended += 1;
    }
    const kept = Math.exp(-workedMs / measuredMs);
    this.#ended = this.#ended * kept + ended;
    this.#workedMs = this.#workedMs * kept + workedMs;
    return this.#adjust();
  }

  /** Of one that it cannot run any more the end was missed. */
  #begin(jobId: string): void {
    this.#running.add(jobId);
    if (this.#running.size > this.#concurrency) this.#running.delete(this.#running.keys().next().value!);
  }

  #adjust(): boolean {
    const ahead = Math.min((this.#ended * aheadMs) / Math.max(this.#workedMs, aheadMs), mostAhead);
    const before = this.#ahead;
    if (ahead >= before / noticeable && ahead <= before * noticeable) return false;
    this.#ahead = Math.floor(ahead);
    return this.#ahead !== before;
  }
}
