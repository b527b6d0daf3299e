import fc from 'fast-check';
import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  StoreError,
  type Autoscale,
  type ConfigPatch,
  type FleetFact,
  type FleetManager,
  type Store
} from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet, type SimulatedClock, type TestFleet } from '../harness.ts';

const autoscale: Autoscale = {
  minWorkers: 1,
  maxWorkers: 20,
  scaleUpThreshold: 10,
  scaleDownThreshold: 2,
  intervalMs: 1_000,
  cooldownMs: 30_000
};
/** How long a scaling down may take after the last task: what was watched when it ended, and one cooldown more. */
const untilIdleMs = 2 * autoscale.cooldownMs;

describe('autoscaling', () => {
  it('begins with minWorkers, or with what is declared within the limits', async () => {
    const { fleet } = await startFleet({
      handlers: {},
      config: { autoscale: { minWorkers: 2, maxWorkers: 4 } }
    });
    expect(workersOf(fleet)).toBe(2);
    const { fleet: another } = await startFleet({
      handlers: {},
      config: { autoscale: { minWorkers: 2, maxWorkers: 4 }, maxConcurrentWorkers: 9 }
    });
    expect(workersOf(another)).toBe(4);
  });

  it('adds workers for a queue that stays too long, one for each threshold of tasks, up to the maximum', async () => {
    const { fleet, clock, scalings } = await startScaled({});
    await fleet.submitBatch(tasks(51, 600_000));
    await clock.advance(999);
    expect(workersOf(fleet)).toBe(1);

    await clock.advance(1);
    expect(scalings).toEqual([{ type: 'workers.scaled', from: 1, to: 6, reason: 'queue' }]);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 6, runningTasks: 6 });

    await clock.advance(5_000);
    expect(workersOf(fleet)).toBe(20);
  });

  it('takes a queue for what its workers can run at once', async () => {
    const { fleet, clock } = await startScaled({}, { workerConcurrency: 5 });
    await fleet.submitBatch(tasks(105, 600_000));
    await clock.advance(1_000);

    expect(workersOf(fleet)).toBe(3);
  });

  it('leaves a queue alone that is short, or too long only for a moment', async () => {
    const { fleet, clock, scalings } = await startScaled({});
    await fleet.submitBatch(tasks(11, 600_000));
    await clock.advance(10_000);
    expect(workersOf(fleet)).toBe(1);
    await fleet.submitBatch(tasks(20, 10));
    await clock.advance(500);
    await fleet.cancelBatch('id-2');
    await clock.advance(600_000);

    expect(scalings).toEqual([]);
  });

  it.each([
    ['are scheduled for later', { startAfter: Date.UTC(2027, 0, 1) }],
    ['are of a paused batch', null]
  ])('counts no tasks that %s', async (_, option) => {
    const { fleet, clock, scalings } = await startScaled({});
    if (option === null) {
      await fleet.pause();
      await fleet.submitBatch(tasks(100, 10), { batchId: 'paused' });
      await fleet.pauseBatch('paused');
      await fleet.resume();
    } else await fleet.submitBatch(tasks(100, 10).map((task) => ({ ...task, ...option })));
    await clock.advance(60_000);

    expect(scalings).toEqual([]);
  });

  it('counts no tasks that back off', async () => {
    const { fleet, clock, scalings } = await startScaled({}, { workerConcurrency: 50 });
    await fleet.updateConfig({ retry: { baseMs: 600_000, maxMs: 600_000 } });
    await fleet.submitBatch(tasks(50, -1));
    await clock.advance(60_000);

    expect(await fleet.getStats()).toMatchObject({ backingOffTasks: 50 });
    expect(scalings).toEqual([]);
  });

  it('counts no tasks that more workers would not run', async () => {
    const { fleet, clock, scalings } = await startScaled({});
    await fleet.updateConfig({ typeLimits: { work: { concurrency: 2 } } });
    await fleet.submitBatch(tasks(50, 600_000));
    await clock.advance(60_000);
    expect(scalings).toEqual([]);

    await fleet.updateConfig({ typeLimits: { work: { concurrency: 20 } } });
    await clock.advance(1_000);
    expect(workersOf(fleet)).toBe(3);
  });

  it('has a worker come back for a single task that it alone offers the tags of', async () => {
    const { fleet, clock } = await startScaled(
      {},
      {
        workerGroups: [
          { tags: ['eu'], workers: 2 },
          { tags: ['gpu'], workers: 1 }
        ]
      }
    );
    expect(await fleet.getWorkers({ tags: ['gpu'] })).toEqual([]);
    const [task] = tasks(1, 10);
    const batchId = await fleet.submitBatch([{ ...task!, tags: ['gpu'] }]);
    await clock.advance(10_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed' });
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(1);
  });

  it('counts tasks with tags if the workers that it may add offer them', async () => {
    const { fleet, clock, scalings } = await startScaled({});
    await fleet.submitBatch(tasks(50, 600_000).map((task) => ({ ...task, tags: ['gpu'] })));
    await clock.advance(60_000);
    expect(scalings).toEqual([]);

    const workerGroups = [
      { tags: ['eu'], workers: 1 },
      { tags: ['gpu'], workers: 1 }
    ];
    await fleet.updateConfig({ workerGroups });
    await clock.advance(2_000);
    expect(await fleet.getStats()).toMatchObject({ runningTasks: 1 });
  });

  it('does not grow while the fleet is paused', async () => {
    const { fleet, clock } = await startScaled({});
    await fleet.pause();
    await fleet.submitBatch(tasks(50, 600_000));
    await clock.advance(60_000);
    expect(workersOf(fleet)).toBe(1);

    await fleet.resume();
    await clock.advance(1_000);
    expect(workersOf(fleet)).toBeGreaterThan(1);
  });

  it('goes back to the minimum when it is idle, and sets no alarm then', async () => {
    const { fleet, clock, scalings } = await startScaled({});
    await fleet.submitBatch(tasks(300, 1_000));
    await clock.advance(15_000);
    expect(await fleet.getStats()).toMatchObject({ completedTasks: expect.any(Number) as number });
    expect(workersOf(fleet)).toBe(20);

    await clock.advance(15_000 + untilIdleMs);
    expect(scalings.at(-1)).toEqual({ type: 'workers.scaled', from: 20, to: 1, reason: 'idle' });
    expect(await fleet.getStats()).toMatchObject({ workerCount: 1, completedTasks: 300 });
    expect(clock.pending).toBe(0);
  });

  it('keeps as many workers as were busy at once within a cooldown', async () => {
    const { fleet, clock, scalings } = await startScaled({});
    await fleet.updateConfig({ autoscale: { minWorkers: 8 } });
    await fleet.updateConfig({ autoscale: { minWorkers: 1 } });
    for (let round = 0; round < 20; round++) {
      await fleet.submitBatch(tasks(3, 1_000));
      await clock.advance(10_000);
    }

    expect(scalings.slice(1)).toEqual([{ type: 'workers.scaled', from: 8, to: 3, reason: 'idle' }]);
  });

  it('never drains a worker that holds a task, wherever the idle ones are', async () => {
    const { fleet, clock } = await startScaled({});
    await fleet.updateConfig({ autoscale: { minWorkers: 6 } });
    const aborted: string[] = [];
    fleet.on('worker.stopped', ({ workerId }) => aborted.push(workerId));
    await fleet.submitBatch([...tasks(4, 10), ...tasks(2, 600_000, 'long')]);
    await clock.advance(100);
    const held = (await fleet.getActiveWorkers()).map(({ id }) => id);
    expect(held).toEqual(['worker-5', 'worker-6']);

    await fleet.updateConfig({ autoscale: { minWorkers: 1 } });
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(2);
    expect((await fleet.getActiveWorkers()).map(({ id }) => id)).toEqual(held);
    expect(aborted.toSorted()).toEqual(['worker-1', 'worker-2', 'worker-3', 'worker-4']);

    // What is parked is filled again, lowest first.
    await fleet.scaleWorkers(3);
    await fleet.submitBatch(tasks(1, 600_000));
    await settled();
    expect((await fleet.getActiveWorkers()).map(({ id }) => id).toSorted()).toEqual([
      'worker-1.2',
      'worker-5',
      'worker-6'
    ]);
  });

  it('gives nothing to the workers that it has chosen to let go', async () => {
    const { fleet, clock } = await startScaled({}, { workerConcurrency: 2 });
    await fleet.updateConfig({ autoscale: { minWorkers: 4 } });
    await fleet.updateConfig({ autoscale: { minWorkers: 1 } });
    await fleet.submitBatch(tasks(1, 600_000, 'long'));
    const stopped: string[] = [];
    fleet.on('worker.stopped', ({ workerId }) => stopped.push(workerId));
    // Comes with the turn that makes the decision durable.
    const { actor } = fleet;
    let hasCome = false;
    const subscription = actor.subscribe(({ context }) => {
      if (context.config.maxConcurrentWorkers > 1 || hasCome) return;
      hasCome = true;
      void fleet.submitBatch(tasks(2, 600_000));
    });
    await clock.advance(untilIdleMs);
    subscription.unsubscribe();

    expect(stopped).toHaveLength(3);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 1, runningTasks: 2, queuedTasks: 1 });
  });

  it('leaves alone what scaleWorkers has set, also after a restart, until it is set again', async () => {
    const first = await startScaled({});
    await first.fleet.scaleWorkers(30);
    await first.clock.advance(10 * untilIdleMs);
    expect(workersOf(first.fleet)).toBe(30);
    expect(first.scalings).toEqual([{ type: 'workers.scaled', from: 1, to: 30, reason: 'manual' }]);

    await first.crash();
    const { fleet, clock } = await first.restart();
    await clock.advance(10 * untilIdleMs);
    expect(workersOf(fleet)).toBe(30);
    expect(clock.pending).toBe(0);

    await fleet.updateConfig({ autoscale: {} });
    expect(workersOf(fleet)).toBe(20);
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(1);
  });

  it('remembers what scaleWorkers has set while a commit was under way', async () => {
    const faulty = faultyStore();
    const first = await startScaled({}, { store: faulty.store });
    const written = gate();
    faulty.next((write) => written.promise.then(write));
    const submitted = first.fleet.submitBatch(tasks(1, 600_000));
    await settled();
    const scaled = first.fleet.scaleWorkers(7);
    written.open();
    await Promise.all([submitted, scaled]);

    await first.crash();
    const { fleet, clock } = await first.restart();
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(7);
  });

  it('leaves alone a maxConcurrentWorkers that updateConfig has set, and what is set when it is off', async () => {
    const { fleet, clock } = await startScaled({});
    await fleet.updateConfig({ maxConcurrentWorkers: 5 });
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(5);

    await fleet.updateConfig({ autoscale: {} });
    await fleet.updateConfig({ autoscale: null });
    await fleet.submitBatch(tasks(100, 600_000));
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(5);
  });

  it('can be set while the fleet runs, and obeys changed limits at once', async () => {
    const test: TestFleet<ReturnType<typeof handlersOn>> = await startFleet({
      handlers: handlersOn(() => test.clock),
      config: { maxConcurrentWorkers: 1 }
    });
    const { fleet, clock } = test;
    await fleet.submitBatch(tasks(100, 600_000));
    await clock.advance(60_000);
    expect(workersOf(fleet)).toBe(1);

    await fleet.updateConfig({ autoscale: { ...autoscale, minWorkers: 3 } });
    expect(workersOf(fleet)).toBe(3);
    await clock.advance(5_000);
    expect(workersOf(fleet)).toBe(20);
    await fleet.updateConfig({ autoscale: { maxWorkers: 6 } });
    await settled();
    expect(workersOf(fleet)).toBe(6);
    // Limits are obeyed at once; what runs is finished.
    expect(await fleet.getStats()).toMatchObject({ runningTasks: 20 });
  });

  it.each(['crash', 'stop'] as const)('goes on after a %s with the workers that it had', async (end) => {
    const first = await startScaled({});
    await first.fleet.submitBatch(tasks(300, 600_000));
    await first.clock.advance(10_000);
    expect(workersOf(first.fleet)).toBe(20);
    if (end === 'crash') await first.crash();
    else await first.fleet.stop({ graceful: false });

    const second = await first.restart({ handlers: { work: () => 'quick' } });
    await settled();
    expect(await second.fleet.getStats()).toMatchObject({ workerCount: 20, completedTasks: 300 });
    await second.clock.advance(untilIdleMs);
    expect(workersOf(second.fleet)).toBe(1);
  });

  it('begins anew when it is declared anew', async () => {
    const first = await startScaled({});
    await first.fleet.scaleWorkers(30);
    await first.fleet.stop();
    const { fleet, clock } = await first.restart({
      config: { autoscale: { ...autoscale, minWorkers: 2, maxWorkers: 10 } }
    });
    expect(workersOf(fleet)).toBe(2);
    await clock.advance(untilIdleMs);
    expect(workersOf(fleet)).toBe(2);
  });

  it('scales once that is durable, and not before', async () => {
    const faulty = faultyStore();
    const { fleet, clock, scalings } = await startScaled({}, { store: faulty.store });
    await fleet.submitBatch(tasks(300, 600_000));
    await clock.advance(999);
    faulty.next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'no space', 'refused')));
    await clock.advance(1);
    expect(fleet.actor.getSnapshot().value.journal).toBe('storeUnavailable');
    expect(await fleet.getStats()).toMatchObject({ workerCount: 1 });
    expect(scalings).toEqual([]);

    await clock.advance(100);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 20 });
    expect(scalings).toEqual([{ type: 'workers.scaled', from: 1, to: 20, reason: 'queue' }]);
  });

  it('keeps the number of workers in the store', async () => {
    const { fleet, clock, store, scalings } = await startScaled({});
    await fleet.submitBatch(tasks(300, 600_000));
    await clock.advance(1_000);
    const seen = scalings.at(-1);
    await fleet.stop({ graceful: false });
    const { agents } = await store.open('test', 'the test');
    await store.release('test');
    const persisted = agents.find(({ id }) => id === 'fleet')!.snapshot;
    expect(persisted).toMatchObject({ context: { config: { maxConcurrentWorkers: seen?.to } } });
  });
});

describe('under any load, autoscaling', () => {
  it('stays within its limits, does not turn round within a cooldown, reaches both ends, and settles', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...shapes),
        policies,
        concurrencies,
        fc.nat(1_000),
        async (shape, policy, workerConcurrency, seed) => {
          const test = await startScaled(policy, { workerConcurrency });
          const { fleet, clock, scalings } = test;
          const at: number[] = [];
          fleet.on('workers.scaled', () => at.push(clock.now()));
          const arrivals = arrivalsOf(shape, seed);
          for (const { count, durationMs, pauseMs } of arrivals) {
            await fleet.submitBatch(tasks(count, durationMs));
            await clock.advance(pauseMs);
            const workers = workersOf(fleet);
            expect(workers).toBeGreaterThanOrEqual(policy.minWorkers);
            expect(workers).toBeLessThanOrEqual(policy.maxWorkers);
            expect(drainingOf(fleet)).toEqual([]);
          }
          expectNoTurnWithin(policy.cooldownMs, scalings, at);

          // Overload.
          await fleet.submitBatch(tasks(400 * workerConcurrency, 5_000));
          await clock.advance(policy.cooldownMs + 3 * policy.intervalMs);
          expect(workersOf(fleet)).toBe(policy.maxWorkers);
          await clock.advanceUntil(() => isIdle(fleet), 1e9);
          await clock.advance(2 * Math.max(policy.cooldownMs, policy.intervalMs));
          expect(workersOf(fleet)).toBe(policy.minWorkers);
          expect(clock.pending).toBe(0);
          expectNoTurnWithin(policy.cooldownMs, scalings, at);
          await fleet.stop();
        }
      ),
      { numRuns: 12 }
    );
  }, 120_000);

  it('settles under a constant load and stays', async () => {
    const load = fc.record({
      count: fc.integer({ min: 1, max: 40 }),
      durationMs: fc.integer({ min: 10, max: 4_000 }),
      pauseMs: fc.integer({ min: 500, max: 5_000 })
    });
    await fc.assert(
      fc.asyncProperty(
        load,
        policies,
        concurrencies,
        async ({ count, durationMs, pauseMs }, policy, workerConcurrency) => {
          const cooldownMs = Math.max(policy.cooldownMs, 5_000);
          const { fleet, clock, scalings } = await startScaled(
            { ...policy, cooldownMs },
            { workerConcurrency }
          );
          const submitFor = async (ms: number) => {
            for (let passed = 0; passed < ms; passed += pauseMs) {
              await fleet.submitBatch(tasks(count, durationMs));
              await clock.advance(pauseMs);
            }
          };
          await submitFor(12 * cooldownMs);
          const before = scalings.length;
          await submitFor(8 * cooldownMs);
          expect(scalings.slice(before)).toEqual([]);
          await fleet.stop({ graceful: false });
        }
      ),
      { numRuns: 8 }
    );
  }, 120_000);
});

const policies: fc.Arbitrary<Autoscale> = fc
  .record({
    minWorkers: fc.integer({ min: 1, max: 4 }),
    more: fc.integer({ min: 0, max: 16 }),
    scaleUpThreshold: fc.integer({ min: 1, max: 15 }),
    scaleDownThreshold: fc.constant(1),
    intervalMs: fc.constantFrom(100, 1_000, 5_000),
    cooldownMs: fc.constantFrom(0, 3_000, 20_000)
  })
  .map(({ more, ...policy }) => ({ ...policy, maxWorkers: policy.minWorkers + more }));

const concurrencies = fc.constantFrom(1, 3);

const shapes = ['steps', 'bursts', 'sawtooth', 'random'] as const;

/** What is submitted, and how long after it the next is. */
function arrivalsOf(shape: (typeof shapes)[number], seed: number) {
  const dice = fc.sample(fc.nat(1_000), { seed, numRuns: 90 });
  return Array.from({ length: 30 }, (_, n) => {
    const [a = 0, b = 0, c = 0] = dice.slice(3 * n);
    const durationMs = 10 + 2 * b;
    switch (shape) {
      case 'steps':
        return { count: n < 10 ? 1 : n < 20 ? 40 : 4, durationMs, pauseMs: 1_000 };
      case 'bursts':
        return { count: n % 5 === 0 ? 100 : 1, durationMs, pauseMs: 4_000 };
      case 'sawtooth':
        return { count: 1 + 6 * (n % 8), durationMs, pauseMs: 2_500 };
      case 'random':
        return { count: 1 + (a % 60), durationMs, pauseMs: 10 * c };
    }
  });
}

function expectNoTurnWithin(cooldownMs: number, scalings: readonly Scaling[], at: readonly number[]): void {
  for (const [n, { from, to }] of scalings.entries()) {
    const before = scalings[n - 1];
    if (before === undefined || to > from === before.to > before.from) continue;
    expect(at[n]! - at[n - 1]!).toBeGreaterThanOrEqual(cooldownMs);
  }
}

type Scaling = Extract<FleetFact, { type: 'workers.scaled' }>;

/** A fleet on the policy, whose tasks take as long as they say. */
async function startScaled(
  policy: Partial<Autoscale>,
  { store, ...config }: ConfigPatch & { readonly store?: Store } = {}
) {
  const test: TestFleet<ReturnType<typeof handlersOn>> = await startFleet({
    handlers: handlersOn(() => test.clock),
    config: { ...config, autoscale: { ...autoscale, ...policy } },
    ...(store && { store })
  });
  const scalings: Scaling[] = [];
  test.fleet.on('workers.scaled', (fact) => scalings.push(fact));
  return { ...test, scalings };
}

/** @param clock - Of the fleet, which has none before it is made. */
function handlersOn(clock: () => SimulatedClock) {
  return {
    work: (ms: number): Promise<void> | never => {
      if (ms < 0) throw new Error('It fails');
      return new Promise((resolve) => void clock().setAlarm(resolve, ms));
    }
  };
}

function tasks(count: number, ms: number, prefix = '') {
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index}`,
    type: 'work' as const,
    data: ms,
    // Longer than anything here takes.
    timeoutMs: 1e9
  }));
}

function workersOf(fleet: Pick<FleetManager, 'actor'>): number {
  return fleet.actor.getSnapshot().context.config.maxConcurrentWorkers;
}

/** Workers that are asked to go though they hold a task. */
function drainingOf(fleet: Pick<FleetManager, 'actor'>): string[] {
  const children = Object.entries(
    fleet.actor.getSnapshot().children as Readonly<Record<string, AnyActorRef>>
  );
  return children
    .filter(([, child]) => (child.getSnapshot() as AnyMachineSnapshot).value === 'draining')
    .map(([id]) => id);
}

function isIdle(fleet: Pick<FleetManager, 'store'>): boolean {
  const { counts } = fleet.store.getSnapshot().context.stats;
  return counts.queued + counts.running === 0;
}
