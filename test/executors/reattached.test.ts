import { expect, it } from 'vitest';
import type { Executor } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';

it('a hard stop gives back what an executor still runs from an earlier life of the process', async () => {
  const first = await startFleet({ executor: surviving() });
  const { key } = await first.fleet.submitAsync('work', null);
  await settled();
  await first.crash();
  const second = await first.restart({ executor: surviving() });
  expect(await second.fleet.getTask(key)).toMatchObject({ status: 'running', attempts: 1 });
  expect(await second.fleet.getStats()).toMatchObject({ runningTasks: 1, activeWorkers: 1 });
  await second.fleet.stop({ graceful: false });

  expect(await second.fleet.getTask(key)).toMatchObject({ status: 'queued', attempts: 1 });
});

/** Runs attempts somewhere else, where they outlive the process; they never end. */
function surviving(): Executor {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    types: new Set(['work']),
    start: nothing,
    startWorker: nothing,
    stopWorker: nothing,
    dispatch: () => {},
    abort: () => {},
    reattach: (attempts) => Promise.resolve(attempts.map(() => ({ status: 'running' as const }))),
    stop: nothing
  };
}
