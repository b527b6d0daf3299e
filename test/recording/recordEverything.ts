import { memoryStore, NonRetryableError } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';

/** A run in which every kind of step occurs: retries, a timeout, cancellations, dependencies, delays, schedules. */
export async function recordEverything(path: string): Promise<void> {
  const store = memoryStore();
  const first = await startFleet({
    store,
    record: path,
    config: {
      maxConcurrentWorkers: 3,
      maxRetries: 1,
      workerTimeout: 5_000,
      autoscale: { minWorkers: 1, maxWorkers: 6 }
    },
    handlers: {
      work: () => 1,
      flaky: (_: unknown, { attempt }) => {
        if (attempt === 1) throw new Error('not yet');
      },
      broken: () => {
        throw new NonRetryableError('never');
      },
      hang: (_: unknown, { signal }) =>
        new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    }
  });
  const { fleet, clock } = first;
  await fleet.submitBatch(
    [
      { id: 'flaky', type: 'flaky', data: null },
      { id: 'broken', type: 'broken', data: null },
      { id: 'after', type: 'work', data: null, dependsOn: ['flaky'] },
      { id: 'never', type: 'work', data: null, dependsOn: ['broken'] },
      { id: 'later', type: 'work', data: null, delayMs: 2_000 },
      { id: 'hang', type: 'hang', data: null, timeoutMs: 1_000 }
    ],
    { batchId: 'mixed' }
  );
  await fleet.schedule('tick', { everyMs: 1_000 }, { type: 'work', data: null }, { maxRuns: 2 });
  await settled();
  await clock.advance(10_000);
  await fleet.waitForBatch('mixed');
  await fleet.pauseSchedule('tick').catch(() => {});
  await fleet.submitBatch(
    Array.from({ length: 8 }, (_, n) => ({ id: `h${n}`, type: 'hang' as const, data: null })),
    { batchId: 'cancelled' }
  );
  await settled();
  await fleet.pauseBatch('cancelled');
  await fleet.resumeBatch('cancelled');
  await fleet.cancelTask('cancelled/h7');
  await fleet.cancelBatch('cancelled');
  await settled();
  await clock.advance(60_000);
  await fleet.waitForBatch('cancelled');
  await fleet.submitBatch([{ id: 'held', type: 'hang', data: null }], { batchId: 'held' });
  await settled();
  await fleet.stop({ graceful: false });

  const second = await first.restart({
    handlers: { work: () => 1, flaky: () => {}, broken: () => 1, hang: async () => {} }
  });
  await second.fleet.waitForBatch('held');
  await second.fleet.stop();
}
