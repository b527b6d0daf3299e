import { describe, expect, it } from 'vitest';
import { TaskCancelledError } from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

const tasks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'wait' as const, data: null }));

describe('cancelBatch', () => {
  it('starts nothing of the batch any more and aborts what runs', async () => {
    const signals: AbortSignal[] = [];
    const { fleet, clock } = await startFleet({
      handlers: { wait: (_: null, { signal }) => untilAborted(signal, signals) },
      config: { maxConcurrentWorkers: 2 }
    });
    const batchId = await fleet.submitBatch(tasks(10));
    await settled();

    expect(await fleet.cancelBatch(batchId)).toBe(true);
    await clock.advance(0);

    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({
      status: 'cancelled',
      cancelledTasks: 10,
      progress: 1
    });
    expect(await fleet.getBatchResults(batchId)).toHaveLength(10);
  });

  it('discards what a handler returns that does not obey', async () => {
    const late = gate<string>();
    const { fleet } = await startFleet({ handlers: { wait: () => late.promise } });
    const batchId = await fleet.submitBatch(tasks(1));
    await settled();
    await fleet.cancelBatch(batchId);
    late.open('ignored');
    await settled();

    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ status: 'cancelled', success: false }]);
    expect((await fleet.getBatchResults(batchId))[0]).not.toHaveProperty('result');
  });

  it('settles after the grace when a handler hangs', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { wait: () => new Promise(() => {}) },
      config: { cancelGraceMs: 1_000 }
    });
    const batchId = await fleet.submitBatch(tasks(1));
    await settled();
    await fleet.cancelBatch(batchId);

    await clock.advance(999);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelling', runningTasks: 1 });
    await clock.advance(1);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelled' });
  });

  it('keeps what had completed before', async () => {
    const { fleet, clock } = await startFleet({
      handlers: { quick: () => 'done', wait: () => new Promise(() => {}) },
      config: { maxConcurrentWorkers: 1, cancelGraceMs: 0 }
    });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'quick', data: null }, ...tasks(3)]);
    await settled();
    await fleet.cancelBatch(batchId);
    await clock.advance(0);

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({
      status: 'cancelled',
      completedTasks: 1,
      cancelledTasks: 3
    });
  });

  it('cancels tasks that back off or wait for their time', async () => {
    const { fleet } = await startFleet({
      handlers: {
        fails: () => {
          throw new Error('no');
        }
      }
    });
    const batchId = await fleet.submitBatch([
      { id: 'backing off', type: 'fails', data: null },
      { id: 'scheduled', type: 'fails', data: null, delayMs: 60_000 }
    ]);
    await settled();
    await fleet.cancelBatch(batchId);
    await settled();

    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelled', cancelledTasks: 2 });
  });

  it('of 20,000 tasks is obeyed at once and settles them in slices', async () => {
    const { fleet } = await startFleet({
      handlers: { wait: (_: null, { signal }) => untilAborted(signal, []) },
      config: { maxConcurrentWorkers: 5 }
    });
    const batchId = await fleet.submitBatch(tasks(20_000));
    await settled();
    await fleet.cancelBatch(batchId);
    const status = await fleet.waitForBatch(batchId);

    expect(status).toMatchObject({ status: 'cancelled', cancelledTasks: 20_000 });
    expect(await fleet.getStats()).toMatchObject({ queuedTasks: 0, runningTasks: 0, cancelledTasks: 20_000 });
  });

  it.each([
    ['unknown', async () => 'no such batch'],
    ['settled', async ({ fleet }: Awaited<ReturnType<typeof quickFleet>>) => fleet.submitBatch([])]
  ])('of a batch that is %s gives false', async (_, batchIdOf) => {
    const running = await quickFleet();
    expect(await running.fleet.cancelBatch(await batchIdOf(running))).toBe(false);
  });
});

describe('a cancelled batch that takes several turns to settle', () => {
  it('has no task started that its sweep has not come to, however urgent', async () => {
    const held = gate();
    const started: string[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        wait: (_: null, { key }) => {
          started.push(key);
          return held.promise;
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.submitAsync('wait', null, { id: 'first' });
    const urgentLast = tasks(9_000).map((task, index) => ({ ...task, priority: index === 8_999 ? 20 : 5 }));
    await fleet.submitBatch(urgentLast, { batchId: 'b' });

    held.open();
    expect(await fleet.cancelBatch('b')).toBe(true);
    await clock.advance(1_000);

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'cancelled', cancelledTasks: 9_000 });
    expect(started).toEqual(['first']);
  });
});

describe('cancelTask', () => {
  it('cancels a queued task, which never starts', async () => {
    const started: string[] = [];
    const { fleet } = await startFleet({
      handlers: {
        wait: (_: null, { key }) => {
          started.push(key);
          return new Promise(() => {});
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    const batchId = await fleet.submitBatch(tasks(2), { batchId: 'b' });
    await settled();

    expect(await fleet.cancelTask({ batchId, id: '1' })).toBe(true);
    expect(await fleet.cancelTask('b/1')).toBe(false);
    expect(started).toEqual(['b/0']);
    expect(await fleet.getTask('b/1')).toMatchObject({
      status: 'cancelled',
      attempts: 0,
      error: 'The task was cancelled'
    });
  });

  it('cancels a queued task in the turn in which a worker has room for it', async () => {
    const held = gate();
    const started: string[] = [];
    const { fleet } = await startFleet({
      handlers: {
        wait: (_: null, { key }) => {
          started.push(key);
          return held.promise;
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    await fleet.submitBatch(tasks(2), { batchId: 'b' });
    await settled();

    held.open();
    expect(await fleet.cancelTask('b/1')).toBe(true);
    await settled();

    expect(started).toEqual(['b/0']);
  });

  it('rejects whoever waits for the task', async () => {
    const { fleet } = await startFleet({
      handlers: { wait: (_: null, { signal }) => untilAborted(signal, []) }
    });
    const outcome = fleet.submit('wait', null, { id: 'single' }).catch((error: unknown) => error);
    await settled();
    await fleet.cancelTask('single');

    expect(await outcome).toBeInstanceOf(TaskCancelledError);
  });

  it('cancels a task that was submitted in the same breath', async () => {
    const { fleet } = await quickFleet();
    const outcome = fleet.submit('quick', null, { id: 'single' }).catch((error: unknown) => error);
    const isCancelled = fleet.cancelTask('single');

    expect(await isCancelled).toBe(true);
    expect(await outcome).toBeInstanceOf(TaskCancelledError);
  });
});

function quickFleet() {
  return startFleet({ handlers: { quick: () => 'done' } });
}

/** A handler that obeys its signal. */
function untilAborted(signal: AbortSignal, signals: AbortSignal[]): Promise<never> {
  signals.push(signal);
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}
