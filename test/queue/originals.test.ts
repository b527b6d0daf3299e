import { describe, expect, it } from 'vitest';
import {
  FencedError,
  NotFoundError,
  QueueFullError,
  TaskCancelledError,
  TimeoutError
} from '../../src/index.ts';
import { startQueue } from './testQueue.ts';

/** Defects of FastAgentic's queue, each by its number in the list of the originals' defects. */
describe('what the original queue gets wrong', () => {
  it('F1: a task leaves the queue when a worker asks for one, so that the bound holds and order is by priority', async () => {
    await using test = await startQueue({ maxQueueSize: 2, onQueueFull: 'reject' });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'low', priority: 0 });
    await queue.enqueue('a', null, { id: 'high', priority: 10 });
    await test.advance(60_000);

    await expect(queue.enqueue('a', null)).rejects.toThrow(QueueFullError);
    expect(await queue.getStats()).toMatchObject({ queueSize: 2, leasedTasks: 0 });
    expect(await queue.dequeue('w')).toMatchObject({ id: 'high' });
  });

  it('F2: a wait that is longer than half a minute fails nothing', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const waiting = queue.waitForTask('x');
    await test.advance(3_600_000);
    expect(await queue.getTask('x')).toMatchObject({ status: 'queued', attempts: 0 });
    await queue.complete((await queue.dequeue('w'))!, 'done');

    expect(await waiting).toBe('done');
  });

  it('F3: a leased task that is cancelled ends cancelled, whatever its worker says', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w'))!;
    expect(await queue.cancel('x')).toBe(true);

    expect(leased.signal.aborted).toBe(true);
    await expect(queue.complete(leased, 'done')).rejects.toThrow(FencedError);
    await expect(queue.waitForTask('x')).rejects.toThrow(TaskCancelledError);
    expect(await queue.getTask('x')).toMatchObject({ status: 'cancelled' });
  });

  it('F4: a queued task that is cancelled is given to nobody', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    expect(await queue.cancel('x')).toBe(true);
    expect(await queue.cancel('x')).toBe(false);

    expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
    expect(await queue.getTask('x')).toMatchObject({ status: 'cancelled', attempts: 0 });
  });

  it('F5: a retry waits for its backoff, and keeps its priority', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'urgent', priority: 20 });
    await queue.fail((await queue.dequeue('w'))!, 'no luck');
    await queue.enqueue('a', null, { id: 'other' });
    expect(await queue.getTask('urgent')).toMatchObject({ status: 'backingOff', error: 'no luck' });
    await test.advance(100);

    expect(await queue.dequeue('w')).toMatchObject({ id: 'urgent', attempt: 2 });
  });

  it('F6: a timeout is called one, and names its limit', async () => {
    await using test = await startQueue({ maxRetries: 0 });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x', timeoutMs: 200 });
    await queue.dequeue('w');
    await test.advance(200);

    const { status, error } = await queue.getTask('x');
    expect(status).toBe('timedOut');
    expect(error).toContain('200 ms');
  });

  it('F7: a task whose worker is dead is not stuck', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await queue.dequeue('dead');
    const next = queue.dequeue('alive');
    await test.advance(1_000);

    expect(await next).toMatchObject({ id: 'x', attempt: 2, workerId: 'alive' });
  });

  it('F8: a stop leaves no task leased', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await queue.dequeue('w');
    const stopped = queue.stop({ timeoutMs: 100 });
    await test.advance(100);
    await stopped;
    await queue.start();

    expect(await queue.getTask('x')).toMatchObject({ status: 'queued' });
  });

  it('F10: a full queue leaves nothing of what it has refused', async () => {
    await using test = await startQueue({ maxQueueSize: 1, onQueueFull: 'reject' });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await expect(queue.enqueue('a', null, { id: 'y' })).rejects.toThrow(QueueFullError);

    await expect(queue.getTask('y')).rejects.toThrow(NotFoundError);
    await queue.complete((await queue.dequeue('w'))!);
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
    expect(await queue.getStats()).toMatchObject({ totalTasks: 1, queueSize: 0 });
  });

  it('F11: what has settled is let go in its time', async () => {
    await using test = await startQueue({ retention: { maxAgeMs: 60_000 } });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await queue.complete((await queue.dequeue('w'))!);
    await test.advance(30_000);
    expect(await queue.getTask('x')).toMatchObject({ status: 'completed' });
    await test.advance(100_000);

    await expect(queue.getTask('x')).rejects.toThrow(NotFoundError);
    expect(await queue.getStats()).toMatchObject({ completedTasks: 1 });
  });

  it('F12: a task has the name of its worker, a wait ends at once, and a timeout of 0 is one', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const look = queue.waitForTask('x', { timeoutMs: 0 });
    await Promise.all([expect(look).rejects.toThrow(TimeoutError), test.advance(0)]);
    const leased = (await queue.dequeue('w7'))!;
    const waiting = queue.waitForTask('x');
    const startedAt = test.clock.now();
    await queue.complete(leased);
    await waiting;

    expect(test.clock.now()).toBe(startedAt);
    expect(await queue.getTask('x')).toMatchObject({ workerId: 'w7' });
  });

  it('C16: a task that a worker has is still there, and its times are its own', async () => {
    await using test = await startQueue();
    const { queue, clock } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const startedAt = clock.now();
    const leased = (await queue.dequeue('w'))!;
    expect(await queue.getTask('x')).toMatchObject({ status: 'running', startedAt });
    await test.advance(700);
    await queue.complete(leased);

    expect(await queue.getTask('x')).toMatchObject({ startedAt, settledAt: startedAt + 700 });
  });
});
