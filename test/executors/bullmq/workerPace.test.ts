import { describe, expect, it } from 'vitest';
import type { StreamEntry } from '../../../src/executors/bullmq/newsReader.ts';
import { WorkerPace } from '../../../src/executors/bullmq/workerPace.ts';

describe('what a worker is given ahead', () => {
  it('is nothing for a newcomer, and no more than it has ended until it has worked for 200 ms', () => {
    const stream = new Stream(1);
    expect(stream.pace.ahead).toBe(0);
    stream.works(4, 1);
    expect(stream.pace.ahead).toBeGreaterThan(1);
    expect(stream.pace.ahead).toBeLessThanOrEqual(4);
  });

  it.each([
    { concurrency: 1, tasks: 200, lastMs: 10, ahead: 20 },
    { concurrency: 1, tasks: 50, lastMs: 100, ahead: 2 },
    { concurrency: 1, tasks: 20, lastMs: 300, ahead: 0 },
    { concurrency: 100, tasks: 2_000, lastMs: 300, ahead: 66 },
    { concurrency: 100, tasks: 300, lastMs: 600_000, ahead: 0 },
    { concurrency: 100, tasks: 200_000, lastMs: 5, ahead: 1_000 }
  ])('is what it ends in 200 ms: $ahead for tasks of $lastMs ms, $concurrency at once', (given) => {
    const stream = new Stream(given.concurrency);
    stream.works(given.tasks, given.lastMs);
    expect(stream.pace.ahead).toBeGreaterThanOrEqual(Math.floor(given.ahead / 1.5));
    expect(stream.pace.ahead).toBeLessThanOrEqual(Math.min(given.ahead * 1.5, 1_000));
  });

  it('does not count the time in which the worker has nothing, however long it waits for the fleet', () => {
    const [busy, waiting] = [new Stream(1), new Stream(1)];
    for (let round = 0; round < 100; round += 1) {
      busy.works(1, 10);
      waiting.works(1, 10);
      waiting.idles(500);
    }
    expect(waiting.pace.ahead).toBe(busy.pace.ahead);
    expect(waiting.pace.ahead).toBeGreaterThan(10);
  });

  it('is none again with the first end of a task of minutes', () => {
    const stream = new Stream(2);
    stream.works(10_000, 1);
    expect(stream.pace.ahead).toBeGreaterThan(250);
    stream.works(1, 600_000);
    expect(stream.pace.ahead).toBe(0);
  });

  it('is told when it has changed by half, and seldom while the pace stays the same', () => {
    const stream = new Stream(10);
    // As a read finds them: bursts of 100 ms, one fast, one slow.
    const told = Array.from({ length: 100 }, (_, round) => stream.works(20, round % 2 === 0 ? 40 : 60));
    expect(told.slice(20).filter(Boolean)).toEqual([]);
    expect(stream.pace.ahead).toBeGreaterThan(25);
    expect(stream.works(2_000, 5)).toBe(true);
  });

  it('counts no end of which the beginning was missed, and no time for an end that was missed', () => {
    const stream = new Stream(1);
    stream.take([['completed', 'early']]);
    expect(stream.pace.ahead).toBe(0);
    stream.take([['active', 'endless']]);
    stream.works(1_000, 2);
    stream.idles(60_000);
    stream.works(1, 2);
    expect(stream.pace.ahead).toBeGreaterThan(50);
  });
});

/** The event stream of a worker, and the pace that is read from it. */
class Stream {
  readonly pace: WorkerPace;
  readonly #concurrency: number;
  #now = 1_700_000_000_000;
  #lastJob = 0;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
    this.pace = new WorkerPace(concurrency);
  }

  idles(ms: number): void {
    this.#now += ms;
  }

  take(events: readonly (readonly [event: string, jobId: string])[]): boolean {
    return this.pace.take(events.map(([event, jobId]) => this.#entry(event, jobId)));
  }

  /** Runs tasks, as many at once as it can, read in chunks as they end. @returns Whether a change was told. */
  works(tasks: number, lastMs: number): boolean {
    let hasChanged = false;
    for (let left = tasks; left > 0; left -= this.#concurrency) {
      const jobIds = Array.from(
        { length: Math.min(left, this.#concurrency) },
        () => `job-${++this.#lastJob}`
      );
      const begun = jobIds.map((jobId) => this.#entry('active', jobId));
      this.#now += lastMs;
      const ended = jobIds.map((jobId) => this.#entry('completed', jobId));
      if (this.pace.take([...begun, ...ended])) hasChanged = true;
    }
    return hasChanged;
  }

  #entry(event: string, jobId: string): StreamEntry {
    return { id: `${this.#now}-0`, fields: { event, jobId } };
  }
}
