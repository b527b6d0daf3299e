import { describe, expect, it, vi } from 'vitest';
import { memoryStore, StoreError, type HandlerContext, type Store } from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

const full = () => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused'));
const hang = () => new Promise<never>(() => {});
const tasks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `t${index}`, type: 'work' as const, data: null }));
const atOnce = { baseMs: 0, factor: 1, maxMs: 0, jitter: 'none' } as const;

describe('a refused turn', () => {
  it('that ended the sweep of a cancelled batch leaves the sweep to go on', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await fleet.pause();
    const batchId = await fleet.submitBatch(tasks(3_000));
    // The first turn commits the cancellation and 2,000 tasks; the second ends the sweep.
    next((write) => write());
    next(full);
    expect(await fleet.cancelBatch(batchId)).toBe(true);
    await clock.advance(10_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelled', cancelledTasks: 3_000 });
  });

  it('that claimed a task is not counted among those that its worker takes', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({
      handlers: { work: () => 'done' },
      store,
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
    });
    await fleet.pause();
    const batchId = await fleet.submitBatch(tasks(1));
    next(full);
    const resumed = fleet.resume();
    await clock.advance(10_000);
    await resumed;

    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ success: true, workerId: 'worker-1' }]);
  });

  it('that timed an attempt out leaves the attempt its deadline', async () => {
    const { store, next } = faultyStore();
    const aborted = vi.fn<() => void>();
    const work = (_: null, { signal }: HandlerContext) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted();
          reject(new Error('aborted'));
        });
      });
    const { fleet, clock } = await startFleet({
      handlers: { work },
      store,
      config: { maxRetries: 0, workerTimeout: 60_000 }
    });
    const batchId = await fleet.submitBatch(tasks(1));
    await settled();
    next(full);
    await clock.advance(62_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'failed', timedOutTasks: 1 });
    expect(aborted).toHaveBeenCalledOnce();
  });

  it('that timed an attempt out and claimed it again keeps no later stop waiting', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({
      handlers: { work: hang },
      store,
      retry: atOnce,
      config: { workerTimeout: 100_000, maxConcurrentWorkers: 4, cancelGraceMs: 100 }
    });
    await fleet.submitBatch(tasks(1));
    await settled();
    next(full);
    await clock.advance(101_000);
    const stopped = vi.fn<() => void>();
    void fleet.stop({ graceful: false }).then(stopped);
    await clock.advance(90_000);

    expect(stopped).toHaveBeenCalledOnce();
  });

  it('that claimed a failed task again leaves no worker busy with it twice', async () => {
    const { store, next } = faultyStore();
    const work = (_: null, { attempt }: HandlerContext) => {
      if (attempt === 1) throw new Error('no luck');
      return hang();
    };
    const { fleet, clock } = await startFleet({
      handlers: { work },
      store,
      retry: atOnce,
      config: { maxConcurrentWorkers: 2, tasksPerWorker: 3 }
    });
    await settled();
    await fleet.submitBatch(tasks(1));
    next(full);
    await clock.advance(1_000);

    expect(await fleet.getStats()).toMatchObject({ runningTasks: 1 });
    expect(await fleet.getActiveWorkers()).toHaveLength(1);
  });

  it('in which a timed-out handler ended frees its worker all the same', async () => {
    const { store, next } = faultyStore();
    const late = gate<string>();
    const { fleet, clock } = await startFleet({
      handlers: { work: (_: null, { task }: HandlerContext) => (task.id === 't0' ? late.promise : 'done') },
      store,
      config: {
        maxConcurrentWorkers: 1,
        tasksPerWorker: 1,
        workerTimeout: 1_000,
        maxRetries: 0,
        cancelGraceMs: 5_000
      }
    });
    const batchId = await fleet.submitBatch(tasks(3));
    await clock.advance(1_500);
    next(full);
    late.open('late');
    await clock.advance(60_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({
      status: 'partial',
      completedTasks: 2,
      timedOutTasks: 1
    });
  });

  it('that removed a batch and took its name again rejects the submission and removes the batch later', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await fleet.submitBatch(tasks(2), { batchId: 'b' });
    await clock.advance(10);
    next(full);
    const both = Promise.allSettled([fleet.removeBatch('b'), fleet.submitBatch(tasks(3), { batchId: 'b' })]);
    await clock.advance(1_000);

    expect(await both).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'ERR_STORE_FULL' } }
    ]);
    await expect(fleet.getBatchStatus('b')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await fleet.submitBatch(tasks(3), { batchId: 'b' });
    await clock.advance(10);
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'completed', totalTasks: 3 });
  });
});

describe('a stop whose turns are refused', () => {
  it('ends, and its attempts run again at the next start', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: hang }, store });
    const batchId = await fleet.submitBatch(tasks(3));
    await settled();
    next(full);
    const stopped = vi.fn<() => void>();
    void fleet.stop({ graceful: false }).then(stopped);
    await clock.advance(10_000);
    expect(stopped).toHaveBeenCalledOnce();
    await fleet.start();
    await clock.advance(100);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 3 });
  });

  it('ends when the store takes commits again', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await fleet.pause();
    await fleet.submitBatch(tasks(2));
    next(full);
    next(full);
    const stopped = vi.fn<() => void>();
    void fleet.stop().then(stopped);
    await clock.advance(5_000);
    await settled();

    expect(stopped).toHaveBeenCalledOnce();
  });

  it('ends at its timeout, and not before, when the store takes nothing any more', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: hang }, store });
    await fleet.submitBatch(tasks(2));
    await settled();
    for (let commits = 0; commits < 1_000; commits++) next(full);
    const paused = fleet.pause().catch((error: unknown) => error);
    await clock.advance(1_000);
    const stopped = vi.fn<() => void>();
    void fleet.stop({ timeoutMs: 10_000 }).then(stopped);
    await clock.advance(9_000);
    expect(stopped).not.toHaveBeenCalled();
    await clock.advance(2_000);

    expect(stopped).toHaveBeenCalledOnce();
    expect(await paused).toMatchObject({ code: 'ERR_NOT_RUNNING' });
  });
});

describe('a store that cannot be read for a while', () => {
  it('delays a submission whose names it was to look up', async () => {
    const inner = memoryStore();
    let isAway = true;
    const store: Store = {
      ...inner,
      readTasks: (...query) => {
        if (!isAway) return inner.readTasks(...query);
        isAway = false;
        return Promise.reject(new Error('The disk is away'));
      }
    };
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    const submitted = fleet.submitBatch(tasks(2), { batchId: 'b' });
    await clock.advance(1_000);
    await submitted;

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'completed', completedTasks: 2 });
  });

  it('costs no attempt its time while the outcome of its claim is unknown', async () => {
    const inner = memoryStore();
    let isAway = false;
    const away = () => new StoreError('ERR_STORE_IO', 'fsync failed', 'unknown');
    const { store, next } = faultyStore({
      ...inner,
      readHead: (scope) => (isAway ? Promise.reject(away()) : inner.readHead(scope))
    });
    const started = vi.fn<() => void>();
    const aborted = vi.fn<() => void>();
    const work = (_: null, { signal }: HandlerContext) => {
      started();
      signal.addEventListener('abort', aborted);
      return hang();
    };
    const { fleet, clock } = await startFleet({
      handlers: { work },
      store,
      config: { workerTimeout: 60_000, maxRetries: 0 }
    });
    await settled();
    next(async (write) => {
      await write();
      isAway = true;
      throw away();
    });
    const submitted = fleet.submitBatch(tasks(1));
    await clock.advance(120_000);
    isAway = false;
    await clock.advance(10_000);
    await submitted;

    expect(started).toHaveBeenCalledOnce();
    expect(aborted).not.toHaveBeenCalled();
  });

  it('that took tasks in leaves nothing of them in the order of those that come after', async () => {
    const { store, next } = faultyStore();
    const started: string[] = [];
    const work = (_: null, { task }: HandlerContext) => void started.push(task.id);
    const { fleet, clock } = await startFleet({
      handlers: { work },
      store,
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.pause();
    next(full);
    const refused = fleet.submitBatch(tasks(2).map((task) => ({ ...task, priority: 20 })));
    await expect(refused).rejects.toMatchObject({ code: 'ERR_STORE_FULL' });
    await clock.advance(1_000);
    const [low, high] = tasks(2);
    await fleet.submitBatch([low!, { ...high!, priority: 10 }]);
    await fleet.resume();
    await settled();

    expect(started).toEqual([high!.id, low!.id]);
  });
});
