import { describe, expect, it } from 'vitest';
import {
  FleetManager,
  NotFoundError,
  QueueFullError,
  TaskQueue,
  threads,
  TimeoutError,
  ValidationError
} from '../../src/index.ts';
import { countingIds, gate, settled, SimulatedClock, startFleet } from '../harness.ts';

/** Each title names a defect of the cluster of FastAgentic, which we must not have. */
describe('defects of FastAgentic', () => {
  it('F1: no more is taken out of the queue than workers can run, so that priority and backpressure hold', async () => {
    const order: string[] = [];
    const hold = gate();
    const { fleet } = await startFleet({
      handlers: {
        work: async (_: null, { task }) => {
          order.push(task.id);
          await hold.promise;
        }
      },
      config: { maxConcurrentWorkers: 2, maxQueueSize: 8, onQueueFull: 'reject' }
    });
    await fleet.submitBatch(works(2));
    await settled();
    await fleet.submitBatch(works(8));
    await settled();
    expect(await fleet.getStats()).toMatchObject({ runningTasks: 2, queuedTasks: 8 });
    await expect(fleet.submitAsync('work', null)).rejects.toThrow(QueueFullError);

    hold.open();
    await settled();
    expect(order).toHaveLength(10);
    const urgent = await startFleet({
      handlers: { work: (_: null, { task }) => void order.push(task.id) },
      config: { maxConcurrentWorkers: 1 }
    });
    await urgent.fleet.pause();
    await urgent.fleet.submitBatch(works(3));
    await urgent.fleet.submitAsync('work', null, { id: 'urgent', priority: 20 });
    await urgent.fleet.resume();
    await settled();
    expect(order.slice(10)).toEqual(['urgent', '0', '1', '2']);
  });

  it('F2: a task may wait for a worker as long as it takes', async () => {
    const hold = gate();
    const { fleet, clock } = await startFleet({
      handlers: { work: () => hold.promise },
      config: { maxConcurrentWorkers: 1, workerTimeout: 86_400_000 }
    });
    const batchId = await fleet.submitBatch(works(2));
    await clock.advance(3_600_000);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 1, queuedTasks: 1 });

    hold.open();
    await settled();
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed' });
  });

  it('F3: a running task that was cancelled ends in cancelled', async () => {
    const hold = gate<string>();
    const { fleet } = await startFleet({ handlers: { work: () => hold.promise } });
    const { key } = await fleet.submitAsync('work', null);
    await settled();
    await fleet.cancelTask(key);
    hold.open('too late');
    await settled();

    expect(await fleet.getTask(key)).toMatchObject({ status: 'cancelled' });
  });

  it('F4: a queued task that was cancelled never runs', async () => {
    const ran: string[] = [];
    const { fleet } = await startFleet({ handlers: { work: (_: null, { key }) => void ran.push(key) } });
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'a' });
    await fleet.submitAsync('work', null, { id: 'b' });
    await fleet.cancelTask('a');
    await fleet.resume();
    await settled();

    expect(ran).toEqual(['b']);
  });

  it('F5: retries back off, and a type without a handler is refused instead of retried', async () => {
    const attempts: number[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        work: () => {
          attempts.push(clock.now());
          throw new Error('no');
        }
      },
      config: { maxRetries: 3 }
    });
    await fleet.submitAsync('work', null);
    await clock.advance(10_000);
    const waits = attempts.slice(1).map((at, index) => at - attempts[index]!);
    expect(waits).toEqual([100, 200, 400]);

    await expect(fleet.submitAsync('missing' as 'work', null)).rejects.toThrow(ValidationError);
    expect((await fleet.getStats()).totalTasks).toBe(1);
  });

  it('F6: a timeout is told from a failure, with the limit that was passed', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { work: () => new Promise(() => {}) },
      config: { maxRetries: 0 }
    });
    const { key } = await fleet.submitAsync('work', null, { timeoutMs: 500 });
    await clock.advance(500);

    const task = await fleet.getTask(key);
    expect(task).toMatchObject({ status: 'timedOut', error: expect.stringContaining('500 ms') as string });
    expect(await fleet.getStats()).toMatchObject({ timedOutTasks: 1, failedTasks: 1, runningTasks: 0 });
  });

  it('F7: a worker that died is replaced, and its task is run again', async () => {
    await using fleet = new FleetManager({
      executor: threads({ module: new URL('./dyingHandlers.js', import.meta.url) }),
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.start();
    const { key } = await fleet.submitAsync('dieOnce', null);

    expect(await fleet.waitFor(key)).toBe('attempt 2');
    expect(await fleet.getStats()).toMatchObject({ workerCount: 1, lostAttempts: 1, runningTasks: 0 });
  });

  it('F8: a graceful stop waits for what runs, and leaves nothing running', async () => {
    const hold = gate<string>();
    const { fleet, store } = await startFleet({ handlers: { work: () => hold.promise } });
    const { key } = await fleet.submitAsync('work', null);
    await settled();
    const stopping = fleet.stop();
    await settled();
    hold.open('done');
    await stopping;

    expect(await fleet.getTask(key)).toMatchObject({ status: 'completed' });
    expect(await store.listTasks('test', { status: 'running', limit: 10 })).toEqual([]);
  });

  it('F9: the autoscaler leaves a manual scale as it is, and busy workers alone', async () => {
    const hold = gate();
    const aborted: string[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        work: async (_: null, { key, signal }) => {
          signal.addEventListener('abort', () => aborted.push(key));
          await hold.promise;
        }
      },
      config: {
        maxConcurrentWorkers: 4,
        autoscale: { minWorkers: 1, maxWorkers: 8, intervalMs: 1_000, cooldownMs: 1_000 }
      }
    });
    await fleet.submitBatch(works(4));
    await clock.advance(60_000);
    expect(await fleet.getStats()).toMatchObject({ activeWorkers: 4, runningTasks: 4 });
    expect(aborted).toEqual([]);

    await fleet.scaleWorkers(6);
    hold.open();
    await clock.advance(600_000);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 6 });
  });

  it('F10: a full queue leaves nothing behind', async () => {
    const { fleet, store } = await startFleet({
      handlers: { work: () => null },
      config: { maxQueueSize: 1, onQueueFull: 'reject' }
    });
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'first' });
    await expect(fleet.submitAsync('work', null, { id: 'second' })).rejects.toThrow(QueueFullError);
    await expect(fleet.submitBatch(works(2), { batchId: 'b' })).rejects.toThrow(QueueFullError);

    await expect(fleet.getTask('second')).rejects.toThrow(NotFoundError);
    await expect(fleet.getBatchStatus('b')).rejects.toThrow(NotFoundError);
    const stored = await store.listTasks('test', { limit: 10 });
    expect(stored.map(({ row }) => row.context.key)).toEqual(['first']);
  });

  it('F11: what has completed is let go in time', async () => {
    const { fleet, clock, store } = await startFleet({
      handlers: { work: () => null },
      config: { retention: { maxAgeMs: 60_000, maxBatches: null } }
    });
    await fleet.submit('work', null);
    await clock.advance(180_000);

    expect(await store.listTasks('test', { limit: 10 })).toEqual([]);
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 1 });
  });

  it('F12: results name the worker, waiting polls nothing, and a timeout of 0 expires at once', async () => {
    const hold = gate<string>();
    const { fleet, clock } = await startFleet({ handlers: { work: () => hold.promise } });
    const { key } = await fleet.submitAsync('work', null);
    await settled();
    const alarms = clock.pending;
    const waiting = fleet.waitFor(key);
    await settled();
    expect(clock.pending).toBe(alarms);

    const expiring = fleet.waitFor(key, { timeoutMs: 0 }).catch((error: unknown) => error);
    await clock.advance(0);
    expect(await expiring).toBeInstanceOf(TimeoutError);
    const [worker] = await fleet.getActiveWorkers();
    hold.open('done');
    expect(await waiting).toBe('done');
    expect(await fleet.getTask(key)).toMatchObject({ workerId: worker!.id });
  });

  it('F13: a task goes to a worker that has its tags', async () => {
    const ran = new Map<string, string>();
    const { fleet } = await startFleet({
      handlers: { work: (_: null, { task, workerId }) => void ran.set(task.id, workerId) },
      config: { maxConcurrentWorkers: 3, workerGroups: [{ tags: ['gpu'], workers: 1 }] }
    });
    await fleet.submitBatch(works(6).map((task) => ({ ...task, tags: ['gpu'] })));
    await settled();

    const [capable] = await fleet.getWorkers({ tags: ['gpu'] });
    expect(new Set(ran.values())).toEqual(new Set([capable!.id]));
    expect(ran.size).toBe(6);
  });

  it('F14: a bad config is refused, and 0 is no default', async () => {
    const handlers = { work: () => null };
    for (const config of [{ workerTimeout: 0 }, { maxConcurrentWorkers: 1.5 }, { heartbeatMs: -1 }]) {
      expect(() => new FleetManager({ handlers, config })).toThrow(ValidationError);
    }
    const autoscale = { minWorkers: 5, maxWorkers: 2, intervalMs: 1_000, cooldownMs: 1_000 };
    expect(() => new FleetManager({ handlers, config: { autoscale } })).toThrow(ValidationError);
    const { fleet } = await startFleet({ handlers });
    await expect(fleet.submitAsync('work', null, { timeoutMs: 0 })).rejects.toThrow(ValidationError);
    expect(() => new TaskQueue({ maxQueueSize: 0 })).toThrow(ValidationError);
  });

  it('F15: no exception is swallowed', async () => {
    const told: unknown[] = [];
    const { fleet } = await startFleet({
      handlers: {
        work: () => {
          throw new TypeError('a broken handler');
        }
      },
      config: { maxRetries: 0 },
      onListenerError: (error) => told.push(error)
    });
    const broken = new Error('a broken listener');
    fleet.on('task.settled', () => {
      throw broken;
    });
    const { key } = await fleet.submitAsync('work', null);
    await settled();

    expect(told).toEqual([broken]);
    const [entry] = await fleet.coordinator.getFailedResults();
    expect(entry!.result).toMatchObject({
      key,
      failure: { name: 'TypeError', message: 'a broken handler', stack: expect.any(String) as string }
    });
  });

  it('F16: statistics keep what workers did that are gone', async () => {
    const { fleet } = await startFleet({
      handlers: { work: () => null },
      config: { maxConcurrentWorkers: 4, tasksPerWorker: 1 }
    });
    await fleet.submitBatch(works(8));
    await settled();
    await fleet.scaleWorkers(1);
    await settled();

    expect(await fleet.getStats()).toMatchObject({ completedTasks: 8, workerCount: 1 });
    const summary = await fleet.coordinator.getTopWorkers();
    expect(summary.reduce((sum, { count }) => sum + count, 0)).toBe(8);
  });

  it('F1, F4, F12 in the queue alone: bounded, cancelled tasks are not handed out, waiting is told', async () => {
    const clock = new SimulatedClock();
    const queue = new TaskQueue({ clock, maxQueueSize: 2, onQueueFull: 'reject', newId: countingIds() });
    await queue.start();
    await queue.enqueue('work', null, { id: 'a' });
    await queue.enqueue('work', null, { id: 'b', priority: 10 });
    await expect(queue.enqueue('work', null, { id: 'c' })).rejects.toThrow(QueueFullError);
    await queue.cancel('a');

    expect(await queue.dequeue('w', { timeoutMs: 0 })).toMatchObject({ id: 'b' });
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
    await queue.stop({ graceful: false });
  });
});

const works = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'work' as const, data: null }));
