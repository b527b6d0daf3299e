import { describe, expect, it } from 'vitest';
import { ConflictError, NotRunningError, StoreError } from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';
import {
  type EchoTask,
  type HeldTask,
  type HeldFleet,
  echo,
  echoFleet,
  heldFleet,
  echoes,
  held,
  slowly,
  endless,
  collect
} from './batchFleets.ts';

describe('submitBatch', () => {
  it.each<[what: string, tasks: () => Iterable<EchoTask> | AsyncIterable<EchoTask>]>([
    ['an array', () => echoes(3)],
    ['an iterable', () => new Set(echoes(3))],
    ['a generator', () => echoes(3).values()],
    ['an async iterable', () => slowly(echoes(3))]
  ])('takes %s', async (_, tasks) => {
    const { fleet } = await echoFleet();
    const batchId = await fleet.submitBatch(tasks(), { batchId: 'b', metadata: { by: 'me' } });

    expect(batchId).toBe('b');
    expect(await fleet.waitForBatch('b')).toMatchObject({
      id: 'b',
      status: 'completed',
      totalTasks: 3,
      completedTasks: 3,
      metadata: { by: 'me' }
    });
    expect((await fleet.getBatchResults('b')).map(({ result }) => result)).toEqual([0, 1, 2]);
  });

  it('of a large array lets the loop turn while it validates, and writes nothing meanwhile', async () => {
    const { fleet, store } = await echoFleet();
    let turn = 0;
    const count = (): void => {
      turn += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const validatedIn: number[] = [];
    const tasks = Array.from({ length: 3_500 }, (_, index) => ({
      get id() {
        validatedIn.push(turn);
        return `t${index}`;
      },
      type: 'echo' as const,
      data: index
    }));
    const twice = fleet.submitBatch([...tasks, tasks[0]!], { batchId: 'b' });

    await expect(twice).rejects.toMatchObject({ argument: 'tasks[3500].id' });
    clearImmediate(next);
    expect(validatedIn).toHaveLength(3_501);
    const atOnce = Array.from({ length: turn + 1 }, () => 0);
    for (const of of validatedIn) atOnce[of]! += 1;
    expect(Math.max(...atOnce)).toBeLessThanOrEqual(1_000);
    expect(await store.readBatch('test', 'b')).toBeNull();
  });

  it('mints an id where none is given', async () => {
    const { fleet } = await startFleet({ ...echo, newId: () => 'minted' });
    expect(await fleet.submitBatch(echoes(1))).toBe('minted');
  });

  it('resolves when the tasks are in the store, before any has ended', async () => {
    const { fleet, store } = await heldFleet();
    await fleet.submitBatch(held(3), { batchId: 'b' });

    expect(
      (await store.listTasks('test', { batchId: 'b', limit: 10 })).map(({ row }) => row.context.key)
    ).toEqual(['b/0', 'b/1', 'b/2']);
    expect(await fleet.getBatchStatus('b')).toMatchObject({ totalTasks: 3, completedTasks: 0 });
  });

  it.each<[what: string, tasks: () => Iterable<EchoTask> | AsyncIterable<EchoTask>]>([
    ['array', () => []],
    ['iterable', () => new Set<EchoTask>()],
    ['async iterable', () => slowly([])]
  ])('of an empty %s is a batch that has completed', async (_, tasks) => {
    const { fleet, clock } = await echoFleet();
    const batchId = await fleet.submitBatch(tasks());

    expect(await fleet.getBatchStatus(batchId)).toEqual({
      id: batchId,
      status: 'completed',
      totalTasks: 0,
      completedTasks: 0,
      failedTasks: 0,
      cancelledTasks: 0,
      timedOutTasks: 0,
      blockedTasks: 0,
      queuedTasks: 0,
      runningTasks: 0,
      retryingTasks: 0,
      progress: 1,
      createdAt: clock.now(),
      settledAt: clock.now()
    });
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed' });
    expect(await fleet.getBatchResults(batchId)).toEqual([]);
    expect(await collect(fleet.streamBatchResults(batchId))).toEqual([]);
  });

  it('takes 3,000 tasks of a stream, each once', async () => {
    const { fleet } = await echoFleet();
    const batchId = await fleet.submitBatch(echoes(3_000).values());

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ totalTasks: 3_000, completedTasks: 3_000 });
    const results = await fleet.getBatchResults<number>(batchId);
    expect(new Set(results.map(({ result }) => result)).size).toBe(3_000);
  });
});

describe('a stream', () => {
  it('is accepting while it runs, and its first tasks are done before the last come', async () => {
    const { fleet, clock } = await echoFleet();
    const rest = gate();
    const submitted = fleet.submitBatch(
      (async function* () {
        yield* echoes(2);
        await rest.promise;
        yield* echoes(4).slice(2);
      })(),
      { batchId: 'b' }
    );
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus('b')).toMatchObject({
      status: 'accepting',
      totalTasks: 2,
      completedTasks: 2
    });
    rest.open();
    await submitted;
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', totalTasks: 4 });
  });

  it('that a stop interrupts stays accepting, and goes on when it is submitted again', async () => {
    const ran: number[] = [];
    const handlers = { echo: (data: number) => void ran.push(data) };
    const first = await startFleet({ handlers });
    const submitted = first.fleet
      .submitBatch(endless(first.clock), { batchId: 'b' })
      .catch((error: unknown) => error);
    await first.clock.advance(500);
    await first.fleet.stop();
    await first.clock.advance(10_000);
    expect(await submitted).toBeInstanceOf(NotRunningError);

    const { fleet } = await first.restart();
    const { totalTasks, ...interrupted } = await fleet.getBatchStatus('b');
    expect(interrupted).toMatchObject({ status: 'accepting' });
    expect(totalTasks).toBeGreaterThan(0);
    await fleet.submitBatch(echoes(totalTasks + 5).values(), { batchId: 'b' });

    expect(await fleet.waitForBatch('b')).toMatchObject({
      status: 'completed',
      completedTasks: totalTasks + 5
    });
    expect(ran).toEqual(echoes(totalTasks + 5).map(({ data }) => data));
  });

  it('that the store interrupts stays accepting, and goes on when it is submitted again', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ ...echo, store });
    const full = () => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused'));
    const submitted = fleet.submitBatch(
      (async function* () {
        yield* echoes(2);
        await clock.advance(1_000);
        next(full);
        yield* echoes(4).slice(2);
        await clock.advance(1_000);
        yield* echoes(6).slice(4);
      })(),
      { batchId: 'b' }
    );

    await expect(submitted).rejects.toMatchObject({ code: 'ERR_STORE_FULL' });
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'accepting', totalTasks: 2 });
    await fleet.submitBatch(echoes(6), { batchId: 'b' });
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 6 });
  });

  it('whose batch is cancelled meanwhile is read no further', async () => {
    const { fleet, clock } = await echoFleet();
    let isClosed = false;
    const submitted = fleet
      .submitBatch(
        (async function* () {
          try {
            yield* endless(clock);
          } finally {
            isClosed = true;
          }
        })(),
        { batchId: 'b' }
      )
      .catch((error: unknown) => error);
    await clock.advance(500);
    await fleet.cancelBatch('b');

    expect(await submitted).toMatchObject({ code: 'ERR_CONFLICT', kind: 'batch', id: 'b' });
    expect(isClosed).toBe(true);
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'cancelled' });
  });

  it('is read no faster than the queue has room', async () => {
    const { fleet, clock } = await heldFleet({ maxQueueSize: 2, maxConcurrentWorkers: 1 });
    let read = 0;
    void fleet
      .submitBatch(
        (async function* () {
          for (const task of held(1_000)) {
            read += 1;
            yield task;
            await clock.advance(60);
          }
        })()
      )
      .catch(() => {});
    for (let rounds = 0; rounds < 50; rounds++) await settled();

    expect(await fleet.getStats()).toMatchObject({ runningTasks: 1, queuedTasks: 2 });
    // One runs, two wait, a chunk of two is being submitted, the next one is being read.
    expect(read).toBeLessThanOrEqual(8);
    await fleet.stop({ graceful: false });
  });
});

describe('the same batch submitted again', () => {
  it.each<[when: string, before: (fleet: HeldFleet) => Promise<unknown>]>([
    ['while it runs', () => settled()],
    ['in the same breath', () => Promise.resolve()],
    ['after it has settled', ({ release, fleet }) => release('done').then(() => fleet.waitForBatch('b'))]
  ])('%s gives the same id and nothing new', async (_, before) => {
    const running = await heldFleet();
    const { fleet, release } = running;
    const submitted = fleet.submitBatch(held(3), { batchId: 'b' });
    await before(running);
    const again = fleet.submitBatch(held(3), { batchId: 'b' });
    const asStream = fleet.submitBatch(held(3).values(), { batchId: 'b' });

    expect(await Promise.all([submitted, again, asStream])).toEqual(['b', 'b', 'b']);
    await release('done');
    expect(await fleet.waitForBatch('b')).toMatchObject({ totalTasks: 3, completedTasks: 3 });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 1, totalTasks: 3, completedTasks: 3 });
  });

  it('by several at once, in any form and however large, is there once', async () => {
    const { fleet } = await echoFleet();
    const tasks = echoes(2_500);
    const submissions = [tasks, tasks.values(), slowly(tasks), tasks, slowly(tasks)];

    const ids = await Promise.all(submissions.map((again) => fleet.submitBatch(again, { batchId: 'b' })));

    expect(ids).toEqual(['b', 'b', 'b', 'b', 'b']);
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 2_500 });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 1, totalTasks: 2_500 });
  });

  it('while a slow stream of them is still read finishes it, and neither is refused', async () => {
    const { fleet } = await echoFleet();
    const rest = gate();
    const slow = fleet.submitBatch(
      (async function* () {
        yield* echoes(1_000);
        await rest.promise;
        yield* echoes(1_500).slice(1_000);
      })(),
      { batchId: 'b' }
    );
    await settled();
    expect(await fleet.submitBatch(echoes(1_500), { batchId: 'b' })).toBe('b');
    rest.open();

    expect(await slow).toBe('b');
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 1_500 });
  });

  it('is not cancelled by a slow stream of them that goes wrong afterwards', async () => {
    const { fleet } = await heldFleet();
    const rest = gate();
    const broken = new Error('The source is gone');
    const slow = fleet.submitBatch(
      (async function* () {
        yield* held(1_000);
        await rest.promise;
        throw broken;
      })(),
      { batchId: 'b' }
    );
    await settled();
    await fleet.submitBatch(held(1_500), { batchId: 'b' });
    rest.open();

    await expect(slow).rejects.toBe(broken);
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing', totalTasks: 1_500 });
  });

  it.each<[what: string, tasks: HeldTask[]]>([
    ['other data', [{ id: '0', type: 'wait', data: 'other' }, ...held(3).slice(1)]],
    ['another priority', held(3).map((task) => ({ ...task, priority: 7 }))],
    ['another timeout', held(3).map((task) => ({ ...task, timeoutMs: 7 }))],
    ['other retries', held(3).map((task) => ({ ...task, maxRetries: 7 }))],
    ['other metadata', held(3).map((task) => ({ ...task, metadata: 7 }))],
    ['another id', [...held(2), { id: 'other', type: 'wait', data: 2 }]],
    ['one task more', held(4)],
    ['one task less', held(2)],
    ['no tasks', []]
  ])('with %s is a conflict that changes nothing', async (_, tasks) => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch(held(3), { batchId: 'b' });
    await settled();
    const before = await fleet.getBatchStatus('b');

    for (const again of [tasks, tasks.values(), slowly(tasks)]) {
      const error = await fleet.submitBatch(again, { batchId: 'b' }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConflictError);
      expect(error).toMatchObject({ code: 'ERR_CONFLICT', id: expect.stringMatching(/^b/) as unknown });
    }
    expect(await fleet.getBatchStatus('b')).toEqual(before);
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 1, totalTasks: 3 });
  });

  it('is another batch once the first was removed', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch(echoes(1), { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.removeBatch('b');
    await fleet.submitBatch(echoes(2), { batchId: 'b' });

    expect(await fleet.waitForBatch('b')).toMatchObject({ totalTasks: 2, completedTasks: 2 });
  });

  it('and removed in the same breath is gone', async () => {
    const { fleet } = await echoFleet();
    const [batchId] = await Promise.all([
      fleet.submitBatch([], { batchId: 'b' }),
      fleet.removeBatch('b'),
      fleet.removeBatch('b').catch(() => {})
    ]);

    expect(batchId).toBe('b');
    await expect(fleet.getBatchStatus('b')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(fleet.store.getSnapshot().context.batches).toEqual([]);
  });

  it('is not lost when the first is removed in the same breath', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch(echoes(2), { batchId: 'b' });
    await fleet.waitForBatch('b');
    const removed = fleet.removeBatch('b');
    const submitted = fleet.submitBatch(echoes(2), { batchId: 'b' });
    await removed;

    expect(await submitted).toBe('b');
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 2 });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 2, totalTasks: 4, completedTasks: 4 });
    expect(fleet.store.getSnapshot().context.batches).toMatchObject([{ id: 'b', status: 'completed' }]);
  });
});
