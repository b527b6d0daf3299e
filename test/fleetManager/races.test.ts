import { describe, expect, it, vi } from 'vitest';
import {
  FleetManager,
  memoryStore,
  StoreError,
  type Executor,
  type FleetFact,
  type HandlerContext,
  type Handlers,
  type Store
} from '../../src/index.ts';
import { inProcess } from '../../src/executors/inProcess.ts';
import { faultyStore, gate, settled, SimulatedClock, startFleet } from '../harness.ts';

const full = () => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused'));
const hang = () => new Promise<never>(() => {});
const tasks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `t${index}`, type: 'work' as const, data: null }));

describe('while a turn is being committed', () => {
  it('a worker that it claimed for is scaled away, and a hard stop still ends', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({
      handlers: { work: hang },
      store,
      config: { maxConcurrentWorkers: 2 }
    });
    await settled();
    await fleet.pause();
    await fleet.submitBatch(tasks(2));
    const { open } = slowCommit(next);
    const resumed = fleet.resume();
    await settled();
    const scaled = fleet.scaleWorkers(1);
    await settled();
    open();
    await Promise.all([resumed, scaled]);
    await settled();
    const stopped = vi.fn<() => void>();
    void fleet.stop({ graceful: false }).then(stopped);
    await clock.advance(60_000);

    expect(stopped).toHaveBeenCalledOnce();
  });

  it('the end of the actor leaves the store to the next owner, who opens the same one', async () => {
    for (const stage of ['due', 'reading'] as const) {
      const inner = memoryStore();
      const read = gate();
      const store: Store = {
        ...inner,
        readTasks: async (...query) => {
          await read.promise;
          return inner.readTasks(...query);
        }
      };
      const { fleet } = await startFleet({ handlers: { work: () => 'done' }, store });
      await settled();
      const submitted = fleet.submitBatch(tasks(1), { batchId: 'first' }).catch((error: unknown) => error);
      if (stage === 'reading') await settled();
      fleet.actor.stop();
      const next = await startFleet({ handlers: { work: () => 'done' }, store: inner });
      read.open();
      await settled();
      await next.fleet.submitBatch(tasks(1), { batchId: 'second' });
      await settled();

      expect(await submitted).toMatchObject({ code: 'ERR_NOT_RUNNING' });
      expect((await next.fleet.listBatches()).map(({ id, status }) => [id, status])).toEqual([
        ['second', 'completed']
      ]);
      expect(next.fleet.actor.getSnapshot().value.journal).toBe('clean');
    }
  });

  it('the end of the actor starts no handler', async () => {
    const { store, next } = faultyStore();
    const started = vi.fn<() => void>();
    const { fleet } = await startFleet({ handlers: { work: () => started() }, store });
    await settled();
    const answer = gate();
    next(async (write) => {
      await write();
      await answer.promise;
    });
    void fleet.submitBatch(tasks(1)).catch(() => {});
    await settled();
    fleet.actor.stop();
    await settled();
    answer.open();
    await settled();

    expect(started).not.toHaveBeenCalled();
  });

  it('no attempt of it loses time', async () => {
    const { store, next } = faultyStore();
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
      config: { workerTimeout: 1_000, maxRetries: 0 }
    });
    await settled();
    const { open } = slowCommit(next);
    const submitted = fleet.submitBatch(tasks(1));
    await clock.advance(2_000);
    open();
    await submitted;
    await clock.advance(1);

    expect(started).toHaveBeenCalledOnce();
    expect(aborted).not.toHaveBeenCalled();
  });

  it('a worker that becomes ready is given a task afterwards', async () => {
    const { store, next } = faultyStore();
    const ready = gate();
    const { fleet, clock } = await startFleet({
      executor: executorWith({ startWorker: () => ready.promise }, { work: () => 'done' }),
      store
    });
    await settled();
    const { open } = slowCommit(next);
    const submitted = fleet.submitBatch(tasks(3));
    await settled();
    ready.open();
    await settled();
    open();
    const batchId = await submitted;
    await clock.advance(3_600_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed', completedTasks: 3 });
  });

  it('a worker that is replaced never shares its id, not even after a crash', async () => {
    const { store, next } = faultyStore();
    const clean = gate();
    const workerIds: string[] = [];
    const executor = () =>
      executorWith(
        { stopWorker: () => clean.promise },
        {
          work: (_: null, { workerId }: HandlerContext) => {
            workerIds.push(workerId);
            return workerIds.length === 1 ? 'done' : hang();
          }
        }
      );
    const { fleet, clock, crash, restart } = await startFleet({
      executor: executor(),
      store,
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
    });
    await fleet.submitBatch(tasks(3));
    await clock.advance(10);
    const { open } = slowCommit(next);
    const paused = fleet.pause();
    await settled();
    clean.open();
    await settled();
    open();
    await paused;
    await fleet.resume();
    await clock.advance(10);
    await crash();
    await restart({ executor: executor() });
    await clock.advance(10);

    expect(workerIds).toHaveLength(3);
    expect(new Set(workerIds)).toHaveProperty('size', 3);
  });
});

describe('a worker', () => {
  it('that serves one task takes another when the payload of its task could not be read', async () => {
    const inner = memoryStore();
    const first = await startFleet({ handlers: { work: () => 'done' }, store: inner });
    await first.fleet.pause();
    const batchId = await first.fleet.submitBatch(tasks(3));
    await first.fleet.stop();
    let isAway = true;
    const store: Store = {
      ...inner,
      readPayloads: (...query) => {
        if (!isAway) return inner.readPayloads(...query);
        isAway = false;
        return Promise.reject(new StoreError('ERR_STORE_IO', 'The disk is away', 'refused'));
      }
    };
    const { fleet, clock } = await startFleet({
      handlers: { work: () => 'done' },
      store,
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
    });
    await fleet.resume();
    await clock.advance(60_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed', completedTasks: 3 });
  });

  it('that could not be made is made again', async () => {
    const startWorker = vi
      .fn<Executor['startWorker']>()
      .mockRejectedValueOnce(new Error('no memory'))
      .mockResolvedValue();
    const { fleet, clock } = await startFleet({
      executor: executorWith({ startWorker }, { work: () => 'done' }),
      config: { maxConcurrentWorkers: 1 }
    });
    const batchId = await fleet.submitBatch(tasks(1));
    await clock.advance(600_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'completed' });
  });

  it('is added right after the start', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { work: hang },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.scaleWorkers(3);
    await fleet.submitBatch(tasks(3));
    await clock.advance(10);

    expect(await fleet.getStats()).toMatchObject({ runningTasks: 3 });
  });
});

describe('a stop', () => {
  it('during recovery gives the store up', async () => {
    const inner = memoryStore();
    const reachable = gate();
    const store: Store = {
      ...inner,
      open: async (...owner) => {
        await reachable.promise;
        return inner.open(...owner);
      }
    };
    const handlers = { work: () => 'done' };
    const first = new FleetManager({ name: 'test', handlers, store, clock: new SimulatedClock() });
    const starting = first.start().catch(() => {});
    await settled();
    await first.stop();
    reachable.open();
    await starting;
    await settled();
    const { fleet } = await startFleet({ handlers, store: inner });

    expect(await fleet.submit('work', null)).toBe('done');
  });

  it('that is under way is waited for by a start', async () => {
    const { fleet } = await startFleet({ handlers: { work: () => 'done' } });
    const stopping = fleet.stop();
    await fleet.start();
    await stopping;

    expect(await fleet.submit('work', null)).toBe('done');
  });

  it('rejects a submission whose source has more to give', async () => {
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' } });
    const refused = vi.fn<(error: unknown) => void>();
    void fleet.submitBatch(endlessSource()).catch(refused);
    await clock.advance(1_000);
    await fleet.stop();
    await clock.advance(1_000);

    expect(refused).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'ERR_NOT_RUNNING' }));
  });

  it('rejects a submission that waits for room', async () => {
    const { fleet } = await startFleet({
      handlers: { work: hang },
      config: { maxConcurrentWorkers: 1, maxQueueSize: 2 }
    });
    await fleet.pause();
    await fleet.submitBatch(tasks(2), { batchId: 'a' });
    const waiting = fleet.submitBatch(tasks(2), { batchId: 'b' }).catch((error: unknown) => error);
    await settled();
    await fleet.stop();

    expect(await waiting).toMatchObject({ code: 'ERR_NOT_RUNNING' });
  });
});

describe('a submission', () => {
  it('takes the room that was made in the turn that found none', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { work: hang },
      config: { maxConcurrentWorkers: 4, maxQueueSize: 2 }
    });
    await settled();
    const submitted = vi.fn<(batchId: string) => void>();
    const first = fleet.submitBatch(tasks(2), { batchId: 'a' });
    void fleet.submitBatch(tasks(2), { batchId: 'b' }).then(submitted);
    await first;
    await clock.advance(50_000);

    expect(submitted).toHaveBeenCalledExactlyOnceWith('b');
  });

  it('that came as an event and was refused by the store is told of', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await settled();
    const facts: FleetFact[] = [];
    fleet.on('*', (fact) => facts.push(fact));
    next(full);
    fleet.actor.send({
      type: 'batch.submit',
      batchId: 'b',
      metadata: null,
      seal: true,
      total: 1,
      fresh: false,
      exclusive: false,
      announced: 1,
      tasks: [
        {
          id: 'a',
          key: 'b/a',
          type: 'work',
          priority: 5,
          tags: [],
          timeoutMs: null,
          maxRetries: null,
          startAfter: null,
          retryOf: null,
          dependsOn: null,
          idempotencyKey: null,
          data: 'null',
          metadata: null
        }
      ]
    });
    await clock.advance(10_000);

    expect(facts.map(({ type }) => type)).toContain('command.refused');
  });

  it('takes the name of a batch that was cancelled and removed while it was accepting', async () => {
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' } });
    void fleet.submitBatch(endlessSource(), { batchId: 'b' }).catch(() => {});
    await clock.advance(1_000);
    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'accepting', completedTasks: 1 });
    await Promise.allSettled([fleet.cancelBatch('b'), fleet.removeBatch('b')]);
    await clock.advance(1_000);
    await fleet.submitBatch(tasks(2), { batchId: 'b' });
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus('b')).toMatchObject({
      status: 'completed',
      totalTasks: 2,
      completedTasks: 2
    });
  });

  it('takes the name of a batch that is removed in the same turn', async () => {
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' } });
    await fleet.submitBatch(tasks(2), { batchId: 'b' });
    await clock.advance(10);
    await Promise.all([fleet.removeBatch('b'), fleet.submitBatch(tasks(3), { batchId: 'b' })]);
    await clock.advance(10);

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'completed', totalTasks: 3 });
  });

  it('takes the name of a batch whose removal ends while the turn that waits for it is committed', async () => {
    const inner = memoryStore();
    const removal = gate();
    const { store, next } = faultyStore({
      ...inner,
      removeBatch: async (...asked) => {
        await removal.promise;
        return inner.removeBatch(...asked);
      }
    });
    const { fleet } = await startFleet({ handlers: { work: () => 'done' }, store });
    await fleet.waitForBatch(await fleet.submitBatch(tasks(2), { batchId: 'b' }));
    // What a turn starts would have the submission looked at again.
    await fleet.pause();
    const removed = fleet.removeBatch('b');
    await settled();
    const { open } = slowCommit(next);
    const submitted = Promise.all([
      fleet.submitBatch(tasks(3), { batchId: 'b' }),
      fleet.submitBatch(tasks(1), { batchId: 'other' })
    ]);
    await settled();
    removal.open();
    await removed;
    open();
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'pending', totalTasks: 3 });
    await submitted;
  });
});

/** Runs handlers in this process, with some of its parts in the test's hands. */
function executorWith(changes: Partial<Executor>, handlers: Handlers): Executor {
  return Object.assign(inProcess(handlers), changes);
}

/** Holds the next commit until it is opened. */
function slowCommit(next: ReturnType<typeof faultyStore>['next']) {
  const slow = gate();
  next(async (write) => {
    await slow.promise;
    await write();
  });
  return slow;
}

/** One task, and never an end. */
async function* endlessSource() {
  yield* tasks(1);
  await hang();
}
