import { describe, expect, it } from 'vitest';
import {
  memoryStore,
  NotRunningError,
  TaskFailedError,
  ValidationError,
  WorkerPool,
  type Handlers,
  type WorkerPoolOptions
} from '../../src/index.ts';
import { gate, settled, SimulatedClock } from '../harness.ts';

describe('WorkerPool', () => {
  it('begins with minWorkers, and runs what is submitted with handlers of both kinds', async () => {
    await using pool = new WorkerPool({
      clock: new SimulatedClock(),
      minWorkers: 2,
      maxWorkers: 4,
      handlers: { double: (data: number) => data * 2 } as Handlers
    });
    pool.registerHandler('greet', (data: string) => `hello ${data}`);
    await pool.start();
    await settled();

    expect(await pool.submit('double', 21)).toBe(42);
    expect(await pool.submit('greet', 'you')).toBe('hello you');
    expect(await pool.getStats()).toEqual({
      workerCount: 2,
      activeWorkers: 0,
      minWorkers: 2,
      maxWorkers: 4,
      queuedTasks: 0,
      currentTasks: 0,
      totalCompleted: 2,
      totalFailed: 0
    });
  });

  it('runs as many tasks at once as its workers take, and counts what fails', async () => {
    const open = gate();
    await using pool = new WorkerPool({
      clock: new SimulatedClock(),
      minWorkers: 2,
      config: { workerConcurrency: 2, maxRetries: 0 },
      handlers: {
        hold: () => open.promise,
        fail: () => {
          throw new Error('no luck');
        }
      }
    });
    await pool.start();
    const held = Array.from({ length: 5 }, () => pool.submit('hold', null));
    await settled();
    expect(await pool.getStats()).toMatchObject({ currentTasks: 4, queuedTasks: 1, activeWorkers: 2 });
    open.open();
    await Promise.all(held);
    await expect(pool.submit('fail', null)).rejects.toThrow(TaskFailedError);

    expect(await pool.getStats()).toMatchObject({ currentTasks: 0, totalCompleted: 5, totalFailed: 1 });
  });

  it('scales within its bounds; workers too many finish what they hold', async () => {
    const open = gate();
    await using pool = new WorkerPool({
      clock: new SimulatedClock(),
      minWorkers: 1,
      maxWorkers: 3,
      handlers: { hold: () => open.promise }
    });
    await pool.start();
    await pool.scale(3);
    const held = Array.from({ length: 3 }, () => pool.submit('hold', null));
    await settled();
    expect(await pool.getStats()).toMatchObject({ workerCount: 3, currentTasks: 3 });
    await pool.scale(1);
    await settled();
    expect(await pool.getStats()).toMatchObject({ currentTasks: 3 });
    open.open();
    await Promise.all(held);
    await settled();

    expect(await pool.getStats()).toMatchObject({ workerCount: 1, totalCompleted: 3 });
    for (const count of [0, 4, 1.5, Number.NaN]) {
      await expect(pool.scale(count)).rejects.toThrow(ValidationError);
    }
    await expect(pool.scale(4)).rejects.toThrow('count is 4');
  });

  it('has as many workers after a restart as before, within the bounds that hold then', async () => {
    const store = memoryStore();
    const clock = new SimulatedClock();
    const first = new WorkerPool({ store, clock, minWorkers: 1, maxWorkers: 8 });
    await first.start();
    await first.scale(6);
    await first.stop();
    const second = new WorkerPool({ store, clock, minWorkers: 1, maxWorkers: 8 });
    await second.start();
    await settled();
    expect(await second.getStats()).toMatchObject({ workerCount: 6 });
    await second.stop();
    await using third = new WorkerPool({ store, clock, minWorkers: 1, maxWorkers: 4 });
    await third.start();
    await settled();

    expect(await third.getStats()).toMatchObject({ workerCount: 4 });
  });

  it('keeps totals over a restart, and handlers over a stop', async () => {
    const clock = new SimulatedClock();
    await using pool = new WorkerPool({ clock, handlers: { echo: (data: unknown) => data } });
    await expect(pool.submit('echo', 1)).rejects.toThrow(NotRunningError);
    await pool.start();
    await pool.start();
    await pool.submit('echo', 1);
    await pool.stop();
    await pool.stop();
    await pool.start();

    expect(await pool.submit('echo', 2)).toBe(2);
    expect(await pool.getStats()).toMatchObject({ totalCompleted: 2 });
  });

  it.each<[object | null, string]>([
    [null, 'options is null'],
    [{ minWorkers: 0 }, 'options.minWorkers is 0'],
    [{ minWorkers: 2.5 }, 'options.minWorkers is 2.5'],
    [{ minWorkers: '5' }, 'options.minWorkers is "5"'],
    [{ minWorkers: Symbol('5') }, 'options.minWorkers is a symbol'],
    [{ minWorkers: 5, maxWorkers: 4 }, 'options.maxWorkers is 4; it must be at least minWorkers, which is 5'],
    [{ maxWorkers: 100_001 }, 'options.maxWorkers'],
    [{ executor: {} }, 'options.executor'],
    [{ workers: 3 }, 'options.workers'],
    [{ config: { maxConcurrentWorkers: 3 } }, 'options.config.maxConcurrentWorkers is 3'],
    [{ config: { workerConcurrency: 0 } }, 'config.workerConcurrency is 0'],
    [{ handlers: { a: 3 } }, 'options.handlers.a is 3']
  ])('refuses the options %j by their name', (options, message) => {
    expect(() => new WorkerPool(options as WorkerPoolOptions)).toThrow(ValidationError);
    expect(() => new WorkerPool(options as WorkerPoolOptions)).toThrow(message);
  });
});
