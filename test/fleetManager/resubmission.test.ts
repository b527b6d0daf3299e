import { describe, expect, it } from 'vitest';
import { QueueFullError } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { echo, failing, echoFleet, heldFleet, echoes, held } from './batchFleets.ts';

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
  it('waits for room in a full queue, and can be cancelled while it does', async () => {
    const { fleet } = await startFleet({
      handlers: {
        work: () => {
          throw new Error('no luck');
        }
      },
      config: { maxRetries: 0, maxQueueSize: 1 }
    });
    await fleet.submitBatch([{ id: 'x', type: 'work', data: null }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'first' });
    const copied = fleet.retryTask('b/x', { id: 'copy' });
    const cancelled = fleet.retryTask('b/x', { id: 'never' });
    await settled();
    expect(await fleet.getStats()).toMatchObject({ queuedTasks: 1 });
    expect(await fleet.cancelTask('never')).toBe(true);
    await expect(cancelled).rejects.toThrow('was cancelled before it was accepted');

    await fleet.resume();
    expect(await copied).toBe('copy');
    await fleet.updateConfig({ onQueueFull: 'reject' });
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'second' });
    await expect(fleet.retryTask('b/x')).rejects.toThrow(QueueFullError);
  });

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
