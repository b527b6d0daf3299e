import { describe, expect, it } from 'vitest';
import { NonRetryableError, type FleetFact } from '../../src/index.ts';
import { startFleet } from '../harness.ts';

const oneTask = () => [{ id: 'a', type: 'flaky' as const, data: null }];

describe('retries', () => {
  it('back off exponentially, up to the longest backoff', async () => {
    const { fleet, clock } = await startFleet({ handlers: failing(), config: { maxRetries: 6 } });
    const starts: number[] = [];
    fleet.on('task.retrying', ({ retryAt }) => starts.push(retryAt - clock.now()));

    const batchId = await fleet.submitBatch(oneTask());
    await clock.advance(10_000);

    expect(starts).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'failed', failedTasks: 1 });
  });

  it('spread by jitter that the injected random draws', async () => {
    const { fleet, clock } = await startFleet({
      handlers: failing(),
      retry: { baseMs: 100, factor: 2, maxMs: 1_000, jitter: 'full' },
      random: () => 0.25,
      config: { maxRetries: 1 }
    });
    const retrying: FleetFact[] = [];
    fleet.on('task.retrying', (fact) => retrying.push(fact));

    await fleet.submitBatch(oneTask());
    await clock.advance(0);

    expect(retrying).toMatchObject([{ retryAt: clock.now() + 25 }]);
  });

  it('are not made before their time', async () => {
    let attempts = 0;
    const { fleet, clock } = await startFleet({ handlers: failing(() => (attempts += 1)) });
    await fleet.submitBatch(oneTask());

    await clock.advance(99);
    expect(attempts).toBe(1);
    await clock.advance(1);
    expect(attempts).toBe(2);
  });

  it('give the handler the attempt and the same key', async () => {
    const seen: unknown[] = [];
    const { fleet, clock } = await startFleet({
      handlers: {
        flaky: (_: null, { attempt, key }) => {
          seen.push({ attempt, key });
          if (attempt < 3) throw new Error('not yet');
          return 'done';
        }
      }
    });
    const batchId = await fleet.submitBatch(oneTask(), { batchId: 'b' });
    await clock.advance(1_000);

    expect(seen).toEqual([
      { attempt: 1, key: 'b/a' },
      { attempt: 2, key: 'b/a' },
      { attempt: 3, key: 'b/a' }
    ]);
    expect(await fleet.getBatchResults(batchId)).toMatchObject([
      { success: true, attempts: 3, result: 'done' }
    ]);
  });

  it.each([
    ['the handler throws NonRetryableError', { maxRetries: 3 }, new NonRetryableError('no'), undefined],
    ['shouldRetry says no', { maxRetries: 3 }, new Error('no'), () => false],
    ['retryFailedTasks is off', { maxRetries: 3, retryFailedTasks: false }, new Error('no'), undefined],
    ['maxRetries is 0', { maxRetries: 0 }, new Error('no'), undefined]
  ])('are not made when %s', async (_, config, error, shouldRetry) => {
    let attempts = 0;
    const { fleet, clock } = await startFleet({
      handlers: failing(() => (attempts += 1), error),
      config,
      ...(shouldRetry && { shouldRetry })
    });
    const batchId = await fleet.submitBatch(oneTask());
    await clock.advance(60_000);

    expect(attempts).toBe(1);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'failed' });
  });

  it('of a task follow its own limit before the fleet’s', async () => {
    let attempts = 0;
    const { fleet, clock } = await startFleet({
      handlers: failing(() => (attempts += 1)),
      config: { maxRetries: 5 }
    });
    await fleet.submitBatch([{ id: 'a', type: 'flaky', data: null, maxRetries: 1 }]);
    await clock.advance(60_000);

    expect(attempts).toBe(2);
  });

  it('take the policy of the moment: a change of config holds for the next failure', async () => {
    let attempts = 0;
    const { fleet, clock } = await startFleet({
      handlers: failing(() => (attempts += 1)),
      config: { maxRetries: 9 }
    });
    await fleet.submitBatch(oneTask());
    await clock.advance(0);
    await fleet.updateConfig({ maxRetries: 1 });
    await clock.advance(60_000);

    expect(attempts).toBe(2);
  });

  it('keep the task’s priority', async () => {
    const order: string[] = [];
    const { fleet, clock } = await startFleet({
      config: { maxConcurrentWorkers: 1 },
      handlers: {
        work: (name: string, { attempt }) => {
          order.push(`${name}${attempt}`);
          if (name === 'urgent' && attempt === 1) throw new Error('again');
          // Holds the only worker until the urgent task is due again, and others are queued.
          return undefined;
        }
      }
    });
    await fleet.pause();
    await fleet.submitBatch([
      { id: 'urgent', type: 'work' as const, data: 'urgent', priority: 20 },
      { id: 'normal', type: 'work' as const, data: 'normal', priority: 5, delayMs: 100 }
    ]);
    await fleet.resume();
    await clock.advance(100);

    expect(order).toEqual(['urgent1', 'urgent2', 'normal1']);
  });

  it('are counted', async () => {
    const { fleet, clock } = await startFleet({ handlers: failing(), config: { maxRetries: 2 } });
    await fleet.submitBatch(oneTask());
    await clock.advance(50);
    expect(await fleet.getStats()).toMatchObject({ backingOffTasks: 1, failedTasks: 0 });
    await clock.advance(60_000);

    expect(await fleet.getStats()).toMatchObject({ retriedAttempts: 2, failedTasks: 1, backingOffTasks: 0 });
  });
});

function failing(onAttempt: () => void = () => {}, error: Error = new Error('no')) {
  return {
    flaky: () => {
      onAttempt();
      throw error;
    }
  };
}
