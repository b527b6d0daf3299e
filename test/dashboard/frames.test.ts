import { describe, expect, it } from 'vitest';
import { memoryStore, type Store } from '../../src/index.ts';
import { RemoteWorld } from '../executors/remoteWorld.ts';
import { gate, settled } from '../harness.ts';
import { Events, servedFleet, type ServedTestFleet } from './pages.ts';

describe('the frames of a page', () => {
  it('D13: begin with the fleet as it is, on every connection, whatever is called the last event', async () => {
    const { page } = await servedFleet({ handlers: {}, config: { maxConcurrentWorkers: 2 } });
    for (const id of [undefined, '', '0', '-1', '999999999', 'garbage', '1e400', '\u00e9']) {
      const events = await Events.open(page, id === undefined ? {} : { 'last-event-id': id });
      expect(await events.nextFrame()).toMatchObject({
        name: 'test',
        active: {
          fleet: ['operation.running', 'journal.clean'],
          coordinator: ['health.healthy', 'intake.collecting']
        },
        workerStates: { idle: 2 },
        workers: [{ state: 'idle', taskIds: [] }, { state: 'idle' }],
        maxWorkers: 2,
        isPaused: false
      });
    }
  });

  it('show what runs and what has ended', async () => {
    const { promise, open } = gate();
    const { fleet, page, clock } = await servedFleet({
      handlers: {
        wait: () => promise,
        fail: (): never => {
          throw new Error('broken');
        }
      },
      config: { maxRetries: 0, maxConcurrentWorkers: 2 }
    });
    const events = await Events.open(page);
    const first = await events.nextFrame();
    await fleet.submitBatch(
      [
        { type: 'wait', id: 'a', data: null },
        { type: 'fail', id: 'b', data: null }
      ],
      { batchId: 'b', metadata: { secret: 1 } }
    );
    await fleet.waitFor('b/b').catch(() => {});
    await clock.advance(100);
    const running = await events.nextFrame();
    expect(running).toMatchObject({
      tasks: { running: 1, failed: 1 },
      batchStates: { processing: 1 },
      workerStates: { idle: 1, busy: 1 },
      workers: [{ taskIds: ['b/a'], state: 'busy' }, { failed: 1 }],
      failures: [{ key: 'b/b', taskId: 'b', batchId: 'b', status: 'failed', error: 'broken' }],
      batches: [{ id: 'b', status: 'processing' }],
      totals: { totalBatches: 1, totalTasks: 2 },
      durations: { p50: 0 }
    });
    expect(running.batches[0]).not.toHaveProperty('metadata');
    expect(running.transitions).toBeGreaterThan(first.transitions);
    open();
    await fleet.waitForBatch('b');
    await clock.advance(100);
    expect(await events.nextFrame()).toMatchObject({
      tasks: { completed: 1, failed: 1 },
      batchStates: { partial: 1 },
      workerStates: { idle: 2 }
    });
  });

  it('count the transitions of rows by their edge, while somebody looks', async () => {
    const { fleet, page, clock } = await servedFleet({ handlers: { work: () => 1 } });
    await fleet.submitBatch([{ type: 'work', id: 'unseen', data: null }], { batchId: 'a' });
    await fleet.waitForBatch('a');
    const events = await Events.open(page);
    expect((await events.nextFrame()).edges).toEqual([]);
    await fleet.submitBatch(
      [1, 2, 3].map((id) => ({ type: 'work', id: String(id), data: null })),
      { batchId: 'b' }
    );
    await fleet.waitForBatch('b');
    await clock.advance(100);
    const { edges } = await events.nextFrame();
    expect(edges).toContainEqual({
      machine: 'task',
      event: 'attempt.completed',
      source: 'running',
      target: 'completed',
      count: 3
    });
    expect(edges).toContainEqual(
      expect.objectContaining({ machine: 'batch', target: 'completed', count: 1 })
    );
  });

  it('come at most ten times a second, the newest last', async () => {
    const { fleet, page, clock } = await servedFleet({ handlers: {} });
    const events = await Events.open(page);
    const first = await events.nextFrame();
    for (let count = 1; count <= 50; count++) await fleet.scaleWorkers(count);
    await clock.advance(100);
    const second = await events.nextFrame();
    expect([second.maxWorkers, second.at - first.at]).toEqual([50, 100]);
    await fleet.scaleWorkers(7);
    await clock.advance(99);
    await fleet.scaleWorkers(8);
    await clock.advance(1);
    const third = await events.nextFrame();
    expect([third.maxWorkers, third.at - second.at]).toEqual([8, 100]);
  });

  it('are not made while nobody listens', async () => {
    const { fleet, page, clock } = await servedFleet({ handlers: {} });
    const pending = clock.pending;
    const events = await Events.open(page);
    await events.nextFrame();
    expect(clock.pending).toBeGreaterThan(pending);
    events.close();
    await expect.poll(() => clock.pending).toBe(pending);
    await fleet.pause();
    await clock.advance(0);
    expect(clock.pending).toBe(pending);
  });

  it('are followed by a sign of life each 15 seconds', async () => {
    const { page, clock } = await servedFleet({ handlers: {} });
    await clock.advance(1_000);
    const events = await Events.open(page);
    await events.nextFrame();
    await clock.advance(15_000);
    expect(await events.next()).toBe(': ping');
    await clock.advance(15_000);
    expect(await events.next()).toBe(': ping');
  });

  it('count batches that have not settled, however many there are', async () => {
    const test = await servedFleet({ handlers: { echo: () => {} } });
    await test.fleet.pause();
    const ids = Array.from({ length: 120 }, (_, index) => `b${index}`);
    for (const batchId of ids)
      await test.fleet.submitBatch([{ type: 'echo', id: '1', data: null }], { batchId });
    await test.fleet.pauseBatch('b3');
    await test.fleet.cancelBatch('b4');
    const { batchStates, batches, isPaused } = await frameOf(test);
    expect(batchStates).toEqual({ pending: 118, paused: 1, cancelled: 1 });
    expect(batches.map(({ id }) => id).slice(0, 3)).toEqual(['b4', 'b3', 'b119']);
    expect([batches.length, isPaused]).toEqual([50, true]);
  });

  it('count schedules by their states', async () => {
    const test = await servedFleet({ handlers: { echo: () => {} } });
    for (const id of ['a', 'b', 'c'])
      await test.fleet.schedule(id, { everyMs: 60_000 }, { type: 'echo', data: null });
    await test.fleet.pauseSchedule('b');
    expect((await frameOf(test)).scheduleStates).toMatchObject({ paused: 1 });
  });

  it('have the last fifty failures, newest first, also those before a restart', async () => {
    const handlers = {
      fail: (data: number): never => {
        throw new Error(`${data}${'x'.repeat(10_000)}`);
      }
    };
    const first = await servedFleet({ handlers, config: { maxRetries: 0, maxConcurrentWorkers: 1 } });
    const tasks = (from: number) =>
      Array.from({ length: 40 }, (_, index) => ({
        type: 'fail' as const,
        id: `${from + index}`,
        data: from + index
      }));
    await first.fleet.submitBatch(tasks(0), { batchId: 'b' });
    await first.fleet.waitForBatch('b');
    await first.fleet.stop();
    const next = await servedFleet({ handlers, store: first.store, config: { maxRetries: 0 } });
    expect((await frameOf(next)).failures).toHaveLength(40);
    await next.fleet.submitBatch(tasks(40), { batchId: 'c' });
    await next.fleet.waitForBatch('c');
    const { failures } = await frameOf(next);
    expect(failures.map(({ taskId }) => Number(taskId)).sort((left, right) => left - right)).toEqual(
      Array.from({ length: 50 }, (_, index) => index + 30)
    );
    expect(failures.map(({ batchId }) => batchId).slice(0, 40)).toEqual(Array(40).fill('c'));
    expect(failures[0]!.error).toHaveLength(501);
  });

  it('read nothing from the store', async () => {
    const inner = memoryStore();
    let reads = 0;
    const store = new Proxy(inner, {
      get(target, name: keyof Store) {
        if (/^(read|list|sum)/.test(name)) reads += 1;
        return target[name];
      }
    });
    const test = await servedFleet({ handlers: { echo: () => {} }, store });
    await test.fleet.submitBatch([{ type: 'echo', id: '1', data: null }], { batchId: 'b' });
    await test.fleet.waitForBatch('b');
    const before = reads;
    await frameOf(test);
    expect(reads).toBe(before);
  });

  it('show a worker that holds many tasks with five of them', async () => {
    const { promise, open } = gate();
    const test = await servedFleet({
      handlers: { wait: () => promise },
      config: { maxConcurrentWorkers: 1, workerConcurrency: 20 }
    });
    await test.fleet.submitBatch(
      Array.from({ length: 20 }, (_, index) => ({ type: 'wait' as const, id: `${index}`, data: null })),
      { batchId: 'b' }
    );
    await expect.poll(async () => (await test.fleet.getStats()).runningTasks).toBe(20);
    expect((await frameOf(test)).workers[0]!.taskIds).toEqual(['b/0', 'b/1', 'b/2', 'b/3', 'b/4']);
    open();
  });
});

describe('the frames of a fleet whose workers are elsewhere', () => {
  it('have the workers that are there, and no number to scale them to', async () => {
    const world = new RemoteWorld();
    const test = await servedFleet({ executor: world.executor() });
    expect(await frameOf(test)).toMatchObject({ maxWorkers: null, workers: [], lostWorkers: [] });
    world.join('host-a');
    world.join('host-b');
    await settled();
    expect((await frameOf(test)).workers.map(({ id }) => id)).toEqual(['host-a', 'host-b']);
    world.drain('host-a');
    world.leave('host-a');
    await settled();
    const frame = await frameOf(test);
    expect(frame.workers.map(({ id }) => id)).toEqual(['host-b']);
    expect([frame.workerStates, frame.lostWorkers]).toEqual([{ idle: 1, stopped: 1 }, []]);
  });

  it('have a worker that was lost by its id, with why, what it had done and when, until it is back', async () => {
    const world = new RemoteWorld();
    const test = await servedFleet({ executor: world.executor() });
    const { fleet, clock } = test;
    world.join('host-a', { tags: ['gpu'] });
    const { key } = await fleet.submitAsync('work', null);
    await settled();
    world.settle(world.heldBy('host-a')[0]!);
    await fleet.waitFor(key);
    world.cutOff('host-a');
    const lostAt = new Promise<number>((resolve) => fleet.on('worker.lost', () => resolve(clock.now())));
    await clock.advance(fleet.config.heartbeatTimeoutMs + 2 * fleet.config.heartbeatMs);
    const frame = await frameOf(test);
    expect(frame.workers).toEqual([]);
    expect(frame.lostWorkers).toEqual([
      {
        id: 'host-a',
        problem: expect.stringMatching(/^Worker host-a has not answered for \d+ ms$/) as string,
        tags: ['gpu'],
        completed: 1,
        failed: 0,
        at: await lostAt
      }
    ]);
    world.reconnect('host-a');
    world.reports!.heartbeat('host-a');
    await settled();
    const { workers, lostWorkers } = await frameOf(test);
    expect([workers.map(({ id }) => id), lostWorkers]).toEqual([['host-a'], []]);
  });

  it('have the last 20 that were lost, newest first', async () => {
    const world = new RemoteWorld();
    const test = await servedFleet({ executor: world.executor() });
    const { fleet, clock } = test;
    for (let number = 1; number <= 22; number++) {
      world.join(`host-${number}`);
      await settled();
      world.kill(`host-${number}`);
      await clock.advance(fleet.config.heartbeatTimeoutMs + 2 * fleet.config.heartbeatMs);
    }
    const { lostWorkers = [] } = await frameOf(test);
    expect(lostWorkers.map(({ id }) => id)).toEqual(
      Array.from({ length: 20 }, (_, index) => `host-${22 - index}`)
    );
  });
});

async function frameOf({ page, clock }: Pick<ServedTestFleet<{}>, 'page' | 'clock'>) {
  await clock.advance(100);
  const events = await Events.open(page);
  const frame = await events.nextFrame();
  events.close();
  return frame;
}
