import fc from 'fast-check';
import { expect } from 'vitest';
import {
  FencedError,
  NotRunningError,
  systemClock,
  type LeasedTask,
  type QueueStatistics
} from '../../src/index.ts';
import type { TestQueue } from './testQueue.ts';

/** What may happen next. */
export const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('enqueue' as const), priority: fc.constantFrom(0, 5, 10) })
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('dequeue' as const), worker: fc.nat(3) }) },
  ...(['complete', 'fail', 'extend', 'vanish', 'late'] as const).map((verb) => ({
    weight: 2,
    arbitrary: fc.record({ do: fc.constant(verb), pick: fc.nat(20) })
  })),
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(1, 100, 400, 1_000) })
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('crash' as const), pick: fc.nat(20), rounds: fc.nat(4) })
  },
  { weight: 1, arbitrary: fc.constant({ do: 'stop' as const }) }
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Workers with their queue, and what they may expect of it. */
export class QueueWorld {
  #test: TestQueue;
  readonly #ids: string[] = [];
  /** Leases whose worker has not ended them, and has not vanished. */
  #held: LeasedTask[] = [];
  /** Leases of workers that vanished, in this life of the process or another. */
  readonly #late: LeasedTask[] = [];
  /** The last lease of each task. */
  readonly #last = new Map<string, LeasedTask>();
  /** Leases that their worker has ended by now. */
  readonly #ended = new Set<LeasedTask>();
  /** What the completion of a task was acknowledged with. */
  readonly #results = new Map<string, unknown>();

  /** What a task completed with if the crash came after the commit. */
  readonly #unknown = new Map<string, unknown>();

  constructor(test: TestQueue) {
    this.#test = test;
  }

  async take(given: Step): Promise<void> {
    const { queue } = this.#test;
    switch (given.do) {
      case 'enqueue': {
        const id = `task-${this.#ids.length}`;
        this.#ids.push(id);
        await queue.enqueue('a', null, { id, priority: given.priority });
        break;
      }
      case 'dequeue':
        this.#receive(await this.#dequeue(`w${given.worker}`));
        break;
      case 'complete':
        await this.#complete(this.#takeHeld(given.pick));
        break;
      case 'fail':
        await this.#fail(this.#takeHeld(given.pick));
        break;
      case 'extend': {
        const leased = this.#held[given.pick % this.#held.length];
        if (leased === undefined) break;
        const isHeld = !leased.signal.aborted;
        expectSame(await outcome(queue.extend(leased)), isHeld ? 'done' : 'fenced');
        break;
      }
      case 'vanish': {
        const leased = this.#takeHeld(given.pick);
        if (leased !== undefined) this.#late.push(leased);
        break;
      }
      case 'late':
        await this.#complete(this.#late[given.pick % this.#late.length]);
        break;
      case 'advance':
        await this.#test.advance(given.ms);
        break;
      case 'crash':
        await this.#crash(this.#takeHeld(given.pick), given.rounds);
        break;
      case 'stop':
        await queue.stop({ graceful: false });
        await queue.start();
        this.#late.push(...this.#held.splice(0));
    }
  }

  /** Works off what is left. */
  async finish(): Promise<void> {
    const { queue } = this.#test;
    for (const leased of this.#held.splice(0)) await this.#complete(leased);
    for (let idle = 0; idle < 3;) {
      const leased = await this.#dequeue('last');
      if (leased === null) {
        idle += 1;
        await this.#test.advance(1_000);
        continue;
      }
      idle = 0;
      this.#receive(leased);
      await this.#complete(this.#takeHeld(this.#held.length - 1));
    }
    for (const leased of this.#late) {
      if (!this.#ended.has(leased)) expectSame(await outcome(queue.complete(leased, 'late')), 'fenced');
    }
    const dead = new Set((await queue.listDeadLetters({ limit: 1_000 })).map(({ id }) => id));
    for (const id of this.#ids) {
      const { status } = await queue.getTask(id);
      expectSame(status, dead.has(id) ? 'failed' : 'completed');
      const unknown = this.#unknown.get(id);
      if (unknown !== undefined && status === 'completed') this.#results.set(id, unknown);
      expectSame(this.#results.has(id), status === 'completed');
      if (status === 'completed') expectSame(await queue.waitForTask(id), this.#results.get(id));
    }
    expectFigures(await queue.getStats(), {
      totalTasks: this.#ids.length,
      completedTasks: this.#results.size,
      failedTasks: dead.size,
      queueSize: 0,
      leasedTasks: 0
    });
  }

  async end(): Promise<void> {
    await this.#test.queue.stop();
  }

  /** The process dies while it is told that a task is done. @param rounds - Of the event loop before it dies. */
  async #crash(leased: LeasedTask | undefined, rounds: number): Promise<void> {
    let isAcknowledged = false;
    const isHeld = leased !== undefined && !leased.signal.aborted && !this.#ended.has(leased);
    const result = leased && `${leased.key}#${leased.attempt}`;
    if (leased !== undefined) {
      this.#test.queue.complete(leased, result).then(
        () => (isAcknowledged = true),
        () => {}
      );
    }
    for (let round = 0; round < rounds; round++) await new Promise<void>(systemClock.setSoon);
    await this.#test.crash();
    this.#late.push(...this.#held.splice(0));
    this.#test = await this.#test.restart();
    if (!isHeld) return;
    this.#ended.add(leased);
    const knows = isAcknowledged ? this.#results : this.#unknown;
    knows.set(leased.key, result);
  }

  #dequeue(workerId: string): Promise<LeasedTask | null> {
    return this.#test.queue.dequeue(workerId, { timeoutMs: 0 });
  }

  #receive(leased: LeasedTask | null): void {
    if (leased === null) return;
    const before = this.#last.get(leased.key);
    if (before !== undefined) {
      expectThat(leased.attempt > before.attempt, 'an attempt comes twice');
      expectThat(before.signal.aborted || this.#ended.has(before), 'two workers have it');
    }
    expectThat(!this.#results.has(leased.key), 'it had completed');
    this.#unknown.delete(leased.key);
    this.#last.set(leased.key, leased);
    this.#held.push(leased);
  }

  #takeHeld(pick: number): LeasedTask | undefined {
    return this.#held.splice(pick % Math.max(1, this.#held.length), 1)[0];
  }

  async #complete(leased: LeasedTask | undefined): Promise<void> {
    if (leased === undefined) return;
    const isHeld = !leased.signal.aborted && !this.#ended.has(leased);
    const result = `${leased.key}#${leased.attempt}`;
    const answer = await outcome(this.#test.queue.complete(leased, result));
    expectSame(answer, isHeld ? 'done' : 'fenced');
    if (!isHeld) return;
    this.#ended.add(leased);
    expectThat(!this.#results.has(leased.key), 'it completes twice');
    this.#results.set(leased.key, result);
  }

  async #fail(leased: LeasedTask | undefined): Promise<void> {
    if (leased === undefined) return;
    const isHeld = !leased.signal.aborted;
    expectSame(
      await outcome(this.#test.queue.fail(leased, new Error('no luck'))),
      isHeld ? 'done' : 'fenced'
    );
    if (isHeld) this.#ended.add(leased);
  }
}

async function outcome(call: Promise<unknown>): Promise<'done' | 'fenced'> {
  try {
    await call;
    return 'done';
  } catch (error) {
    if (error instanceof FencedError || error instanceof NotRunningError) return 'fenced';
    throw error;
  }
}

function expectSame<T>(answer: T, expected: T): void {
  expect(answer).toBe(expected);
}

function expectThat(holds: boolean, otherwise: string): void {
  expect(holds ? null : otherwise).toBeNull();
}

function expectFigures(stats: QueueStatistics, expected: Partial<QueueStatistics>): void {
  expect(stats).toMatchObject(expected);
}
