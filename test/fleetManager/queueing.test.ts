import { describe, expect, it } from 'vitest';
import { QueueFullError } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { type HeldFleet, echo, failing, echoFleet, heldFleet, echoes, held } from './batchFleets.ts';

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

  it('lets as much of a submission in as there is room for, so that small ones do not starve it', async () => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 2 });
    await fleet.submitBatch(held(3), { batchId: 'first' });
    await release('done');
    const order: string[] = [];
    const submit = (id: string, submitted: Promise<unknown>) => submitted.then(() => order.push(id));
    const all = [
      submit('large', fleet.submitBatch(held(2), { batchId: 'large' })),
      submit('small', fleet.submitAsync('wait', null, { id: 'small' }))
    ];
    await settled();
    expect(await fleet.getBatchStatus('large')).toMatchObject({ status: 'accepting', totalTasks: 1 });
    for (let count = 0; count < 2; count++) {
      await release('done');
      await settled();
    }
    await Promise.all(all);

    expect(order).toEqual(['large', 'small']);
    expect(await fleet.getBatchStatus('large')).toMatchObject({ status: 'processing', totalTasks: 2 });
  });

  it.each<[what: string, submit: (fleet: HeldFleet['fleet']) => Promise<unknown>, kind: string]>([
    ['a batch', (fleet) => fleet.submitBatch(held(2), { batchId: 'late' }), 'batch'],
    ['a task', (fleet) => fleet.submitAsync('wait', null, { id: 'late' }), 'task']
  ])('lets %s that waits for room be cancelled', async (_, submit, kind) => {
    const { fleet, release } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 1 });
    await fleet.submitBatch(held(2));
    const submitted = submit(fleet).catch((thrown: unknown) => thrown);
    await settled();

    expect(await (kind === 'batch' ? fleet.cancelBatch('late') : fleet.cancelTask('late'))).toBe(true);

    expect(await submitted).toMatchObject({ code: 'ERR_CONFLICT', kind, id: 'late' });
    await release('done');
    await settled();
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 2 });
  });

  it('lets a batch be cancelled of which a part waits for room', async () => {
    const { fleet } = await heldFleet({ maxConcurrentWorkers: 1, maxQueueSize: 2 });
    await fleet.submitBatch(held(2));
    const submitted = fleet.submitBatch(held(3), { batchId: 'late' }).catch((thrown: unknown) => thrown);
    await settled();
    expect(await fleet.getBatchStatus('late')).toMatchObject({ status: 'accepting', totalTasks: 1 });

    expect(await fleet.cancelBatch('late')).toBe(true);

    expect(await submitted).toMatchObject({ code: 'ERR_CONFLICT', kind: 'batch', id: 'late' });
    expect(await fleet.waitForBatch('late')).toMatchObject({ status: 'cancelled', totalTasks: 1 });
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
