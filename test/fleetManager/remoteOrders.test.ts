import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { AttemptRef } from '../../machines/task.ts';
import { memoryStore } from '../../src/index.ts';
import { failed, RemoteWorld } from '../executors/remoteWorld.ts';
import { faultyStore, settled, SimulatedClock, startFleet, type TestFleet } from '../harness.ts';

type Work = { work: (data: unknown) => unknown };

/** What may happen next. `pick` chooses among what there is. */
const steps = {
  submit: fc.constant({ type: 'submit' } as const),
  join: fc.record({
    type: fc.constant('join' as const),
    concurrency: fc.integer({ min: 1, max: 3 }),
    prefetch: fc.nat(2)
  }),
  ofWorker: fc.record({
    type: fc.constantFrom('kill', 'cutOff', 'reconnect', 'drain', 'leave', 'lose', 'rejoin' as const),
    pick: fc.nat()
  }),
  ofAttempt: fc.record({
    type: fc.constantFrom('begin', 'beginUnheard', 'complete', 'fail', 'cancel' as const),
    pick: fc.nat()
  }),
  /** A message comes that was on its way for long, or comes again. */
  stray: fc.record({
    type: fc.constantFrom(
      'strayStart',
      'strayOutcome',
      'strayLoss',
      'strayReturn',
      'strayHeartbeat' as const
    ),
    pick: fc.nat()
  }),
  crash: fc.constant({ type: 'crash' } as const),
  stop: fc.constant({ type: 'stop' } as const),
  refuse: fc.constant({ type: 'refuse' } as const),
  advance: fc.record({ type: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 40_000 }) })
};
const anyStep = fc.oneof(
  { weight: 4, arbitrary: steps.submit },
  { weight: 3, arbitrary: steps.join },
  { weight: 5, arbitrary: steps.ofWorker },
  { weight: 8, arbitrary: steps.ofAttempt },
  { weight: 4, arbitrary: steps.stray },
  { weight: 1, arbitrary: steps.crash },
  { weight: 1, arbitrary: steps.stop },
  { weight: 1, arbitrary: steps.refuse },
  { weight: 4, arbitrary: steps.advance }
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

describe('whatever order the messages of workers elsewhere come in, and whoever dies', () => {
  it('no attempt is dispatched twice, no task settles twice, every task settles, and places are those of the rows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40 }), async (taken) => {
        const distance = new Distance();
        await distance.begin();
        for (const step of taken) {
          await distance.take(step);
          await distance.assertPlaces();
        }
        await distance.finish();
      }),
      { numRuns: 40 }
    );
  });
});

/** A fleet and its workers, with all that may come between them. */
class Distance {
  readonly #world = new RemoteWorld();
  readonly #clock = new SimulatedClock();
  readonly #faulty = faultyStore(memoryStore());
  readonly #ids: string[] = [];
  readonly #keys: string[] = [];
  readonly #settlements: string[] = [];
  /** Attempts that were ever dispatched. */
  readonly #seen: AttemptRef[] = [];
  #process!: TestFleet<Work>;

  async begin(): Promise<void> {
    this.#process = await startFleet<Work>({
      executor: this.#world.executor(),
      store: this.#faulty.store,
      clock: this.#clock,
      config: { maxRecoveries: 1_000, maxRetries: 1_000 }
    });
    this.#listen();
  }

  async take(step: Step): Promise<void> {
    const world = this.#world;
    switch (step.type) {
      case 'submit':
        this.#keys.push(`task-${this.#keys.length}`);
        // A refused turn answers its submissions: the same again is taken once.
        while (!(await this.#submit(this.#keys.at(-1)!)));
        break;
      case 'join':
        this.#ids.push(`host-${this.#ids.length}`);
        world.join(this.#ids.at(-1)!, { concurrency: step.concurrency, prefetch: step.prefetch });
        break;
      case 'crash':
        await this.#process.crash();
        await this.#restart();
        break;
      case 'stop':
        await this.#process.fleet.stop({ graceful: false });
        await this.#restart();
        break;
      case 'refuse':
        this.#faulty.next(() => Promise.reject(new Error('away')));
        break;
      case 'advance':
        await this.#clock.advance(step.ms);
        break;
      case 'kill':
      case 'cutOff':
      case 'reconnect':
      case 'drain':
      case 'leave':
      case 'lose':
      case 'rejoin':
        this.#takeOfWorker(step.type, pick(this.#ids, step.pick));
        break;
      case 'begin':
      case 'beginUnheard':
      case 'complete':
      case 'fail':
      case 'cancel':
        this.#takeOfAttempt(step.type, step.pick);
        break;
      default:
        this.#takeStray(step.type, step.pick);
    }
    await settled();
    this.#look();
  }

  /** What the fleet says of its workers is what its rows say. */
  async assertPlaces(): Promise<void> {
    const { fleet } = this.#process;
    const held = (await fleet.listTasks({ limit: 1_000 })).filter(({ status }) =>
      ['dispatched', 'running', 'cancelling'].includes(status)
    );
    for (const { id, taskIds } of await fleet.getWorkers()) {
      const rows = held.filter(({ workerId }) => workerId === id).map(({ key }) => key);
      assert.deepEqual(taskIds.toSorted(), rows.toSorted());
    }
    assert.equal((await fleet.getStats()).runningTasks, held.length);
  }

  /** Lets everything go well from now on: then every task settles. */
  async finish(): Promise<void> {
    const world = this.#world;
    world.join('last', { concurrency: 100 });
    for (let rounds = 0; rounds < 100; rounds++) {
      for (const id of ['last', ...this.#ids]) {
        for (const attempt of world.isReachable(id) ? world.heldBy(id) : []) {
          world.begin(attempt);
          world.settle(attempt);
        }
      }
      await this.#clock.advance(10_000);
      await settled();
      this.#look();
      const { runningTasks, queuedTasks, backingOffTasks } = await this.#process.fleet.getStats();
      if (runningTasks + queuedTasks + backingOffTasks === 0) break;
    }
    const tasks = await this.#process.fleet.listTasks({ limit: 1_000 });
    assert.deepEqual(
      tasks.map(({ key }) => key),
      this.#keys
    );
    for (const { status } of tasks) assert.match(status, /^(completed|cancelled)$/);
    assert.equal(new Set(this.#settlements).size, this.#settlements.length);
    assert.equal(new Set(world.dispatchedRefs).size, world.dispatchedRefs.length);
    await this.#process.fleet.stop({ graceful: false });
    assert.equal(this.#clock.pending, 0);
  }

  async #submit(id: string): Promise<boolean> {
    const { fleet } = this.#process;
    const submitted = fleet.submitAsync('work', null, { id }).then(
      () => true,
      () => false
    );
    await this.#clock.advance(10_000);
    return submitted;
  }

  async #restart(): Promise<void> {
    this.#process = await this.#process.restart({
      executor: this.#world.executor(),
      store: this.#faulty.store
    });
    this.#listen();
  }

  #listen(): void {
    this.#process.fleet.on('task.settled', ({ key }) => this.#settlements.push(key));
  }

  /** Keeps what was dispatched, so that something of it may still come in much later. */
  #look(): void {
    for (const id of this.#ids) {
      for (const { seq, attempt } of this.#world.heldBy(id)) {
        if (!this.#seen.some((seen) => seen.seq === seq && seen.attempt === attempt)) {
          this.#seen.push({ seq, attempt });
        }
      }
    }
  }

  #takeOfWorker(type: Extract<Step, { type: string }>['type'], id: string | undefined): void {
    const world = this.#world;
    if (id === undefined) return;
    if (type === 'rejoin') {
      const said = { workerId: id, concurrency: 1, prefetch: 1, tags: [], types: ['work'], problem: null };
      return world.reports?.joined(said);
    }
    if (type === 'lose') return world.reports?.workerLost(id, 'its connection broke');
    if (type === 'reconnect') {
      world.reconnect(id);
      if (world.isReachable(id)) world.reports?.heartbeat(id);
    } else if (type === 'kill') world.kill(id);
    else if (type === 'cutOff') world.cutOff(id);
    else if (type === 'drain') world.drain(id);
    else if (type === 'leave') world.leave(id);
  }

  #takeOfAttempt(type: 'begin' | 'beginUnheard' | 'complete' | 'fail' | 'cancel', number: number): void {
    const world = this.#world;
    if (type === 'cancel') {
      const key = pick(this.#keys, number);
      if (key !== undefined) this.#process.fleet.cancelTask(key).catch(() => {});
      return;
    }
    const attempt = pick(
      this.#ids.flatMap((id) => world.heldBy(id)),
      number
    );
    if (attempt === undefined) return;
    if (type === 'begin') world.begin(attempt);
    else if (type === 'beginUnheard') world.begin(attempt, false);
    else world.settle(attempt, type === 'fail' ? failed : undefined);
  }

  /** An outcome comes again only of an attempt that has one, and a loss only of one that is not there any more. */
  #takeStray(type: string, number: number): void {
    const world = this.#world;
    const { reports } = world;
    const ref = pick(this.#seen, number);
    if (reports === null || ref === undefined) return;
    const isThere = world.has(ref);
    if (type === 'strayStart') reports.started(ref);
    else if (type === 'strayHeartbeat') reports.heartbeat(pick(this.#ids, number)!);
    else if (isThere) return;
    else if (type === 'strayOutcome') world.settle(ref);
    else if (type === 'strayLoss') reports.lost(ref, 'nobody has it');
    else reports.returned(ref);
  }
}

function pick<T>(from: readonly T[], number: number): T | undefined {
  return from.length === 0 ? undefined : from[number % from.length];
}
