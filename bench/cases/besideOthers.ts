import { setTimeout as wait } from 'node:timers/promises';
import type { Case } from '../case.ts';
import { runNoops, type NoopFleet } from './noopFleet.ts';

const hour = 3_600_000;

/** Work while other tasks wait for their retries. */
export function besideBackoff(waiting: number, tasks: number): Case {
  return {
    settings: `memoryStore, 100 workers × 1, ${waiting} tasks wait an hour for their retry, one batch of ${tasks} tasks`,
    run: () =>
      runNoops({
        tasks,
        options: {
          config: { maxConcurrentWorkers: 100 },
          retry: { baseMs: hour, maxMs: hour, jitter: 'none' }
        },
        async prepare(fleet) {
          await submitOthers(fleet, 'fail', waiting);
          await until(async () => (await fleet.getStats()).backingOffTasks === waiting);
        }
      })
  };
}

/**
 * Work while handlers run whose timeouts are armed: workers have room for them, and a limit has the work run at most
 * 100 at a time.
 */
export function besideTimeouts(armed: number, tasks: number): Case {
  return {
    settings:
      `memoryStore, 100 workers × 101, typeLimits: 100 at once of the work, ` +
      `${armed} handlers run with a timeout of an hour, one batch of ${tasks} tasks`,
    run: () =>
      runNoops({
        tasks,
        options: {
          config: {
            maxConcurrentWorkers: 100,
            workerConcurrency: 101,
            workerTimeout: hour,
            typeLimits: { noop: { concurrency: 100 } }
          }
        },
        async prepare(fleet) {
          if (armed === 0) return;
          await submitOthers(fleet, 'hang', armed);
          await until(async () => (await fleet.getStats()).runningTasks === armed);
        }
      })
  };
}

async function submitOthers(fleet: NoopFleet, type: 'fail' | 'hang', count: number): Promise<void> {
  await fleet.submitBatch(
    Array.from({ length: count }, (_, index) => ({ id: `${index}`, type, data: null }))
  );
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  while (!(await isReached())) await wait(10);
}
