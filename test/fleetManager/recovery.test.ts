import { describe, expect, it } from 'vitest';
import { LockedError, memoryStore, type HandlerContext } from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

const tasks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'work' as const, data: index }));

describe('a fleet that starts on the store of one that died', () => {
  it('runs again what was running, at once, from a budget of its own', async () => {
    const first = await startFleet({
      handlers: { work: () => new Promise(() => {}) },
      config: { maxRetries: 0 }
    });
    const batchId = await first.fleet.submitBatch(tasks(1));
    await settled();
    await first.crash();

    const { fleet } = await first.restart({ handlers: { work: () => new Promise(() => {}) } });
    await settled();
    expect(await fleet.getTask({ batchId, id: '0' })).toMatchObject({ status: 'running', attempts: 2 });
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1, retriedAttempts: 0 });
  });

  it('finishes the batch with every task settled once', async () => {
    const held = gate();
    const first = await startFleet({
      handlers: { work: (n: number) => (n < 30 ? n : held.promise.then(() => n)) },
      config: { maxConcurrentWorkers: 5 }
    });
    const batchId = await first.fleet.submitBatch(tasks(100));
    await settled();
    await first.crash();

    const { fleet } = await first.restart({ handlers: { work: async (n: number) => n } });
    const status = await fleet.waitForBatch(batchId);
    const results = await fleet.getBatchResults(batchId);

    expect(status).toMatchObject({ status: 'completed', completedTasks: 100 });
    expect(new Set(results.map(({ taskId }) => taskId)).size).toBe(100);
    expect(results).toHaveLength(100);
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 100, completedTasks: 100, queuedTasks: 0 });
  });

  it('goes on to cancel a batch of which a part was cancelled', async () => {
    const { store, next } = faultyStore();
    const first = await startFleet({ handlers: { work: (n: number) => n }, store });
    await first.fleet.pause();
    const batchId = await first.fleet.submitBatch(tasks(9_000));
    // The first turn commits the cancellation and a slice; the process dies in the second.
    next((write) => write());
    next(() => new Promise(() => {}));
    expect(await first.fleet.cancelBatch(batchId)).toBe(true);
    await settled();
    await first.crash();

    const { fleet } = await first.restart({ store: faultyStore(store).store });
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'cancelled', cancelledTasks: 9_000 });
  });

  it('gives a task up that takes its process down each time', async () => {
    let running = await startFleet({
      handlers: { work: () => new Promise(() => {}) },
      config: { maxRecoveries: 2 }
    });
    const batchId = await running.fleet.submitBatch(tasks(1));
    for (let crashes = 0; crashes < 3; crashes++) {
      await settled();
      await running.crash();
      running = await running.restart();
    }

    expect(await running.fleet.waitForBatch(batchId)).toMatchObject({ status: 'failed' });
    expect(await running.fleet.getBatchResults(batchId)).toMatchObject([
      { attempts: 3, failure: { name: 'PoisonTaskError' } }
    ]);
  });

  it('keeps deadlines: those that passed fire at once, later ones at their time', async () => {
    const started: string[] = [];
    const first = await startFleet({ handlers: { work: () => 'done' } });
    await first.fleet.submitBatch([
      { id: 'soon', type: 'work' as const, data: null, delayMs: 1_000 },
      { id: 'later', type: 'work' as const, data: null, delayMs: 10_000 }
    ]);
    await first.crash();
    await first.clock.advance(5_000);

    const { clock } = await first.restart({
      handlers: { work: (_: null, { task }: HandlerContext) => void started.push(task.id) }
    });
    await settled();
    expect(started).toEqual(['soon']);
    await clock.advance(5_000);
    expect(started).toEqual(['soon', 'later']);
  });

  it('keeps a backoff and the failures that led to it', async () => {
    const handlers = {
      work: () => {
        throw new Error('no');
      }
    };
    const first = await startFleet({ handlers, config: { maxRetries: 1 } });
    const batchId = await first.fleet.submitBatch(tasks(1));
    await settled();
    await first.crash();

    const { fleet, clock } = await first.restart();
    await clock.advance(99);
    expect(await fleet.getTask({ batchId, id: '0' })).toMatchObject({ status: 'backingOff', attempts: 1 });
    await clock.advance(1);
    expect(await fleet.getTask({ batchId, id: '0' })).toMatchObject({ status: 'failed', attempts: 2 });
  });

  it('cancels what was being cancelled, and never starts it again', async () => {
    const started: number[] = [];
    const first = await startFleet({
      handlers: { work: () => new Promise(() => {}) },
      config: { maxConcurrentWorkers: 1 }
    });
    const batchId = await first.fleet.submitBatch(tasks(3));
    await settled();
    await first.fleet.cancelBatch(batchId);
    await first.crash();

    const { fleet } = await first.restart({ handlers: { work: (n: number) => void started.push(n) } });
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'cancelled', cancelledTasks: 3 });
    expect(started).toEqual([]);
  });

  it('keeps the order and the priorities of the queue', async () => {
    const started: string[] = [];
    const first = await startFleet({ handlers: { work: () => 'done' } });
    await first.fleet.pause();
    await first.fleet.submitBatch([
      { id: 'normal 1', type: 'work' as const, data: null },
      { id: 'normal 2', type: 'work' as const, data: null },
      { id: 'high', type: 'work' as const, data: null, priority: 10 }
    ]);
    await first.crash();

    const { fleet } = await first.restart({
      handlers: { work: (_: null, { task }: HandlerContext) => void started.push(task.id) },
      config: { maxConcurrentWorkers: 1 }
    });
    await settled();
    expect(started).toEqual([]);
    await fleet.resume();
    await settled();
    expect(started).toEqual(['high', 'normal 1', 'normal 2']);
  });

  it('keeps what updateConfig had set, unless the declaration changed', async () => {
    const first = await startFleet({ handlers: {}, config: { maxRetries: 1, maxConcurrentWorkers: 2 } });
    await first.fleet.updateConfig({ maxRetries: 7, cancelGraceMs: 77 });
    await first.fleet.scaleWorkers(4);
    await first.crash();

    const { fleet } = await first.restart({ config: { maxRetries: 1, maxConcurrentWorkers: 3 } });
    expect(fleet.actor.getSnapshot().context.config).toMatchObject({
      maxRetries: 7,
      cancelGraceMs: 77,
      maxConcurrentWorkers: 3
    });
  });

  it('keeps statistics and the coordinator’s summary', async () => {
    const first = await startFleet({ handlers: { work: async (n: number) => n } });
    await first.fleet.waitForBatch(await first.fleet.submitBatch(tasks(10)));
    const before = {
      stats: await first.fleet.getStats(),
      summary: await first.fleet.coordinator.getSummary()
    };
    await first.crash();

    const { fleet } = await first.restart();
    await settled();
    expect(await fleet.getStats()).toEqual({ ...before.stats, activeWorkers: 0 });
    expect(await fleet.coordinator.getSummary()).toEqual(before.summary);
    expect(before.summary).toMatchObject({ totalResults: 10, successCount: 10 });
  });

  it('gives its workers fresh ids', async () => {
    const first = await startFleet({
      handlers: { work: async () => 'done' },
      config: { maxConcurrentWorkers: 1 }
    });
    await first.fleet.waitForBatch(await first.fleet.submitBatch(tasks(1)));
    await first.crash();

    const { fleet } = await first.restart();
    const batchId = await fleet.submitBatch(tasks(1));
    await fleet.waitForBatch(batchId);
    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ workerId: 'worker-1.2' }]);
  });

  it('goes on with an interrupted stream where it was', async () => {
    const first = await startFleet({ handlers: { work: async (n: number) => n } });
    const interrupted = first.fleet
      .submitBatch(interruptedAt(1_500), { batchId: 'stream' })
      .catch(() => 'crashed');
    await settled();
    await first.clock.advance(100);
    await first.crash();
    void interrupted;

    const { fleet } = await first.restart();
    expect(await fleet.getBatchStatus('stream')).toMatchObject({ status: 'accepting', totalTasks: 1_500 });
    await fleet.submitBatch(tasks(3_000), { batchId: 'stream' });
    expect(await fleet.waitForBatch('stream')).toMatchObject({ status: 'completed', totalTasks: 3_000 });
    expect(await fleet.getBatchResults('stream')).toHaveLength(3_000);
  });
});

describe('a store', () => {
  it('is owned by one fleet of a name at a time', async () => {
    const store = memoryStore();
    const first = await startFleet({ handlers: {}, store });
    await expect(startFleet({ handlers: {}, store })).rejects.toThrow(LockedError);
    await first.fleet.stop();
    await expect(startFleet({ handlers: {}, store })).resolves.toBeDefined();
  });

  it('holds fleets of several names', async () => {
    const store = memoryStore();
    const left = await startFleet({ handlers: { work: () => 'left' }, store, name: 'left' });
    const right = await startFleet({ handlers: { work: () => 'right' }, store, name: 'right' });

    expect(await left.fleet.submit('work', null)).toBe('left');
    expect(await right.fleet.submit('work', null)).toBe('right');
  });
});

/** A stream that never comes to its end, as when the process that feeds it dies. */
async function* interruptedAt(count: number) {
  yield* tasks(count);
  await new Promise(() => {});
}
