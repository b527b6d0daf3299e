import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  ConflictError,
  NotRunningError,
  QueueFullError,
  StoreError,
  type TaskResult
} from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

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

describe('getBatchStatus', () => {
  it('adds up at every moment', async () => {
    const { fleet, clock, release } = await heldFleet({ maxConcurrentWorkers: 2 });
    const moments: string[] = [];
    const look = async () => {
      const status = await fleet.getBatchStatus('b');
      const { totalTasks, completedTasks, failedTasks, cancelledTasks, timedOutTasks } = status;
      const { queuedTasks, runningTasks, retryingTasks, progress } = status;
      const settledTasks = completedTasks + failedTasks + cancelledTasks;
      expect(settledTasks + queuedTasks + runningTasks + retryingTasks).toBe(totalTasks);
      expect(progress).toBe(settledTasks / totalTasks);
      expect(timedOutTasks).toBeLessThanOrEqual(failedTasks);
      moments.push(
        `${status.status} q${queuedTasks} r${runningTasks} b${retryingTasks} c${completedTasks} f${failedTasks}`
      );
    };
    await fleet.pause();
    await fleet.submitBatch(
      [
        { id: 'fails', type: 'fail', data: null, maxRetries: 1 },
        { id: 'times out', type: 'wait', data: null, timeoutMs: 5_000, maxRetries: 0 },
        { id: 'waits', type: 'wait', data: null },
        { id: 'later', type: 'echo', data: null, delayMs: 60_000 },
        { id: 'cancelled', type: 'echo', data: null, delayMs: 60_000 }
      ],
      { batchId: 'b' }
    );
    await look();
    await fleet.resume();
    await settled();
    await look();
    await clock.advance(100);
    await look();
    await fleet.cancelTask('b/cancelled');
    await clock.advance(5_000);
    await look();
    await release('done');
    await look();
    await clock.advance(60_000);
    await look();

    expect(moments).toEqual([
      'pending q5 r0 b0 c0 f0',
      'processing q2 r2 b1 c0 f0',
      'processing q3 r2 b0 c0 f0',
      'processing q2 r1 b0 c0 f1',
      'processing q1 r0 b0 c1 f2',
      'partial q0 r0 b0 c2 f2'
    ]);
    expect(await fleet.getBatchStatus('b')).toMatchObject({
      cancelledTasks: 1,
      timedOutTasks: 1,
      progress: 1
    });
  });

  it('tells when it was created, started and settled', async () => {
    const { fleet, clock, release } = await heldFleet();
    const createdAt = clock.now();
    await fleet.pause();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    await clock.advance(1_000);
    expect(await fleet.getBatchStatus('b')).not.toHaveProperty('startedAt');
    await fleet.resume();
    await clock.advance(1_000);
    expect(await fleet.getBatchStatus('b')).not.toHaveProperty('settledAt');
    await release('done');

    expect(await fleet.waitForBatch('b')).toMatchObject({
      createdAt,
      startedAt: createdAt + 1_000,
      settledAt: createdAt + 2_000
    });
  });

  it.each<[status: string, types: ('echo' | 'fail' | 'never')[]]>([
    ['completed', ['echo', 'echo']],
    ['failed', ['fail', 'fail']],
    ['failed', ['fail', 'never']],
    ['partial', ['echo', 'fail']],
    ['partial', ['never', 'echo']]
  ])('is %s after %j', async (status, types) => {
    const { fleet, clock } = await startFleet({
      handlers: { ...echo.handlers, ...failing.handlers, never: () => new Promise(() => {}) },
      config: { maxRetries: 0, workerTimeout: 1_000 }
    });
    await fleet.submitBatch(
      types.map((type, index) => ({ id: String(index), type, data: null })),
      { batchId: 'b' }
    );
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status, progress: 1 });
  });

  it('is partial where a single task was cancelled, failed where all were', async () => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch([...echoes(1), { id: 'w', type: 'wait', data: null, delayMs: 1_000 }], {
      batchId: 'a'
    });
    await fleet.submitBatch([{ id: 'w', type: 'wait', data: null, delayMs: 1_000 }], { batchId: 'b' });
    await settled();
    await fleet.cancelTask('a/w');
    await fleet.cancelTask('b/w');

    expect(await fleet.waitForBatch('a')).toMatchObject({ status: 'partial', cancelledTasks: 1 });
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'failed', cancelledTasks: 1 });
  });

  it.each([
    'getBatchStatus',
    'getBatchResults',
    'waitForBatch',
    'retryBatch',
    'pauseBatch',
    'removeBatch'
  ] as const)('of an unknown batch: %s rejects with its id', async (method) => {
    const { fleet } = await echoFleet();
    await expect(fleet[method]('nope')).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
      kind: 'batch',
      id: 'nope'
    });
  });
});

describe('getBatchResults', () => {
  it('gives what is there, in order of settling, with all that a result has', async () => {
    const { fleet, clock, release } = await heldFleet({ maxRetries: 0 });
    await fleet.submitBatch([...held(1), { id: 'fails', type: 'fail', data: null }, ...echoes(3).slice(1)], {
      batchId: 'b'
    });
    await clock.advance(250);
    expect((await fleet.getBatchResults('b')).map(({ taskId }) => taskId)).toEqual(['fails', '1', '2']);
    await release('done');

    const results = await fleet.getBatchResults('b');
    expect(results.map(({ taskId }) => taskId)).toEqual(['fails', '1', '2', '0']);
    expect(results[0]).toMatchObject({
      key: 'b/fails',
      batchId: 'b',
      type: 'fail',
      success: false,
      status: 'failed',
      error: 'no luck',
      failure: { name: 'Error', message: 'no luck' },
      attempts: 1,
      duration: 0
    });
    expect(results[0]).not.toHaveProperty('result');
    expect(results[3]).toEqual({
      taskId: '0',
      key: 'b/0',
      batchId: 'b',
      type: 'wait',
      success: true,
      status: 'completed',
      result: 'done',
      duration: 250,
      timestamp: clock.now(),
      attempts: 1,
      workerId: expect.stringContaining('worker') as unknown,
      settledSeq: 4
    });
  });

  it.each<[filter: { success?: boolean; limit?: number; offset?: number }, ids: string[]]>([
    [{}, ['0', 'x1', '2', 'x3', '4']],
    [{ limit: 2 }, ['0', 'x1']],
    [{ offset: 3 }, ['x3', '4']],
    [{ limit: 2, offset: 1 }, ['x1', '2']],
    [{ limit: 10, offset: 5 }, []],
    [{ success: true }, ['0', '2', '4']],
    [{ success: false }, ['x1', 'x3']],
    [{ success: true, limit: 1, offset: 1 }, ['2']],
    [{ success: false, offset: 2 }, []]
  ])('%j', async (filter, ids) => {
    const { fleet } = await startFleet({
      handlers: { ...echo.handlers, ...failing.handlers },
      config: { maxConcurrentWorkers: 1, maxRetries: 0 }
    });
    await fleet.submitBatch(
      ['0', 'x1', '2', 'x3', '4'].map((id) => ({ id, type: id.startsWith('x') ? 'fail' : 'echo', data: 1 })),
      { batchId: 'b' }
    );
    await fleet.waitForBatch('b');

    expect((await fleet.getBatchResults('b', filter)).map(({ taskId }) => taskId)).toEqual(ids);
  });

  it('reaches beyond the page that a store reads at once', async () => {
    const { fleet } = await startFleet({ ...echo, config: { maxConcurrentWorkers: 1 } });
    await fleet.submitBatch(echoes(2_500), { batchId: 'b' });
    await fleet.waitForBatch('b');

    expect((await fleet.getBatchResults('b')).map(({ result }) => result)).toEqual(
      echoes(2_500).map(({ data }) => data)
    );
    expect(await fleet.getBatchResults('b', { limit: 1_001, offset: 1_200 })).toMatchObject({
      length: 1_001,
      0: { result: 1_200 },
      1_000: { result: 2_200 }
    });
    expect(await fleet.getBatchResults('b', { offset: 1_000, success: true })).toHaveLength(1_500);
  });
});

describe('streamBatchResults', () => {
  it('gives what is there, then each as it comes, and ends when the batch has settled', async () => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 3 });
    await fleet.submitBatch([...echoes(1), ...held(3).slice(1)], { batchId: 'b' });
    await settled();
    const seen: unknown[] = [];
    const ended = (async () => {
      for await (const { taskId } of fleet.streamBatchResults('b')) seen.push(taskId);
    })();
    await settled();
    expect(seen).toEqual(['0']);
    await release('done', 'b/2');
    await settled();
    expect(seen).toEqual(['0', '2']);
    await release('done', 'b/1');
    await ended;

    expect(seen).toEqual(['0', '2', '1']);
  });

  it('misses nothing and repeats nothing, however slow its reader is', async () => {
    const { fleet } = await startFleet({ ...echo, config: { maxConcurrentWorkers: 7 } });
    const submitted = fleet.submitBatch(echoes(1_300).values(), { batchId: 'b' });
    await settled();
    const seen: number[] = [];
    for await (const { result, settledSeq } of fleet.streamBatchResults<number>('b')) {
      seen.push(result!);
      if (settledSeq % 100 === 0) await settled();
    }
    await submitted;

    expect(seen).toHaveLength(1_300);
    expect(new Set(seen).size).toBe(1_300);
  });

  it('goes on from where an earlier reader stopped', async () => {
    const { fleet } = await startFleet({ ...echo, config: { maxConcurrentWorkers: 1 } });
    await fleet.submitBatch(echoes(5), { batchId: 'b' });
    let last: TaskResult | undefined;
    for await (const result of fleet.streamBatchResults('b')) {
      last = result;
      if (result.taskId === '2') break;
    }
    const rest = await collect(fleet.streamBatchResults('b', { afterSettledSeq: last!.settledSeq }));

    expect(rest.map(({ taskId }) => taskId)).toEqual(['3', '4']);
  });

  it('ends with the signal’s reason, and leaves the batch running', async () => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    const aborting = new AbortController();
    const reading = collect(fleet.streamBatchResults('b', { signal: aborting.signal }));
    await settled();
    aborting.abort(new Error('enough'));

    await expect(reading).rejects.toThrow('enough');
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing' });
  });

  it('gives more than a page holds, and leaves nothing on the signal', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch(echoes(1_100).values(), { batchId: 'b' });
    await fleet.waitForBatch('b');
    const { signal } = new AbortController();
    expect(await collect(fleet.streamBatchResults('b', { signal }))).toHaveLength(1_100);

    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends when the batch is cancelled', async () => {
    const { fleet, clock } = await heldFleet({ maxConcurrentWorkers: 1, cancelGraceMs: 0 });
    await fleet.submitBatch(held(3), { batchId: 'b' });
    const reading = collect(fleet.streamBatchResults('b'));
    await settled();
    await fleet.cancelBatch('b');
    await clock.advance(0);

    expect((await reading).map(({ status }) => status)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  it('rejects for an unknown batch', async () => {
    const { fleet } = await echoFleet();
    await expect(fleet.streamBatchResults('nope').next()).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });
});

describe('waitForBatch', () => {
  it('resolves with the status, at once where the batch has settled', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch(echoes(2), { batchId: 'b' });

    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 2 });
    expect(await fleet.waitForBatch('b', { timeoutMs: 0 })).toMatchObject({ status: 'completed' });
  });

  it.each([0, 1, 10_000])('gives up after %d ms and leaves the batch running', async (timeoutMs) => {
    const { fleet, clock, release } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    const waiting = fleet.waitForBatch('b', { timeoutMs }).catch((error: unknown) => error);
    await clock.advance(timeoutMs);

    expect(await waiting).toMatchObject({ code: 'ERR_TIMEOUT', subject: 'Batch b', timeoutMs });
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing', runningTasks: 1 });
    await release('done');
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed' });
  });

  it('gives up with the signal’s reason and leaves the batch running', async () => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    const aborting = new AbortController();
    const waiting = fleet.waitForBatch('b', { signal: aborting.signal, timeoutMs: 1_000 });
    aborting.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
    await expect(fleet.waitForBatch('b', { signal: aborting.signal })).rejects.toThrow('enough');
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing' });
    expect(getEventListeners(aborting.signal, 'abort')).toHaveLength(0);
  });

  it('reads the store when it begins and when the batch has settled, and never in between', async () => {
    const { fleet, clock, store, release } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    let reads = 0;
    const { readBatch } = store;
    Object.assign(store, {
      readBatch: (...args: Parameters<typeof readBatch>) => {
        reads += 1;
        return readBatch(...args);
      }
    });
    const waiting = fleet.waitForBatch('b');
    await clock.advance(60_000);
    expect(reads).toBe(1);
    await release('done');
    await waiting;

    expect(reads).toBe(2);
  });

  it('leaves nothing on the signal when it is over', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch(echoes(1), { batchId: 'b' });
    const { signal } = new AbortController();
    await fleet.waitForBatch('b', { signal, timeoutMs: 1_000 });

    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('tells all who wait', async () => {
    const { fleet, release } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    const waiting = Array.from({ length: 100 }, () => fleet.waitForBatch('b'));
    await settled();
    await release('done');

    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set(['completed']));
  });

  it.each<[what: string, wait: (fleet: HeldFleet['fleet']) => Promise<unknown>]>([
    ['waitForBatch', (fleet) => fleet.waitForBatch('b')],
    ['streamBatchResults', (fleet) => fleet.streamBatchResults('b').next()],
    ['waitFor', (fleet) => fleet.waitFor('b/0')]
  ])('on a fleet that has stopped, %s rejects instead of waiting for ever', async (_, wait) => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    await fleet.stop({ graceful: false });

    await expect(Promise.race([wait(fleet), settled().then(() => 'it waits')])).rejects.toMatchObject({
      code: 'ERR_NOT_RUNNING'
    });
  });

  it('does not let a reader of many results wait for ever when the fleet has stopped', async () => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch([...echoes(1_500), { id: 'held', type: 'wait', data: null }], { batchId: 'b' });
    await settled();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { taskId } of fleet.streamBatchResults('b')) {
        if (seen.push(taskId) === 1) await fleet.stop({ graceful: false });
      }
    })();

    const ended = await Promise.race([
      reading.catch((error: unknown) => error),
      settled().then(() => 'it waits')
    ]);
    expect(ended).toMatchObject({ code: 'ERR_NOT_RUNNING' });
    expect(seen.length).toBeGreaterThan(0);
  });
});

describe('removeBatch', () => {
  it('removes a settled batch with its tasks and results, and nothing else', async () => {
    const { fleet, store } = await echoFleet();
    await fleet.submitBatch(echoes(2), { batchId: 'b' });
    await fleet.submitBatch(echoes(2), { batchId: 'other' });
    await Promise.all([fleet.waitForBatch('b'), fleet.waitForBatch('other')]);
    const before = await fleet.getStats();
    await fleet.removeBatch('b');

    await expect(fleet.getBatchStatus('b')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(fleet.getTask('b/0')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(fleet.waitFor('b/0')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(await store.readResults('test', { limit: 10 })).toHaveLength(2);
    expect((await fleet.listBatches()).map(({ id }) => id)).toEqual(['other']);
    expect(fleet.store.getSnapshot().context.batches).toMatchObject([{ id: 'other' }]);
    expect(await fleet.getBatchResults('other')).toHaveLength(2);
    expect(await fleet.getStats()).toEqual(before);
    await expect(fleet.removeBatch('b')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('is a conflict before the batch has settled', async () => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    await settled();

    await expect(fleet.removeBatch('b')).rejects.toMatchObject({ code: 'ERR_CONFLICT', id: 'b' });
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing' });
  });
});

describe('retryBatch', () => {
  it('submits copies of what did not complete, and leaves the original as it is', async () => {
    let luck = false;
    const { fleet } = await startFleet({
      handlers: {
        ...echo.handlers,
        sometimes: (data: unknown) => (luck ? data : { success: false, error: 'no luck' })
      },
      config: { maxRetries: 0 }
    });
    await fleet.submitBatch(
      [
        ...echoes(1),
        {
          id: 'x',
          type: 'sometimes',
          data: { n: 1 },
          priority: 7,
          timeoutMs: 9_000,
          maxRetries: 0,
          metadata: { m: 1 }
        },
        { id: 'late', type: 'sometimes', data: 2, delayMs: 60_000 }
      ],
      { batchId: 'b' }
    );
    await settled();
    await fleet.cancelTask('b/late');
    await fleet.waitForBatch('b');
    const original = await fleet.getBatchStatus('b');
    const results = await fleet.getBatchResults('b');
    luck = true;

    expect(await fleet.retryBatch('b', { batchId: 'again', metadata: 'second' })).toBe('again');
    expect(await fleet.waitForBatch('again')).toMatchObject({
      status: 'completed',
      totalTasks: 2,
      metadata: 'second'
    });
    expect(await fleet.getTask('again/x')).toMatchObject({
      id: 'x',
      data: { n: 1 },
      priority: 7,
      timeoutMs: 9_000,
      maxRetries: 0,
      metadata: { m: 1 },
      retryOf: 'b/x',
      status: 'completed'
    });
    expect(await fleet.getTask('again/late')).toMatchObject({ retryOf: 'b/late', status: 'completed' });
    expect(await fleet.getBatchStatus('b')).toEqual(original);
    expect(await fleet.getBatchResults('b')).toEqual(results);
    expect(await fleet.getTask('b/x')).toMatchObject({ status: 'failed' });
  });

  it('under the same new id again changes nothing', async () => {
    const { fleet } = await startFleet({ ...failing, config: { maxRetries: 0 } });
    await fleet.submitBatch([{ id: 'x', type: 'fail', data: null }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.retryBatch('b', { batchId: 'again' });
    await fleet.retryBatch('b', { batchId: 'again' });

    expect(await fleet.waitForBatch('again')).toMatchObject({ totalTasks: 1 });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 2, totalTasks: 2 });
  });

  it('of a batch that completed is an empty batch', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch(echoes(2), { batchId: 'b' });
    await fleet.waitForBatch('b');
    const batchId = await fleet.retryBatch('b');

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed', totalTasks: 0 });
  });

  it('copies more tasks than a page holds', async () => {
    const { fleet } = await startFleet({ ...failing, config: { maxRetries: 0 } });
    await fleet.submitBatch(
      Array.from({ length: 1_001 }, (_, index) => ({ id: String(index), type: 'fail' as const, data: null })),
      { batchId: 'b' }
    );
    await fleet.waitForBatch('b');
    const batchId = await fleet.retryBatch('b');

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ totalTasks: 1_001, failedTasks: 1_001 });
  });

  it('copies tasks whatever the length of their ids', async () => {
    const { fleet } = await startFleet({ ...failing, config: { maxRetries: 0 } });
    const batchId = 'b'.repeat(256);
    const id = 't'.repeat(256);
    await fleet.submitBatch([{ id, type: 'fail', data: null }], { batchId });
    await fleet.waitForBatch(batchId);
    await fleet.retryBatch(batchId, { batchId: 'again' });

    expect(await fleet.getTask({ batchId: 'again', id })).toMatchObject({ retryOf: `${batchId}/${id}` });
  });

  it('is a conflict before the batch has settled', async () => {
    const { fleet } = await heldFleet();
    await fleet.submitBatch(held(1), { batchId: 'b' });
    await settled();

    await expect(fleet.retryBatch('b')).rejects.toMatchObject({ code: 'ERR_CONFLICT', id: 'b' });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 1 });
  });
});

describe('retryTask', () => {
  it('submits a copy of a task that did not complete as a single task', async () => {
    const { fleet } = await startFleet({ ...failing, config: { maxRetries: 0 } });
    await fleet.submitBatch([{ id: 'x', type: 'fail', data: { n: 1 }, priority: 7, metadata: 'm' }], {
      batchId: 'b'
    });
    await fleet.waitForBatch('b');
    const original = await fleet.getTask('b/x');
    const key = await fleet.retryTask({ batchId: 'b', id: 'x' }, { id: 'copy' });
    await settled();

    expect(key).toBe('copy');
    expect(await fleet.getTask('copy')).toMatchObject({
      batchId: null,
      type: 'fail',
      data: { n: 1 },
      priority: 7,
      metadata: 'm',
      retryOf: 'b/x',
      status: 'failed'
    });
    expect(await fleet.getTask('b/x')).toEqual(original);
    expect(await fleet.retryTask('b/x', { id: 'copy' })).toBe('copy');
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 2 });
  });

  it('takes the copy of a copy', async () => {
    const { fleet } = await startFleet({ ...failing, config: { maxRetries: 0 } });
    const first = await fleet.submitAsync('fail', null, { id: 'first' });
    await settled();
    const second = await fleet.retryTask(first.key);
    await settled();
    const third = await fleet.retryTask(second);

    expect(await fleet.getTask(third)).toMatchObject({ retryOf: second });
  });

  it.each<[what: string, type: 'echo' | 'wait']>([
    ['completed', 'echo'],
    ['running', 'wait']
  ])('is a conflict for a task that is %s', async (status, type) => {
    const { fleet } = await heldFleet();
    await fleet.submitAsync(type, null, { id: 'a' });
    await settled();

    await expect(fleet.retryTask('a')).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      kind: 'task',
      message: expect.stringContaining(status) as unknown
    });
  });

  it('is a conflict under the id of another task', async () => {
    const { fleet } = await heldFleet({ maxRetries: 0 });
    await fleet.submitAsync('fail', null, { id: 'failed' });
    await fleet.submitAsync('echo', null, { id: 'taken' });
    await settled();

    await expect(fleet.retryTask('failed', { id: 'taken' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      id: 'taken'
    });
  });

  it('rejects for an unknown task', async () => {
    const { fleet } = await echoFleet();
    await expect(fleet.retryTask('b/nope')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', id: 'b/nope' });
  });
});

describe('pauseBatch', () => {
  it('starts nothing of the batch until resumeBatch, and lets others pass', async () => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 1 });
    await fleet.submitBatch(held(3), { batchId: 'b' });
    await settled();
    await fleet.pauseBatch('b');
    await fleet.pauseBatch('b');
    await release('done');
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({
      status: 'paused',
      completedTasks: 1,
      queuedTasks: 2
    });
    expect(await fleet.submit('echo', 'passing')).toBe('passing');
    await fleet.resumeBatch('b');
    await fleet.resumeBatch('b');
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'processing' });
    await release('done');
    await release('done');
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed' });
  });

  it('holds back retries as well', async () => {
    const { fleet, clock } = await startFleet({ ...failing, config: { maxRetries: 1 } });
    await fleet.submitBatch([{ id: 'x', type: 'fail', data: null }], { batchId: 'b' });
    await settled();
    await fleet.pauseBatch('b');
    await clock.advance(60_000);

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'paused', queuedTasks: 1 });
    await fleet.resumeBatch('b');
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'failed' });
  });

  it('survives a restart', async () => {
    const first = await heldFleet();
    await first.fleet.pause();
    await first.fleet.submitBatch(echoes(2), { batchId: 'b' });
    await first.fleet.pauseBatch('b');
    await first.fleet.resume();
    await first.fleet.stop();
    const { fleet } = await first.restart();
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'paused', queuedTasks: 2 });
    await fleet.resumeBatch('b');
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed' });
  });

  it('keeps the order of the batch', async () => {
    const ran: number[] = [];
    const { fleet } = await startFleet({
      handlers: { echo: (data: number) => void ran.push(data) },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.pause();
    await fleet.submitBatch(echoes(5), { batchId: 'b' });
    await fleet.pauseBatch('b');
    await fleet.resume();
    await settled();
    expect(ran).toEqual([]);
    await fleet.resumeBatch('b');
    await fleet.waitForBatch('b');

    expect(ran).toEqual([0, 1, 2, 3, 4]);
  });

  it('does not keep a batch from being cancelled', async () => {
    const { fleet, clock } = await heldFleet({ maxConcurrentWorkers: 1, cancelGraceMs: 0 });
    await fleet.submitBatch(held(3), { batchId: 'b' });
    await settled();
    await fleet.pauseBatch('b');
    await fleet.cancelBatch('b');
    await clock.advance(0);

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'cancelled', cancelledTasks: 3 });
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it('is a conflict for a batch that has settled, and resumeBatch leaves it settled', async () => {
    const { fleet } = await echoFleet();
    const batchId = await fleet.submitBatch([]);

    await expect(fleet.pauseBatch(batchId)).rejects.toMatchObject({ code: 'ERR_CONFLICT', id: batchId });
    await fleet.resumeBatch(batchId);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed' });
  });
});

describe('tasks start', () => {
  it('by priority, and in order of submission within one', async () => {
    const ran: string[] = [];
    const { fleet } = await startFleet({
      handlers: { work: (_: null, { task }) => void ran.push(task.id) },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.pause();
    const priorities = {
      low1: 0,
      normal1: 5,
      critical: 20,
      normal2: undefined,
      high: 10,
      low2: 0,
      below: -1.5
    };
    await fleet.submitBatch(
      Object.entries(priorities).map(([id, priority]) => ({
        id,
        type: 'work' as const,
        data: null,
        ...(priority !== undefined && { priority })
      }))
    );
    await fleet.submitAsync('work', null, { id: 'normal3' });
    await fleet.resume();
    await settled();

    expect(ran).toEqual(['critical', 'high', 'normal1', 'normal2', 'normal3', 'low1', 'low2', 'below']);
  });

  it.each<[what: string, when: (now: number) => { delayMs?: number; startAfter?: number }]>([
    ['delayMs', () => ({ delayMs: 5_000 })],
    ['startAfter', (now) => ({ startAfter: now + 5_000 })]
  ])('not before their %s', async (_, when) => {
    const { fleet, clock } = await echoFleet();
    const dueAt = clock.now() + 5_000;
    await fleet.submitBatch([{ id: 'later', type: 'echo', data: 1, ...when(clock.now()) }, ...echoes(1)], {
      batchId: 'b'
    });
    await clock.advance(4_999);
    expect(await fleet.getTask('b/later')).toMatchObject({ status: 'scheduled', dueAt, attempts: 0 });
    expect(await fleet.getBatchStatus('b')).toMatchObject({
      status: 'processing',
      completedTasks: 1,
      queuedTasks: 1
    });
    await clock.advance(1);

    expect(await fleet.getTask('b/later')).toMatchObject({ status: 'completed', startedAt: dueAt });
    expect(await fleet.getTask('b/later')).not.toHaveProperty('dueAt');
  });

  it('in order of their times', async () => {
    const ran: string[] = [];
    const { fleet, clock } = await startFleet({
      handlers: { work: (_: null, { task }) => void ran.push(task.id) },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.submitBatch(
      [3, 1, 2, 1].map((delay, index) => ({
        id: `${delay}${'abcd'[index]}`,
        type: 'work',
        data: null,
        delayMs: delay
      }))
    );
    await clock.advance(10);

    expect(ran).toEqual(['1b', '1d', '2c', '3a']);
  });
});

describe('maxQueueSize', () => {
  it('makes a submission wait until there is room', async () => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 2 });
    await fleet.submitBatch(held(3), { batchId: 'b' });
    let isIn = false;
    const submitted = fleet.submitAsync('wait', null, { id: 'next' }).then(() => (isIn = true));
    await settled();
    expect(isIn).toBe(false);
    expect(await fleet.getStats()).toMatchObject({ runningTasks: 1, queuedTasks: 2, totalTasks: 3 });
    await expect(fleet.getTask('next')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await release('done');
    await submitted;

    expect(await fleet.getTask('next')).toMatchObject({ status: 'queued' });
  });

  it('lets a batch in that is larger than the queue, piece by piece', async () => {
    let most = 0;
    const { fleet } = await startFleet({ ...echo, config: { maxConcurrentWorkers: 1, maxQueueSize: 3 } });
    fleet.store.subscribe(({ context }) => (most = Math.max(most, context.stats.counts.queued)));
    const batchId = await fleet.submitBatch(echoes(20));

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ completedTasks: 20 });
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(0);
  });

  it('takes those who wait in order', async () => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 1 });
    const order: string[] = [];
    await fleet.submitBatch(held(2));
    for (const id of ['first', 'second', 'third']) {
      void fleet.submitAsync('wait', null, { id }).then(() => order.push(id));
    }
    for (let rounds = 0; rounds < 3; rounds++) {
      await settled();
      await release('done');
    }
    await settled();

    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('lets nobody past those who wait', async () => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 1 });
    const order: string[] = [];
    const submit = (id: string) => void fleet.submitAsync('wait', null, { id }).then(() => order.push(id));
    await fleet.submitBatch(held(2));
    submit('first');
    await settled();
    // In one turn with the outcome that makes room.
    const released = release('done');
    submit('second');
    await released;
    await release('done');
    await settled();

    expect(order).toEqual(['first', 'second']);
  });

  it('lets them in when it is raised', async () => {
    const { fleet } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 1 });
    await fleet.submitBatch(held(2));
    const submitted = fleet.submitAsync('wait', null);
    await settled();
    await fleet.updateConfig({ maxQueueSize: 5 });

    expect(await submitted).toMatchObject({ status: 'queued' });
  });

  it('does not count tasks that run, and counts those that wait for a time', async () => {
    const { fleet } = await heldFleet({ maxConcurrentWorkers: 3, maxQueueSize: 1, onQueueFull: 'reject' });
    for (let count = 0; count < 3; count++) await fleet.submitAsync('wait', null);
    await fleet.submitAsync('echo', null, { delayMs: 1_000 });

    await expect(fleet.submitAsync('echo', null)).rejects.toBeInstanceOf(QueueFullError);
  });

  it.each<[what: string, waiting: number, submit: (fleet: HeldFleet['fleet']) => Promise<unknown>]>([
    ['a task', 4, (fleet) => fleet.submitAsync('wait', null, { id: 'late' })],
    ['an array', 3, (fleet) => fleet.submitBatch(held(2), { batchId: 'late' })],
    ['an array that begins to fit', 0, (fleet) => fleet.submitBatch(held(6), { batchId: 'late' })]
  ])('rejects %s where the config says so, and nothing of it is saved', async (_, waiting, submit) => {
    const { fleet } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 4, onQueueFull: 'reject' });
    await fleet.submitAsync('wait', null);
    await settled();
    await fleet.submitBatch(held(waiting), { batchId: 'b' });
    await settled();
    const before = await fleet.getStats();

    const error = await submit(fleet).catch((thrown: unknown) => thrown);

    expect(error).toMatchObject({ code: 'ERR_QUEUE_FULL', maxQueueSize: 4 });
    await settled();
    expect(await fleet.getStats()).toEqual(before);
    await expect(fleet.getBatchStatus('late')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(fleet.getTask('late')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('that rejects a stream has it cancelled', async () => {
    const { fleet } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 2, onQueueFull: 'reject' });
    const error = await fleet
      .submitBatch(held(10).values(), { batchId: 'b' })
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(QueueFullError);
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'cancelling' });
  });
});

interface EchoTask {
  readonly id: string;
  readonly type: 'echo';
  readonly data: number;
}

interface HeldTask {
  readonly id: string;
  readonly type: 'wait';
  readonly data: unknown;
}

type HeldFleet = Awaited<ReturnType<typeof heldFleet>>;

const echo = { handlers: { echo: (data: unknown) => data } };
const failing = {
  handlers: {
    fail: (_: unknown) => {
      throw new Error('no luck');
    }
  }
};

function echoFleet() {
  return startFleet({ ...echo });
}

/** Tasks of type `wait` run until the test releases them: the one that is named, or all that run. */
async function heldFleet(config: Parameters<typeof startFleet>[0]['config'] = {}) {
  const running = new Map<string, (value: unknown) => void>();
  const started = await startFleet({
    handlers: {
      ...echo.handlers,
      ...failing.handlers,
      wait: (_: unknown, { key }) =>
        new Promise((resolve) => {
          running.set(key, resolve);
        })
    },
    config: { maxRetries: 0, ...config }
  });
  return {
    ...started,
    release: async (value: unknown, key?: string) => {
      await settled();
      for (const [held, resolve] of running) {
        if (key !== undefined && key !== held) continue;
        running.delete(held);
        resolve(value);
      }
      await settled();
    }
  };
}

function echoes(count: number): EchoTask[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'echo', data: index }));
}

function held(count: number): HeldTask[] {
  return Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'wait', data: index }));
}

async function* slowly<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

async function* endless(clock: { advance(ms: number): Promise<void> }): AsyncGenerator<EchoTask> {
  for (let index = 0; ; index++) {
    yield { id: String(index), type: 'echo', data: index };
    await clock.advance(100);
  }
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
