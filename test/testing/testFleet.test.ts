import { describe, expect, it, vi } from 'vitest';
import { createActor, sendTo, setup } from 'xstate';
import {
  ConflictError,
  createFleetLogic,
  FleetManager,
  memoryStore,
  NotRunningError,
  submitBatchEvent,
  ValidationError
} from 'xstate-fleet';
import {
  CrashedError,
  NotSettledError,
  script,
  SimulatedClock,
  testFleet,
  type FleetParts,
  type Script
} from 'xstate-fleet/testing';

const hourMs = 3_600_000;

describe('testFleet', () => {
  it('lets retries with backoff happen at once, in order', async () => {
    const get = script.sequence(script.fail('ECONNRESET'), script.fail('ECONNRESET'), script.succeed(200));
    await using fleet = await testFleet({
      handlers: { get },
      retry: { baseMs: hourMs, factor: 2, maxMs: 24 * hourMs, jitter: 'none' }
    });

    await fleet.manager.submitBatch([{ id: 'a', type: 'get', data: null }]);
    const startedAt = fleet.clock.now();
    await fleet.settle();

    expect(await fleet.state('a')).toBe('completed');
    expect(fleet.clock.now() - startedAt).toBe(3 * hourMs);
    expect(fleet.attempts('a')).toMatchObject([
      { attempt: 1, status: 'backingOff', error: { message: 'ECONNRESET' } },
      { attempt: 2, status: 'backingOff', startedAt: startedAt + hourMs },
      { attempt: 3, status: 'completed', startedAt: startedAt + 3 * hourMs, error: null }
    ]);
    expect(fleet.events.filter(({ type }) => type === 'task.retrying')).toHaveLength(2);
    expect(get.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  it('lets time pass only as far as it is told', async () => {
    await using fleet = await testFleet({ handlers: { wait: script.after(1_000, script.succeed('done')) } });
    const { manager } = fleet;
    await manager.submitBatch([{ id: 'a', type: 'wait', data: null }]);

    await fleet.advance(999);
    expect(await fleet.state('a')).toBe('running');
    expect(fleet.attempts('a')).toMatchObject([{ attempt: 1, endedAt: null, status: null }]);
    await fleet.advance(1);
    expect(await fleet.state('a')).toBe('completed');
    expect(await fleet.task('a')).toMatchObject({ attempts: 1 });
  });

  it('gives the same results as the clock of the machine', async () => {
    const handlers = () => ({
      get: script.byTask(
        {
          bad: script.fail('no', { retryable: false }),
          flaky: script.sequence(script.fail('once'), script.succeed(2))
        },
        script.succeed(1)
      )
    });
    const tasks = ['good', 'bad', 'flaky'].map((id) => ({ id, type: 'get' as const, data: null }));
    const options = { retry: { baseMs: 1, factor: 1, maxMs: 1, jitter: 'none' as const } };
    const outcomes = async (manager: FleetManager<ReturnType<typeof handlers>>) =>
      (await manager.getBatchResults('b'))
        .map(({ taskId, status, result, error, attempts }) => ({ taskId, status, result, error, attempts }))
        .sort((left, right) => left.taskId.localeCompare(right.taskId));

    await using real = new FleetManager({ handlers: handlers(), ...options });
    await real.start();
    await real.waitForBatch(await real.submitBatch(tasks, { batchId: 'b' }));
    await using fleet = await testFleet({ handlers: handlers(), ...options });
    await fleet.manager.submitBatch(tasks, { batchId: 'b' });
    await fleet.settle();

    const simulated = await outcomes(fleet.manager);
    expect(simulated).toEqual(await outcomes(real));
    expect(simulated.map(({ status }) => status)).toEqual(['failed', 'completed', 'completed']);
  });

  it('awaits handlers of the user, through as many promises as they take', async () => {
    const fetchFake = async (url: string): Promise<string> => {
      for (let hop = 0; hop < 100; hop++) await Promise.resolve();
      return `page of ${url}`;
    };
    await using fleet = await testFleet({ handlers: { get: (url: string) => fetchFake(url) } });
    expect(await fleet.run(fleet.manager.submit('get', '/a'))).toBe('page of /a');
    expect(fleet.clock.now()).toBe(Date.UTC(2026, 0, 1));
  });

  it('waits for real input and output where it is told of it, while time stands still', async () => {
    const { readFile } = await import('node:fs/promises');
    const read = script.real(async (path: string) => (await readFile(path, 'utf8')).length);
    await using fleet = await testFleet({ handlers: { read }, config: { workerTimeout: 1 } });
    expect(await fleet.run(fleet.manager.submit('read', import.meta.filename))).toBeGreaterThan(1_000);
    expect(fleet.clock.now()).toBe(Date.UTC(2026, 0, 1));
  });

  it('goes through 30 days of an hourly schedule', async () => {
    const work = script.succeed('done');
    await using fleet = await testFleet({ handlers: { work } });
    await fleet.manager.schedule(
      'hourly',
      { cron: '0 * * * *', timeZone: 'UTC' },
      { type: 'work', data: null }
    );
    await fleet.advance(30 * 24 * hourMs);
    expect(work.calls).toHaveLength(30 * 24);
  });

  it('lets a year pass in as many moments as something happens in', async () => {
    const work = script.after(100 * hourMs, script.succeed('done'));
    await using fleet = await testFleet({ handlers: { work }, config: { workerTimeout: 101 * hourMs } });
    const setAlarm = vi.spyOn(fleet.clock, 'setAlarm');
    await fleet.manager.submitAsync('work', null, { delayMs: 8_000 * hourMs });
    await fleet.settle({ withinMs: 9_000 * hourMs });
    expect(fleet.clock.now() - Date.UTC(2026, 0, 1)).toBe(8_100 * hourMs);
    expect(setAlarm.mock.calls.length).toBeLessThan(10);
  });

  it('tells the fleet at once when the wall clock was set, and that the machine stood still', async () => {
    const work = script.hang();
    await using fleet = await testFleet({ handlers: { work }, config: { maxRetries: 0 } });
    const key = 'a';
    await fleet.manager.submitAsync('work', null, { id: key, delayMs: hourMs, timeoutMs: 500 });
    fleet.clock.jump(hourMs);
    await fleet.advance(0);
    expect(await fleet.state(key)).toBe('running');
    await fleet.clock.block(hourMs);
    expect(await fleet.state(key)).toBe('running');
    await fleet.advance(500);
    expect(await fleet.state(key)).toBe('timedOut');
    await fleet.stop();
    fleet.clock.jump(-hourMs);
    expect(fleet.clock.pending).toBe(0);
  });

  it('gives its time to the machine of an app, whose fleet is a child', async () => {
    const clock = new SimulatedClock();
    const fleet = createFleetLogic({ clock, handlers: { work: script.succeed('done') } });
    const app = setup({ actors: { fleet } }).createMachine({
      invoke: { id: 'fleet', src: 'fleet' },
      initial: 'open',
      states: {
        open: { after: { [hourMs]: 'closed' }, on: { leave: 'left' } },
        closed: {
          entry: sendTo('fleet', () =>
            submitBatchEvent('last', [{ id: 'a', type: 'work', data: null, delayMs: hourMs }], {
              now: clock.now()
            })
          ),
          on: { 'batch.settled': 'done' },
          after: { [24 * hourMs]: 'left' }
        },
        done: {},
        left: {}
      }
    });
    const actor = createActor(app, { clock }).start();
    await clock.advance(hourMs);
    expect(actor.getSnapshot().value).toBe('closed');
    await clock.advance(hourMs);
    expect(actor.getSnapshot().value).toBe('done');
    actor.stop();
    expect(clock.pending).toBe(0);
  });

  it('has a timeout come on time beside a schedule that is far away', async () => {
    await using fleet = await testFleet({ handlers: { work: script.hang() }, config: { maxRetries: 0 } });
    await fleet.manager.schedule('yearly', { cron: '0 0 1 7 *' }, { type: 'work', data: null });
    await fleet.advance(30_000);
    await fleet.manager.submitBatch([{ id: 'a', type: 'work', data: null, timeoutMs: 300_000 }]);
    await fleet.settle();
    expect(await fleet.task('a')).toMatchObject({
      status: 'timedOut',
      settledAt: Date.UTC(2026, 0, 1) + 330_000
    });
  });

  it('settles while a schedule goes on for ever', async () => {
    await using fleet = await testFleet({ handlers: { work: script.after(5_000, script.succeed('done')) } });
    await fleet.manager.schedule('often', { everyMs: 60_000 }, { type: 'work', data: null });
    await fleet.advance(60_000);
    await fleet.settle();
    expect((await fleet.manager.getStats()).completedTasks).toBe(1);
    expect(fleet.clock.now() - Date.UTC(2026, 0, 1)).toBe(65_000);
  });

  it('waits for delays and dependencies, and lets attempts time out', async () => {
    const slow = script.sequence(script.hang(), script.succeed('late'));
    await using fleet = await testFleet({ handlers: { slow, quick: script.succeed('now') } });
    await fleet.manager.submitBatch([
      { id: 'later', type: 'quick', data: null, delayMs: 24 * hourMs },
      { id: 'after', type: 'quick', data: null, dependsOn: ['hangs'] },
      { id: 'hangs', type: 'slow', data: null, timeoutMs: 10_000 }
    ]);
    await fleet.settle();

    expect(await Promise.all(['later', 'after', 'hangs'].map((id) => fleet.state(id)))).toEqual(
      Array(3).fill('completed')
    );
    expect(slow.calls).toMatchObject([{ isAborted: true }, { isAborted: false }]);
    expect((await fleet.task('later')).startedAt).toBe(Date.UTC(2026, 0, 2));
  });

  it('holds what the test holds by hand, and cancels it', async () => {
    const door = script.gate(script.progress('begun', script.succeed('let in')));
    await using fleet = await testFleet({ handlers: { visit: door } });
    await fleet.manager.submitBatch([
      { id: 'a', type: 'visit', data: null },
      { id: 'b', type: 'visit', data: null }
    ]);
    await fleet.advance(0);
    expect(door.waiting).toHaveLength(2);
    await fleet.run(fleet.manager.cancelTask(door.waiting[0]!));
    await fleet.advance(0);
    expect(door.waiting).toHaveLength(1);
    door.open();
    await fleet.settle();

    expect([await fleet.state('a'), await fleet.state('b')]).toEqual(['cancelled', 'completed']);
    expect(fleet.events).toContainEqual(expect.objectContaining({ type: 'task.progress', value: 'begun' }));
  });

  it('scales, and adds up its results', async () => {
    await using fleet = await testFleet({
      handlers: { work: script.after(10_000, script.succeed(1)) },
      config: { autoscale: { minWorkers: 1, maxWorkers: 10, scaleUpThreshold: 2 } }
    });
    await fleet.manager.submitBatch(
      Array.from({ length: 200 }, (_, index) => ({ id: String(index), type: 'work' as const, data: null }))
    );
    await fleet.settle();
    expect(fleet.events).toContainEqual(expect.objectContaining({ type: 'workers.scaled', reason: 'queue' }));
    expect(await fleet.manager.coordinator.getSummary()).toMatchObject({ totalResults: 200 });
  });

  it('runs the fleet of a subclass', async () => {
    class Greeter extends FleetManager<{ greet: (name: string) => string }> {
      readonly done: string[] = [];
      protected override onAfterTask({ taskId }: { readonly taskId: string }): void {
        this.done.push(taskId);
      }
    }
    await using fleet = await testFleet({
      create: (options) => new Greeter({ ...options, handlers: { greet: (name) => `Hello ${name}` } })
    });
    expect(await fleet.run(fleet.manager.submit('greet', 'you', { id: 'first' }))).toBe('Hello you');
    expect(fleet.manager.done).toEqual(['first']);
  });

  it('runs until something holds', async () => {
    await using fleet = await testFleet({ handlers: { work: script.succeed(1) } });
    await fleet.manager.schedule(
      'daily',
      { cron: '0 2 * * *', timeZone: 'UTC' },
      { type: 'work', data: null }
    );
    await fleet.runUntil(() => fleet.events.some(({ type }) => type === 'schedule.fired'));
    expect(fleet.clock.now()).toBe(Date.UTC(2026, 0, 1, 2));
  });

  it('names a task by its id where only one has it', async () => {
    await using fleet = await testFleet({ handlers: { work: script.succeed(1) } });
    for (const batchId of ['x', 'y']) {
      await fleet.manager.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId });
    }
    await expect(fleet.state('a')).rejects.toThrow(ConflictError);
    await fleet.settle();
    expect(await fleet.state('x/a')).toBe('completed');
    expect(await fleet.state({ batchId: 'y', id: 'a' })).toBe('completed');
  });
});

describe('a test that waits in vain', () => {
  const one = [{ id: 'a', type: 'work' as const, data: null }];

  it.each<[string, (fleet: FleetManager<{ work: () => number }>) => Promise<unknown>, RegExp]>([
    ['a pause', (fleet) => fleet.pause(), /"b\/a" is queued: the fleet is paused/],
    ['a pause of its batch', (fleet) => fleet.pauseBatch('b'), /its batch "b" is paused/]
  ])('is told of %s', async (_, pause, message) => {
    await using fleet = await testFleet({ handlers: { work: () => 1 }, config: { maxConcurrentWorkers: 1 } });
    const { manager } = fleet;
    await manager.pause();
    await manager.submitBatch(one, { batchId: 'b' });
    await pause(manager);
    if (message.source.includes('batch "b"')) await manager.resume();
    await manager.schedule('ever', { everyMs: 10 * hourMs }, { type: 'work', data: null });
    const error = await fleet.settle().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotSettledError);
    expect(error).toMatchObject({ message, waiting: [{ key: 'b/a', status: 'queued' }] });
  });

  it('is told of tags that no worker has', async () => {
    await using fleet = await testFleet({ handlers: { work: () => 1 } });
    await fleet.manager.submitBatch([{ ...one[0]!, tags: ['gpu'] }]);
    await expect(fleet.settle()).rejects.toThrow(/wants a worker with the tags gpu/);
  });

  it('is told of a handler that the process after a crash has not', async () => {
    let processes = 0;
    await using fleet = await testFleet({
      create: (options) => {
        processes += 1;
        const handlers = processes === 1 ? { work: script.hang() } : { other: script.hang() };
        return new FleetManager<Record<string, Script>>({ ...options, handlers });
      }
    });
    await fleet.manager.submitBatch(one);
    await fleet.crash();
    await fleet.restart();
    await expect(fleet.settle()).rejects.toThrow(/type "work" has no handler/);
  });

  it('is told when a task begins later than it waits', async () => {
    await using fleet = await testFleet({ handlers: { work: () => 1 } });
    await fleet.manager.submitBatch([{ ...one[0]!, delayMs: 2_000 }]);
    await expect(fleet.settle({ withinMs: 1_000 })).rejects.toThrow(/scheduled for 2026-01-01T00:00:02/);
  });

  it('is told of a promise that does not settle', async () => {
    await using fleet = await testFleet({ handlers: { work: () => 1 } });
    await expect(fleet.run(new Promise(() => {}))).rejects.toThrow(NotSettledError);
    await expect(fleet.runUntil(() => false)).rejects.toThrow(/no task waits/);
  });

  it.each([NaN, -1, Infinity, '1' as never])('may not advance by %s', async (ms) => {
    await using fleet = await testFleet({ handlers: {} });
    await expect(fleet.advance(ms)).rejects.toThrow(ValidationError);
    await expect(fleet.settle({ withinMs: ms })).rejects.toThrow(ValidationError);
  });

  it('may not give nonsense', async () => {
    await expect(testFleet({ handlers: {}, seed: 0.5 })).rejects.toThrow(/options.seed/);
    await expect(testFleet({ handlers: {}, nmae: 'x' } as never)).rejects.toThrow(/nmae/);
    await expect(testFleet({ create: 1 as never })).rejects.toThrow(/options.create/);
    await expect(testFleet({ clock: {} as never })).rejects.toThrow(/SimulatedClock/);
    expect(() => script.after(-1, script.succeed(1))).toThrow(ValidationError);
    expect(() => script.sequence(...([] as never as [never]))).toThrow(ValidationError);
    expect(() => script.byTask(undefined as never, script.succeed(1))).toThrow(/scripts is undefined/);
    expect(() => script.fail('x', { retriable: false } as never)).toThrow(/options.retriable/);
    expect(() => script.hang({ ignoreAbort: true } as never)).toThrow(/options.ignoreAbort/);
    await using fleet = await testFleet({ handlers: {} });
    await expect(fleet.run((async () => {}) as never)).rejects.toThrow(/it must be a promise/);
  });

  it.each<[string, (options: FleetParts) => unknown, RegExp]>([
    ['that makes no fleet', () => Promise.resolve(), /it must be a FleetManager/],
    ['that drops the options', () => new FleetManager({}), /gives the options that it is called with/],
    [
      'with a store of its own',
      (options) => new FleetManager({ ...options, store: memoryStore() }),
      /gives the options that it is called with/
    ],
    [
      'with a name of its own',
      (options) => new FleetManager({ ...options, name: 'mine' }),
      /options.name is "default"; it must be "mine"/
    ]
  ])('may not give a function %s', async (_, create, message) => {
    await expect(testFleet({ create: create as () => FleetManager })).rejects.toThrow(message);
  });

  it('is refused once it has stopped, and goes on after a restart', async () => {
    await using fleet = await testFleet({ handlers: { work: () => 1 } });
    await fleet.stop();
    await expect(fleet.advance(1)).rejects.toThrow(NotRunningError);
    await fleet.restart();
    await expect(fleet.restart()).rejects.toThrow(ConflictError);
    expect(await fleet.run(fleet.manager.submit('work', null))).toBe(1);
  });
});

describe('a script', () => {
  it('throws in the middle of an attempt, after it has told of its progress', async () => {
    await using fleet = await testFleet({
      handlers: {
        work: script.progress('half', script.after(50, script.fail('disk full', { retryable: false })))
      }
    });
    await expect(fleet.run(fleet.manager.submit('work', null))).rejects.toThrow(/disk full/);
    expect(fleet.clock.now()).toBe(Date.UTC(2026, 0, 1) + 50);
    expect(fleet.events.map(({ type }) => type)).toContain('task.progress');
  });

  it('has its time ended by an abort, and leaves no alarm behind', async () => {
    const work = script.after(10 * hourMs, script.succeed(1));
    await using fleet = await testFleet({
      handlers: { work },
      config: { maxRetries: 0, workerTimeout: 1_000 }
    });
    await fleet.manager.submitBatch([{ id: 'a', type: 'work', data: null }]);
    await fleet.settle();
    expect(await fleet.state('a')).toBe('timedOut');
    expect(work.calls).toMatchObject([{ taskId: 'a', attempt: 1, isAborted: true }]);
    await fleet.advance(1_000);
    expect(fleet.clock.pending).toBe(0);
  });

  it('that takes time fails outside of a simulation, for good', async () => {
    await using fleet = new FleetManager({ handlers: { work: script.after(1, script.succeed(1)) } });
    await fleet.start();
    await expect(fleet.submit('work', null)).rejects.toThrow(/needs simulated time/);
  });

  it('keeps the types of what it is made of', async () => {
    const work = script.sequence(
      script.fail('once'),
      script.call((data: { n: number }) => data.n + 1)
    );
    await using fleet = await testFleet({ handlers: { work } });
    const result: number = await fleet.run(fleet.manager.submit('work', { n: 1 }));
    expect(result).toBe(2);
    // @ts-expect-error -- the data of the handler that it calls
    const wrong = fleet.run(fleet.manager.submit('work', { n: 'one' }));
    expect(await wrong).toBe('one1');
  });

  it('runs in fleets that share their time', async () => {
    const clock = new SimulatedClock();
    const work = script.after(100, script.succeed(1));
    await using first = await testFleet({ handlers: { work }, clock });
    await using second = await testFleet({ handlers: { work }, clock, seed: 2 });
    for (const { manager } of [first, second])
      await manager.submitBatch([{ id: 'a', type: 'work', data: null }]);
    await first.advance(100);
    expect([await first.state('a'), await second.state('a')]).toEqual(['completed', 'completed']);
  });
});

describe('a crash', () => {
  it('loses what was not committed, and recovers what was', async () => {
    const work = script.after(1_000, script.succeed('done'));
    await using fleet = await testFleet({ handlers: { work } });
    await fleet.manager.submitBatch([{ id: 'kept', type: 'work', data: null }], { batchId: 'b' });
    await fleet.advance(500);
    const lost = fleet.manager.submitBatch([{ id: 'lost', type: 'work', data: null }], { batchId: 'c' });
    await Promise.all([expect(lost).rejects.toThrow(NotRunningError), fleet.crash()]);
    expect(work.calls).toMatchObject([{ attempt: 1, isAborted: true }]);
    expect(await fleet.state('kept')).toBe('running');

    await fleet.restart({ downMs: hourMs });
    await fleet.settle();
    expect(await fleet.state('kept')).toBe('completed');
    await expect(fleet.state('c/lost')).rejects.toThrow(/There is no task/);
    expect(fleet.attempts('kept')).toMatchObject([{ attempt: 1 }, { attempt: 2, status: 'completed' }]);
    expect(fleet.attempts('kept')[1]!.startedAt).toBeGreaterThanOrEqual(Date.UTC(2026, 0, 1, 1));
  });

  it.each([
    ['beforeCommit', 2],
    ['afterCommit', 1]
  ] as const)('%s of a completion has the handler called %i times', async (at, times) => {
    const warn = vi.spyOn(console, 'warn');
    const charge = script.succeed('charged');
    await using fleet = await testFleet({ handlers: { charge } });
    await fleet.manager.submitBatch([{ id: 'a', type: 'charge', data: null }]);
    await fleet.crash({ at, task: 'a', state: 'completed' });
    await fleet.restart();
    await fleet.settle();
    expect(charge.calls).toHaveLength(times);
    expect(new Set(charge.calls.map(({ key }) => key)).size).toBe(1);
    expect(await fleet.manager.getStats()).toMatchObject({ completedTasks: 1, totalTasks: 1 });
    // Nothing was sent to an actor that has ended.
    expect(warn).not.toHaveBeenCalled();
  });

  it('at a turn of a number leaves that turn in the store, or not', async () => {
    for (const [at, written] of [
      ['beforeCommit', 0],
      ['afterCommit', 1]
    ] as const) {
      await using fleet = await testFleet({ handlers: { work: script.succeed(1) } });
      const submitted = fleet.manager.submitBatch([{ id: 'a', type: 'work', data: null }]);
      submitted.catch(() => {});
      const { turn } = fleet;
      await fleet.crash({ at, turn: turn + 1 });
      expect((await fleet.store.readHead('default'))!.turn - turn).toBe(written);
      await fleet.restart();
      await expect(fleet.crash({ at, turn: 1 })).rejects.toThrow(ValidationError);
    }
  });

  it('that does not come is told', async () => {
    await using fleet = await testFleet({ handlers: { work: script.succeed(1) } });
    await expect(fleet.crash({ at: 'afterCommit', state: 'failed' })).rejects.toThrow(/afterCommit, failed/);
    expect(await fleet.run(fleet.manager.submit('work', null))).toBe(1);
  });

  it('refuses what is asked of it until the restart', async () => {
    await using fleet = await testFleet({ handlers: { work: script.hang({ ignoresAbort: true }) } });
    const dead = fleet.manager;
    const waits = [
      dead.submit('work', null),
      dead.waitForBatch(await dead.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' }))
    ].map((wait) => expect(wait).rejects.toThrow(NotRunningError));
    await fleet.crash();
    await Promise.all(waits);
    for (const call of [
      () => fleet.advance(1),
      () => fleet.settle(),
      () => fleet.crash(),
      () => fleet.stop(),
      () => dead.getTask('b/a')
    ]) {
      await expect(call()).rejects.toThrow(CrashedError);
    }
    await fleet.restart();
    expect(fleet.manager).not.toBe(dead);
    await expect(dead.submit('work', null)).rejects.toThrow(NotRunningError);
  });

  it('is told to whoever waits for the fleet', async () => {
    await using fleet = await testFleet({ handlers: { work: script.after(hourMs, script.succeed(1)) } });
    const lost = fleet.manager.submit('work', null);
    fleet.clock.setAlarm(() => void fleet.crash(), 1_000);
    await Promise.all([
      expect(lost).rejects.toThrow(NotRunningError),
      expect(fleet.settle()).rejects.toThrow(CrashedError)
    ]);
  });

  it('takes the alarms of its process along: no handler of it goes on', async () => {
    const rang: number[] = [];
    await using fleet = await testFleet({
      create: (parts) =>
        new FleetManager({
          ...parts,
          handlers: {
            wait: (_: null, { attempt }) =>
              new Promise<void>((resolve) => {
                parts.clock!.setAlarm(() => {
                  rang.push(attempt);
                  resolve();
                }, 1_000);
              })
          }
        })
    });
    await fleet.manager.submitBatch([{ id: 'a', type: 'wait', data: null }]);
    await fleet.advance(500);
    await fleet.crash();
    await fleet.restart();
    await fleet.settle();
    expect(rang).toEqual([2]);
  });

  it('right after a restart is one more crash', async () => {
    let processes = 0;
    await using fleet = await testFleet({
      create: (options) => {
        processes += 1;
        return new FleetManager({ ...options, handlers: { work: script.succeed(1) } });
      }
    });
    await fleet.manager.submitBatch([{ id: 'a', type: 'work', data: null }]);
    for (let crashes = 0; crashes < 3; crashes++) {
      await fleet.crash();
      await fleet.restart();
    }
    await fleet.settle();
    expect(processes).toBe(4);
    expect(await fleet.state('a')).toBe('completed');
  });
});
