import { describe, expect, expectTypeOf, it } from 'vitest';
import { factTypes, type FleetFact, type TaskStatus } from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

describe('on', () => {
  it('calls back with every fact of its type', async () => {
    const { fleet } = await workFleet();
    const told: unknown[] = [];
    fleet.on('batch.accepted', ({ batchId, totalTasks }) => {
      expectTypeOf(totalTasks).toBeNumber();
      told.push(['accepted', batchId, totalTasks]);
    });
    fleet.on('batch.settled', ({ batchId, status }) => told.push(['settled', batchId, status]));
    fleet.on('task.settled', ({ key, status }) => told.push(['task', key, status]));
    await fleet.submitBatch([echo('a'), fail('x')], { batchId: 'b' });
    await fleet.submit('echo', 1, { id: 'single' });
    await settled();

    expect(told).toEqual([
      ['accepted', 'b', 2],
      ['task', 'b/a', 'completed'],
      ['task', 'b/x', 'failed'],
      ['settled', 'b', 'partial'],
      ['task', 'single', 'completed']
    ]);
  });

  it('calls back with every fact there is for "*", each once, in order', async () => {
    const { fleet, clock } = await workFleet();
    const facts: FleetFact[] = [];
    fleet.on('*', (fact) => facts.push(fact));
    await fleet.submitBatch([echo('a'), { ...fail('x'), maxRetries: 1 }], { batchId: 'b' });
    await clock.advance(100);

    expect(facts).toEqual([
      { type: 'batch.accepted', batchId: 'b', totalTasks: 2 },
      {
        type: 'task.settled',
        key: 'b/a',
        batchId: 'b',
        status: 'completed',
        workerId: expect.stringContaining('worker') as unknown,
        settledSeq: 1
      },
      {
        type: 'task.retrying',
        key: 'b/x',
        batchId: 'b',
        attempt: 1,
        retryAt: clock.now(),
        error: expect.objectContaining({ message: 'no luck', retryable: true }) as unknown
      },
      {
        type: 'task.settled',
        key: 'b/x',
        batchId: 'b',
        status: 'failed',
        workerId: expect.stringContaining('worker') as unknown,
        settledSeq: 2
      },
      { type: 'batch.settled', batchId: 'b', status: 'partial' }
    ]);
  });

  it('tells of workers that come and go', async () => {
    const { fleet } = await workFleet({ maxConcurrentWorkers: 1 });
    const told: string[] = [];
    fleet.on('worker.spawned', ({ workerId }) => told.push(`spawned ${workerId}`));
    fleet.on('worker.stopped', ({ workerId }) => told.push(`stopped ${workerId}`));
    await fleet.scaleWorkers(2);
    await settled();
    await fleet.scaleWorkers(1);
    await settled();

    expect(told).toEqual([
      expect.stringMatching(/^spawned worker-2/),
      expect.stringMatching(/^stopped worker-2/)
    ]);
  });

  it('stops when it is disposed of', async () => {
    const { fleet } = await workFleet();
    const told: string[] = [];
    {
      using _first = fleet.on('batch.settled', ({ batchId }) => told.push(`first ${batchId}`));
      using _all = fleet.on('*', ({ type }) => told.push(type));
      fleet.on('batch.settled', ({ batchId }) => told.push(`second ${batchId}`));
      await fleet.submitBatch([], { batchId: '1' });
      await settled();
    }
    await fleet.submitBatch([], { batchId: '2' });
    await settled();

    expect(told).toEqual(['batch.accepted', 'first 1', 'second 1', 'batch.settled', 'second 2']);
  });

  it('goes on after the fleet was stopped and started again', async () => {
    const { fleet } = await workFleet();
    const told: string[] = [];
    fleet.on('batch.settled', ({ batchId }) => told.push(batchId));
    await fleet.submitBatch([], { batchId: '1' });
    await fleet.stop();
    await fleet.start();
    await fleet.submitBatch([], { batchId: '2' });
    await settled();

    expect(told).toEqual(['1', '2']);
  });

  it('may subscribe before the fleet is started', async () => {
    const { fleet } = await workFleet();
    await fleet.stop();
    const told: string[] = [];
    fleet.on('worker.spawned', ({ workerId }) => told.push(workerId));
    await fleet.start();
    await settled();

    expect(told).toHaveLength(10);
  });

  it('says nothing of a submission that was refused', async () => {
    const { fleet } = await workFleet();
    const facts: FleetFact[] = [];
    fleet.on('*', (fact) => facts.push(fact));
    await fleet.submitBatch([echo('a'), echo('a')]).catch(() => {});
    await fleet.submit('nope' as 'echo', 1).catch(() => {});
    await settled();

    expect(facts).toEqual([]);
  });

  it('calls twice whoever subscribed twice with two functions, once whoever did with one', async () => {
    const { fleet } = await workFleet();
    let calls = 0;
    const count = () => (calls += 1);
    fleet.on('batch.settled', count);
    fleet.on('batch.settled', count);
    fleet.on('batch.settled', () => count());
    await fleet.submitBatch([]);
    await settled();

    expect(calls).toBe(2);
  });
});

describe('a fact comes after the commit that made it true', () => {
  it('of a task: the store has its row and its result', async () => {
    const { fleet, store } = await workFleet();
    const seen: Promise<[TaskStatus | undefined, boolean | undefined]>[] = [];
    fleet.on('task.settled', ({ key }) =>
      seen.push(
        Promise.all([store.readTasks('test', [key]), store.readResult('test', key)]).then(
          ([[task], result]) => [task?.row.state, result?.success]
        )
      )
    );
    await fleet.submitBatch([echo('a'), fail('x')]);
    await settled();

    expect(await Promise.all(seen)).toEqual([
      ['completed', true],
      ['failed', false]
    ]);
  });

  it('of a batch: its status, its results and the read model say the same', async () => {
    const { fleet } = await workFleet();
    const seen: Promise<unknown>[] = [];
    fleet.on('batch.settled', ({ batchId, status }) => {
      const { batches, stats } = fleet.store.getSnapshot().context;
      expect(batches).toMatchObject([{ id: batchId, status }]);
      expect(stats.counts.completed).toBe(2);
      seen.push(
        Promise.all([fleet.getBatchStatus(batchId), fleet.getBatchResults(batchId), fleet.getStats()])
      );
    });
    await fleet.submitBatch([echo('a'), echo('b')], { batchId: 'b' });
    await settled();

    expect(await Promise.all(seen)).toMatchObject([
      [{ status: 'completed', progress: 1 }, { length: 2 }, { completedTasks: 2 }]
    ]);
  });

  it('of a retry: the task backs off', async () => {
    const { fleet } = await workFleet();
    const seen: Promise<unknown>[] = [];
    fleet.on('task.retrying', ({ key }) => seen.push(fleet.getTask(key)));
    const { key } = await fleet.submitAsync('fail', null, { maxRetries: 1 });
    await settled();

    expect(await Promise.all(seen)).toMatchObject([
      { key, status: 'backingOff', attempts: 1, error: 'no luck' }
    ]);
  });

  it('of an acceptance: whoever submitted hears of it no later than the listeners', async () => {
    const { fleet, store } = await workFleet();
    const isThere: Promise<boolean>[] = [];
    fleet.on('batch.accepted', ({ batchId }) =>
      isThere.push(store.readBatch('test', batchId).then((row) => row !== null))
    );
    await fleet.submitBatch([echo('a')]);

    expect(await Promise.all(isThere)).toEqual([true]);
  });
});

describe('events', () => {
  it('gives facts as they come, until the reader leaves the loop', async () => {
    const { fleet } = await workFleet();
    const types: string[] = [];
    const reading = (async () => {
      for await (const fact of fleet.events()) {
        types.push(fact.type);
        if (fact.type === 'batch.settled') break;
      }
    })();
    await fleet.submitBatch([echo('a')]);
    await reading;
    await fleet.submitBatch([echo('a')]);
    await settled();

    expect(types).toEqual(['batch.accepted', 'task.settled', 'batch.settled']);
  });

  it('gives what comes from the moment it is asked for, before anybody reads', async () => {
    const { fleet } = await workFleet();
    const events = fleet.events({ types: ['batch.settled'] });
    await fleet.submitBatch([], { batchId: '1' });
    await settled();

    expect((await within(events.next()))?.value).toEqual({
      type: 'batch.settled',
      batchId: '1',
      status: 'completed'
    });
  });

  it.each<[filter: Parameters<WorkFleet['events']>[0], expected: string[]]>([
    [{ batchId: '2' }, ['batch.accepted 2', 'task.settled 2', 'batch.settled 2']],
    [{ types: ['batch.settled'] }, ['batch.settled 1', 'batch.settled 2']],
    [{ types: ['task.settled', 'batch.settled'], batchId: '1' }, ['task.settled 1', 'batch.settled 1']],
    [{ types: ['worker.spawned'], batchId: '1' }, []],
    [{ types: [] }, []]
  ])('with %j gives only what passes', async (filter, expected) => {
    const { fleet } = await workFleet();
    const seen: string[] = [];
    const events = fleet.events(filter);
    void (async () => {
      for await (const fact of events) seen.push(`${fact.type} ${'batchId' in fact ? fact.batchId : ''}`);
    })();
    for (const batchId of ['1', '2'])
      await fleet.waitForBatch(await fleet.submitBatch([echo('a')], { batchId }));
    await settled();

    expect(seen).toEqual(expected);
  });

  it('keeps what a slow reader has not read, in order', async () => {
    const { fleet } = await workFleet();
    const events = fleet.events({ types: ['batch.settled'] });
    const first = events.next();
    for (const batchId of ['1', '2', '3']) await fleet.submitBatch([], { batchId });
    await settled();
    const rest = [await events.next(), await events.next()];

    expect([await first, ...rest].map(({ value }) => (value as { batchId: string }).batchId)).toEqual([
      '1',
      '2',
      '3'
    ]);
  });

  it('drops the oldest of what is not read beyond 10,000', async () => {
    const { fleet } = await workFleet();
    const events = fleet.events({ types: ['task.log'] });
    for (let task = 0; task < 10; task++) await fleet.submit('chatter', 1_000);
    await fleet.submit('chatter', 6);
    await settled();

    const lines: string[] = [];
    for (let count = 0; count < 10_000; count++) {
      const { value } = await events.next();
      if (value?.type === 'task.log') lines.push(value.line);
    }
    expect(lines).toHaveLength(10_000);
    expect(lines[0]).toBe('6');
    expect(lines.at(-1)).toBe('5');
    expect(await within(events.next())).toBeUndefined();
  });

  it('of two readers are two streams', async () => {
    const { fleet } = await workFleet();
    const readers = [fleet.events({ types: ['batch.settled'] }), fleet.events({ types: ['batch.settled'] })];
    const reads = readers.map((reader) => reader.next());
    await fleet.submitBatch([], { batchId: '1' });

    expect(await Promise.all(reads)).toMatchObject([
      { value: { batchId: '1' } },
      { value: { batchId: '1' } }
    ]);
  });

  it('ends for a reader that returns, also while it waits', async () => {
    const { fleet } = await workFleet();
    const events = fleet.events();
    const waiting = events.next();
    await settled();
    const returned = events.return();

    expect(await within(returned)).toMatchObject({ done: true });
    expect(await within(waiting)).toMatchObject({ done: true });
    expect(await within(events.next())).toMatchObject({ done: true });
  });
});

it('every type of fact can be subscribed to', async () => {
  const { fleet } = await workFleet();

  expectTypeOf<(typeof factTypes)[number]>().toEqualTypeOf<FleetFact['type']>();
  for (const type of factTypes) expect(() => fleet.on(type, () => {})).not.toThrow();
});

it('facts about single tasks are made only while somebody listens to them', async () => {
  const { fleet } = await workFleet();
  const all: string[] = [];
  fleet.actor.on('*', ({ type }) => all.push(type));
  await fleet.submit('echo', 1);
  expect(all).not.toContain('task.settled');
  const subscription = fleet.on('task.settled', () => {});
  await fleet.submit('echo', 1);
  await settled();
  expect(all).toContain('task.settled');
  subscription[Symbol.dispose]();
  all.length = 0;
  await fleet.submit('echo', 1);
  await settled();

  expect(all).not.toContain('task.settled');
});

it('progress and log lines are told while the task runs', async () => {
  const held = gate();
  const told: unknown[] = [];
  const { fleet } = await startFleet({
    handlers: {
      work: async (_: null, { progress, log }) => {
        progress(0.5);
        log('half way');
        await held.promise;
      }
    }
  });
  fleet.on('task.progress', ({ key, attempt, value }) => told.push([key, attempt, value]));
  fleet.on('task.log', ({ key, attempt, line }) => told.push([key, attempt, line]));
  await fleet.submitAsync('work', null, { id: 'a' });
  await settled();

  expect(told).toEqual([
    ['a', 1, 0.5],
    ['a', 1, 'half way']
  ]);
  held.open();
});

type WorkFleet = Awaited<ReturnType<typeof workFleet>>['fleet'];

function workFleet(config: Parameters<typeof startFleet>[0]['config'] = {}) {
  return startFleet({
    handlers: {
      echo: (data: unknown) => data,
      fail: (_: unknown) => {
        throw new Error('no luck');
      },
      chatter: (lines: number, { log }) => {
        for (let line = 0; line < lines; line++) log(String(line));
      }
    },
    config: { maxRetries: 0, ...config }
  });
}

function echo(id: string) {
  return { id, type: 'echo' as const, data: id };
}

function fail(id: string) {
  return { id, type: 'fail' as const, data: id };
}

/** What a promise resolves with, or `undefined` when it still waits after everything has come to rest. */
function within<T>(promise: Promise<T>): Promise<T | undefined> {
  return Promise.race([promise, settled().then(() => undefined)]);
}
