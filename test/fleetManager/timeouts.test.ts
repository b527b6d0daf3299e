import { describe, expect, it } from 'vitest';
import type { HandlerContext } from '../../src/index.ts';
import { faultyStore, gate, settled, SimulatedClock, startFleet } from '../harness.ts';

describe('timeouts', () => {
  it('end an attempt whether its handler obeys or not, and name the limit', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { hang: () => new Promise(() => {}) },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 500 }]);

    await clock.advance(499);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 1 });
    await clock.advance(1);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({
      status: 'failed',
      failedTasks: 1,
      timedOutTasks: 1
    });
    expect(await fleet.getBatchResults(batchId)).toMatchObject([
      { status: 'timedOut', success: false, duration: 500, error: 'Took longer than its limit of 500 ms' }
    ]);
  });

  it('abort the signal of the handler', async () => {
    let signal: AbortSignal | undefined;
    const { fleet, clock } = await startFleet({
      handlers: {
        hang: (_: null, context) => {
          signal = context.signal;
          return new Promise(() => {});
        }
      },
      config: { workerTimeout: 1_000, maxRetries: 0 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'hang', data: null }]);
    await clock.advance(999);
    expect(signal?.aborted).toBe(false);
    await clock.advance(1);

    expect(signal?.reason).toMatchObject({
      name: 'AbortError',
      message: 'Took longer than its limit of 1000 ms'
    });
  });

  it('are retried like failures', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { slow: (_: null, { attempt }) => (attempt === 1 ? new Promise(() => {}) : 'done') }
    });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'slow', data: null, timeoutMs: 500 }]);
    await clock.advance(600);

    expect(await fleet.getBatchResults(batchId)).toMatchObject([
      { success: true, attempts: 2, result: 'done' }
    ]);
  });

  it('ignore what the handler still returns, and count it', async () => {
    const late = gate<string>();
    const { fleet, clock } = await startFleet({
      handlers: { slow: () => late.promise },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'slow', data: null, timeoutMs: 500 }]);
    await clock.advance(500);
    late.open('too late');
    await settled();

    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ status: 'timedOut' }]);
    expect(await fleet.getStats()).toMatchObject({ lateOutcomes: 1, completedTasks: 0 });
  });

  it('of more than 24 days do not fire at once', async () => {
    const { fleet, clock } = await startFleet({ handlers: { hang: () => new Promise(() => {}) } });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 2 ** 40 }]);
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 1 });
  });

  it('do not count time during which the event loop was blocked', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { hang: () => new Promise(() => {}) },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 2_000 }]);
    await clock.advance(1_000);
    await clock.block(60_000);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 1 });
    await clock.advance(2_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ timedOutTasks: 1 });
  });
});

describe('a process that stands still', () => {
  it('while it starts handlers costs their attempts no more than a moment', async () => {
    const clock = new HaltingClock();
    const { fleet } = await startFleet({
      clock,
      handlers: {
        timely: () => {
          clock.stoodStillMs += 60_000;
          return new Promise(() => {});
        }
      },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'timely', data: null, timeoutMs: 1_000 }]);

    await clock.advance(100);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 1 });
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ timedOutTasks: 1 });
  });
});

/** Goes on while nothing in the process does. */
class HaltingClock extends SimulatedClock {
  stoodStillMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.stoodStillMs;
  }
}

describe('a handler that hangs after its attempt is over', () => {
  it('keeps its worker’s place for the grace, then the worker is replaced', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { hang: () => new Promise(() => {}), quick: () => 'done' },
      config: { maxConcurrentWorkers: 1, maxRetries: 0, cancelGraceMs: 300 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 500 }]);
    const batchId = await fleet.submitBatch([{ id: 'b', type: 'quick', data: null }]);

    await clock.advance(799);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ queuedTasks: 1 });
    await clock.advance(1);

    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ success: true, workerId: 'worker-1.2' }]);
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 1 });
  });

  it('is given no other task meanwhile', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { hang: () => new Promise(() => {}), quick: () => 'done' },
      config: { maxConcurrentWorkers: 2, maxRetries: 0, cancelGraceMs: 10_000 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 500 }]);
    await clock.advance(500);

    const tasks = ['b', 'c', 'd'].map((id) => ({ id, type: 'quick' as const, data: null }));
    const batchId = await fleet.submitBatch(tasks);
    await settled();

    const results = await fleet.getBatchResults(batchId);
    expect(results.map(({ workerId }) => workerId)).toEqual(['worker-2', 'worker-2', 'worker-2']);
  });

  it('frees its place as soon as it ends', async () => {
    const late = gate();
    const { fleet, clock } = await startFleet({
      handlers: { slow: () => late.promise, quick: () => 'done' },
      config: { maxConcurrentWorkers: 1, maxRetries: 0, cancelGraceMs: 10_000 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'slow', data: null, timeoutMs: 500 }]);
    const batchId = await fleet.submitBatch([{ id: 'b', type: 'quick', data: null }]);
    await clock.advance(600);
    late.open();
    await settled();

    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ success: true, workerId: 'worker-1' }]);
  });

  it('keeps its place beyond maxStuck', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { hang: () => new Promise(() => {}), quick: () => 'done' },
      config: { maxConcurrentWorkers: 1, maxRetries: 0, cancelGraceMs: 0, maxStuck: 1 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 100 }]);
    await clock.advance(100);
    await fleet.submitBatch([{ id: 'b', type: 'hang', data: null, timeoutMs: 100 }]);
    await clock.advance(100);
    const batchId = await fleet.submitBatch([{ id: 'c', type: 'quick', data: null }]);
    await clock.advance(60_000);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ queuedTasks: 1 });
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 2 });
  });

  it('is given up after all when one before it has ended', async () => {
    const first = gate();
    const { fleet, clock } = await startFleet({
      handlers: { slow: () => first.promise, hang: () => new Promise(() => {}), quick: () => 'done' },
      config: { maxConcurrentWorkers: 1, maxRetries: 0, cancelGraceMs: 0, maxStuck: 1 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'slow', data: null, timeoutMs: 100 }]);
    await clock.advance(100);
    await fleet.submitBatch([{ id: 'b', type: 'hang', data: null, timeoutMs: 100 }]);
    await clock.advance(100);
    const batchId = await fleet.submitBatch([{ id: 'c', type: 'quick', data: null }]);
    await clock.advance(60_000);

    first.open();
    await settled();

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ completedTasks: 1 });
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 1 });
  });

  it('give a handler its whole grace, however long their commit took', async () => {
    const { store, next } = faultyStore();
    const started: string[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        hang: (_: null, { task }: HandlerContext) => {
          started.push(task.id);
          return new Promise(() => {});
        }
      },
      store,
      config: { maxConcurrentWorkers: 1, maxRetries: 0, workerTimeout: 1_000, cancelGraceMs: 500 }
    });
    await fleet.submitBatch(['a', 'b'].map((id) => ({ id, type: 'hang', data: null })));
    await clock.advance(999);
    const slow = gate();
    next((write) => slow.promise.then(write));
    await clock.advance(5_000);
    slow.open();
    await clock.advance(499);
    expect(started).toEqual(['a']);
    await clock.advance(1);

    expect(started).toEqual(['a', 'b']);
  });
});
