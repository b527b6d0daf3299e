import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type TaskResult } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { type HeldFleet, echo, failing, echoFleet, heldFleet, echoes, held, collect } from './batchFleets.ts';

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
