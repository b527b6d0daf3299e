import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tagsOfSlot } from '../../machines/tags.ts';
import {
  defaultFleetConfig,
  StoreError,
  type FleetConfig,
  type HandlerContext,
  type TaskView
} from '../../src/index.ts';
import { faultyStore, SimulatedClock, startFleet } from '../harness.ts';

const types = ['free', 'narrow', 'rated', 'both'] as const;
type Type = (typeof types)[number];

const tags = fc.subarray(['gpu', 'eu', 'ssd']);
const rate = fc.record({ limit: fc.integer({ min: 1, max: 3 }), intervalMs: fc.constantFrom(100, 1_000) });
const concurrency = fc.integer({ min: 1, max: 3 });

const config = fc
  .record({
    maxConcurrentWorkers: fc.integer({ min: 1, max: 5 }),
    workerGroups: fc.array(fc.record({ tags, workers: fc.integer({ min: 1, max: 2 }) }), { maxLength: 3 }),
    ageingMs: fc.constantFrom(null, 100, 60_000),
    narrow: concurrency,
    rated: rate,
    both: fc.record({ concurrency, rate })
  })
  .map(({ narrow, rated, both, ...rest }): FleetConfig => {
    const typeLimits = { narrow: { concurrency: narrow }, rated: { rate: rated }, both };
    return { ...defaultFleetConfig, ...rest, typeLimits, maxRecoveries: 1_000_000 };
  });

const task = fc.record({
  type: fc.constantFrom(...types),
  tags,
  priority: fc.constantFrom(0, 5, 10)
});

type Step =
  | { readonly do: 'submit'; readonly tasks: readonly { type: Type; tags: string[]; priority: number }[] }
  | { readonly do: 'end'; readonly at: number }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'scale'; readonly count: number }
  | { readonly do: 'refuse' | 'crash' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.array(task, { minLength: 1, maxLength: 6 }).map((tasks) => ({ do: 'submit', tasks }))
  },
  { weight: 6, arbitrary: fc.nat(20).map((at) => ({ do: 'end', at })) },
  { weight: 4, arbitrary: fc.constantFrom(1, 60, 99, 1_000).map((ms) => ({ do: 'advance', ms })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }).map((count) => ({ do: 'scale', count })) },
  { weight: 1, arbitrary: fc.constantFrom('refuse', 'crash').map((name) => ({ do: name })) }
) as fc.Arbitrary<Step>;

describe('whatever is submitted, refused, scaled and crashed', () => {
  it('no task runs without its tags or beyond a limit, the order is right, and what can run runs', async () => {
    await fc.assert(
      fc.asyncProperty(config, fc.array(step, { maxLength: 40, size: 'max' }), async (given, steps) => {
        const world = await startWorld(given);
        for (const next of steps) {
          await world.carryOut(next);
          await world.check();
        }
        await world.finish();
      }),
      { numRuns: 80 }
    );
  });
});

/** A fleet whose handlers end when they are told to, and what it did so far. */
async function startWorld(given: FleetConfig) {
  const clock = new SimulatedClock();
  const { store, next } = faultyStore();
  const running = new Map<
    string,
    { readonly type: Type; readonly workerId: string; readonly end: () => void }
  >();
  const starts: { readonly type: Type; readonly at: number }[] = [];
  /** Keys that were started since the last look. */
  let fresh: string[] = [];
  let workers = given.maxConcurrentWorkers;
  let names = 0;
  /** The next commit will be refused. */
  let isFaulty = false;

  const work = (_: null, { key, task: { type }, workerId }: HandlerContext): Promise<void> => {
    starts.push({ type: type as Type, at: clock.now() });
    fresh.push(key);
    return new Promise((end) => void running.set(key, { type: type as Type, workerId, end }));
  };
  const handlers = { free: work, narrow: work, rated: work, both: work };
  const { maxConcurrentWorkers, workerGroups, ageingMs, typeLimits, maxRecoveries } = given;
  const declared = { maxConcurrentWorkers, workerGroups, ageingMs, typeLimits, maxRecoveries };
  let process = await startFleet({ handlers, clock, store, config: declared });

  const tagsOf = (workerId: string): readonly string[] =>
    tagsOfSlot(given, Number(/^worker-(\d+)/.exec(workerId)![1]));
  const limitOf = (type: Type) => given.typeLimits[type] ?? {};
  const runningOf = (type: Type): number =>
    [...running.values()].filter((other) => other.type === type).length;
  const hasRoom = (type: Type): boolean => runningOf(type) < (limitOf(type).concurrency ?? Infinity);
  const scoreOf = ({ priority, createdAt }: TaskView): number =>
    ageingMs === null ? priority : priority * ageingMs - createdAt;
  const end = (key: string): void => {
    running.get(key)!.end();
    running.delete(key);
  };

  async function carryOut(asked: Step): Promise<void> {
    switch (asked.do) {
      case 'submit': {
        const submitted = asked.tasks.map((one, index) => ({ ...one, id: String(index), data: null }));
        // A commit that is refused refuses the submission too.
        process.fleet
          .submitBatch(submitted, { batchId: `b${++names}` })
          .catch((error: unknown) => expect(error).toBeInstanceOf(StoreError));
        break;
      }
      case 'end': {
        const keys = [...running.keys()];
        if (keys.length > 0) end(keys[asked.at % keys.length]!);
        break;
      }
      case 'advance':
        await clock.advance(asked.ms);
        break;
      case 'scale':
        workers = asked.count;
        void process.fleet.scaleWorkers(asked.count);
        break;
      case 'refuse':
        if (isFaulty) break;
        isFaulty = true;
        next(() => {
          isFaulty = false;
          return Promise.reject(new StoreError('ERR_STORE_FULL', 'no space', 'refused'));
        });
        break;
      case 'crash':
        await process.crash();
        running.clear();
        fresh = [];
        process = await process.restart();
    }
    // The pause after a refused commit included.
    await clock.advance(100);
  }

  async function check(): Promise<void> {
    for (const { type, workerId } of running.values()) {
      const limit = limitOf(type).concurrency ?? Infinity;
      expect(runningOf(type)).toBeLessThanOrEqual(limit);
      expect([...running.values()].filter((other) => other.workerId === workerId)).toHaveLength(1);
    }
    checkRates();
    const tasks = new Map((await process.fleet.listTasks({ limit: 1_000 })).map((view) => [view.key, view]));
    for (const [key, { workerId }] of running) {
      expect(tagsOf(workerId)).toEqual(expect.arrayContaining([...(tasks.get(key)!.tags ?? [])]));
    }
    const queued = [...tasks.values()].filter(({ status }) => status === 'queued');
    checkOrder(queued, tasks);
    checkNobodyIdles(queued);
    fresh = [];
  }

  function checkRates(): void {
    for (const type of types) {
      const { rate: given } = limitOf(type);
      const times = starts.filter((start) => start.type === type).map(({ at }) => at);
      for (const [index, at] of given === undefined ? [] : times.entries()) {
        expect((times[index + given!.limit] ?? Infinity) - at).toBeGreaterThanOrEqual(given!.intervalMs);
      }
    }
  }

  /** Nothing was started on a worker that had to take another task before it. */
  function checkOrder(queued: readonly TaskView[], tasks: ReadonlyMap<string, TaskView>): void {
    for (const key of fresh) {
      const started = running.get(key);
      if (started === undefined) continue;
      const before = queued.filter(
        (other) =>
          limitOf(other.type as Type).rate === undefined &&
          hasRoom(other.type as Type) &&
          isCovered(other, tagsOf(started.workerId)) &&
          scoreOf(other) > scoreOf(tasks.get(key)!)
      );
      expect(before.map((other) => other.key)).toEqual([]);
    }
  }

  /** No worker is free that could take a task, unless its type is at a limit. */
  function checkNobodyIdles(queued: readonly TaskView[]): void {
    if (running.size >= workers) return;
    const busy = new Set([...running.values()].map(({ workerId }) => workerId.replace(/\..*/, '')));
    const free = Array.from({ length: workers }, (_, index) => `worker-${index + 1}`).filter(
      (id) => !busy.has(id)
    );
    const left = queued.filter(
      (view) =>
        hasRoom(view.type as Type) &&
        limitOf(view.type as Type).rate === undefined &&
        free.some((id) => isCovered(view, tagsOf(id)))
    );
    expect(left.map(({ key }) => key)).toEqual([]);
  }

  /** All that anybody can run ends, in bounded time. */
  async function finish(): Promise<void> {
    for (let round = 0; round < 1_000; round++) {
      for (const key of [...running.keys()]) end(key);
      await clock.advance(1_000);
      await check();
      if (running.size > 0) continue;
      const left = await process.fleet.listTasks({ status: 'queued', limit: 1_000 });
      if (left.length === 0) break;
      const offers = Array.from({ length: workers }, (_, index) => tagsOfSlot(given, index + 1));
      const routable = left.filter((view) => offers.some((offered) => isCovered(view, offered)));
      if (routable.length > 0) continue;
      expect(await process.fleet.getStats()).toMatchObject({ unroutableTasks: left.length });
      break;
    }
    expect(running.size).toBe(0);
    await process.fleet.stop({ graceful: false });
  }

  return { carryOut, check, finish };
}

function isCovered({ tags: wanted = [] }: TaskView, offered: readonly string[]): boolean {
  return wanted.every((tag) => offered.includes(tag));
}
