import { describe, expect, it, vi } from 'vitest';
import { settled, startFleet } from '../harness.ts';

describe('scaleWorkers', () => {
  it('is a limit of the whole fleet, obeyed by batches that run', async () => {
    const running = tracked();
    const { fleet } = await startFleet({ handlers: running.handlers, config: { maxConcurrentWorkers: 2 } });
    await fleet.submitBatch(tasks(20, 'a'));
    await fleet.submitBatch(tasks(20, 'b'));
    await settled();
    expect(running.now()).toBe(2);

    await fleet.scaleWorkers(5);
    await settled();
    expect(running.now()).toBe(5);
    expect(await fleet.getStats()).toMatchObject({ workerCount: 5, activeWorkers: 5 });
  });

  it('drains and never kills when it scales down', async () => {
    const running = tracked();
    const { fleet } = await startFleet({ handlers: running.handlers, config: { maxConcurrentWorkers: 5 } });
    const batchId = await fleet.submitBatch(tasks(20));
    await settled();
    await fleet.scaleWorkers(2);
    await settled();
    expect(running.now()).toBe(5);
    expect(running.aborted()).toBe(0);

    for (let ended = 0; ended < 3; ended++) running.finishOne();
    await settled();
    expect(running.now()).toBe(2);
    await running.finishAll();
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ completedTasks: 20 });
    expect(await fleet.getStats()).toMatchObject({ workerCount: 2 });
  });

  it('uses parked slots again', async () => {
    const running = tracked();
    const { fleet } = await startFleet({ handlers: running.handlers, config: { maxConcurrentWorkers: 3 } });
    await fleet.scaleWorkers(1);
    await settled();
    await fleet.scaleWorkers(3);
    await settled();
    await fleet.submitBatch(tasks(5));
    await settled();

    expect(running.now()).toBe(3);
    expect((await fleet.getActiveWorkers()).map(({ id }) => id)).toEqual([
      'worker-1',
      'worker-2.2',
      'worker-3.2'
    ]);
  });

  it.each([0, -1, 1.5, NaN, Infinity, '3', null])('refuses %j', async (count) => {
    const { fleet } = await startFleet({ handlers: {} });
    await expect(fleet.scaleWorkers(count as number)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: 'count'
    });
  });
});

describe('workers', () => {
  it('run as many tasks at once as workerConcurrency allows', async () => {
    const running = tracked();
    const { fleet } = await startFleet({
      handlers: running.handlers,
      config: { maxConcurrentWorkers: 2, workerConcurrency: 3 }
    });
    await fleet.submitBatch(tasks(20));
    await settled();
    expect(running.now()).toBe(6);

    await fleet.updateConfig({ workerConcurrency: 4 });
    await settled();
    expect(running.now()).toBe(8);
  });

  it('are replaced without a task when they have taken more than a new tasksPerWorker already', async () => {
    const warn = vi.spyOn(console, 'warn');
    const { fleet } = await startFleet({
      handlers: { work: (_: unknown, { workerId }) => workerId },
      config: { maxConcurrentWorkers: 1 }
    });
    for (const id of ['a', 'b']) await fleet.submitBatch([{ id, type: 'work', data: null }], { batchId: id });
    await fleet.waitForBatch('b');
    await fleet.updateConfig({ tasksPerWorker: 2 });
    await settled();
    expect(await fleet.getWorkers()).toMatchObject([{ id: 'worker-1.2', taskIds: [] }]);
    // XState says so when a worker is made to step while the fleet does.
    expect(warn).not.toHaveBeenCalled();
    await fleet.stop();
  });

  it('are replaced after tasksPerWorker tasks', async () => {
    const { fleet } = await startFleet({
      handlers: { work: async () => 'done' },
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 2 }
    });
    const batchId = await fleet.submitBatch(tasks(5));
    await fleet.waitForBatch(batchId);

    expect((await fleet.getBatchResults(batchId)).map(({ workerId }) => workerId)).toEqual([
      'worker-1',
      'worker-1',
      'worker-1.2',
      'worker-1.2',
      'worker-1.3'
    ]);
  });

  it('say what they hold', async () => {
    const running = tracked();
    const { fleet, clock } = await startFleet({
      handlers: running.handlers,
      config: { maxConcurrentWorkers: 2 }
    });
    await fleet.submitBatch(tasks(1), { batchId: 'b' });
    await settled();

    expect(await fleet.getActiveWorkers()).toEqual([
      {
        id: 'worker-1',
        taskId: 'b/0',
        taskIds: ['b/0'],
        status: 'active',
        spawnedAt: clock.now(),
        tags: [],
        concurrency: 1,
        completed: 0,
        failed: 0,
        lastHeartbeatAt: null
      }
    ]);
  });
});

const tasks = (count: number, prefix = '') =>
  Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index}`,
    type: 'work' as const,
    data: null
  }));

/** Handlers that run until the test ends them. */
function tracked() {
  const ends: (() => void)[] = [];
  let isOver = false;
  let aborted = 0;
  let active = 0;
  return {
    handlers: {
      work: (_: null, { signal }: { signal: AbortSignal }) => {
        if (isOver) return undefined;
        active += 1;
        signal.addEventListener('abort', () => (aborted += 1));
        return new Promise<void>((resolve) =>
          ends.push(() => {
            active -= 1;
            resolve();
          })
        );
      }
    },
    now: () => active,
    aborted: () => aborted,
    finishOne: () => ends.shift()?.(),
    async finishAll() {
      isOver = true;
      for (const end of ends.splice(0)) end();
      await settled();
    }
  };
}
