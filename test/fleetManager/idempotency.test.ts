import { describe, expect, it } from 'vitest';
import { ConflictError, memoryStore, type Store } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { gate, settled, startFleet } from '../harness.ts';
import { temporaryPath } from '../stores/directory.ts';

const once = { idempotencyKey: 'once' };

/** A fleet that counts what it does. `wait` ends when `opened` does. */
async function countingFleet(options: Partial<Parameters<typeof startFleet>[0]> = {}) {
  const done: unknown[] = [];
  const opened = gate();
  const handlers = {
    work(data: number) {
      done.push(data);
      return done.length;
    },
    wait: () => opened.promise
  };
  return { ...(await startFleet({ ...options, handlers })), handlers, done, opened };
}

const item = (id: string, idempotencyKey?: string, data = 1) => ({
  id,
  type: 'work' as const,
  data,
  ...(idempotencyKey !== undefined && { idempotencyKey })
});

describe('a single task under a taken idempotency key', () => {
  it('is the task that has it, while that waits, runs and has settled', async () => {
    const { fleet, done } = await countingFleet();
    await fleet.pause();
    const first = await fleet.submitAsync('work', 7, once);
    expect(await fleet.submitAsync('work', 7, once)).toEqual(first);
    expect(first).toMatchObject(once);
    await fleet.resume();

    expect(await fleet.submit('work', 7, once)).toBe(1);
    expect(await fleet.submit('work', 7, { ...once, id: 'another name' })).toBe(1);

    expect(done).toEqual([7]);
    expect(await fleet.listTasks()).toHaveLength(1);
  });

  it('is the same where both come in one turn', async () => {
    const { fleet, done } = await countingFleet();

    const results = await Promise.all([1, 2, 3].map(() => fleet.submit('work', 7, once)));

    expect(results).toEqual([1, 1, 1]);
    expect(done).toEqual([7]);
  });

  it('is the same where both wait for room in the queue', async () => {
    const { fleet, done } = await countingFleet({
      config: { maxQueueSize: 1, onQueueFull: 'wait', maxConcurrentWorkers: 1 }
    });
    await fleet.pause();
    await fleet.submitAsync('work', 1);
    const both = Promise.all([fleet.submit('work', 7, once), fleet.submit('work', 7, once)]);
    await settled();
    await fleet.resume();

    expect(await both).toEqual([2, 2]);
    expect(done).toEqual([1, 7]);
  });

  it('is a task of a batch, where one has it', async () => {
    const { fleet, done } = await countingFleet();
    const batchId = await fleet.submitBatch([item('a', 'once')]);

    expect((await fleet.submitAsync('work', 1, once)).key).toBe(`${batchId}/a`);
    expect(await fleet.submit('work', 1, once)).toBe(1);
    expect(done).toEqual([1]);
  });

  it.each<[what: string, type: 'work' | 'wait', data: unknown]>([
    ['type', 'wait', 7],
    ['data', 'work', 8]
  ])('is refused when it has another %s', async (_, type, data) => {
    const { fleet } = await countingFleet();
    const { key } = await fleet.submitAsync('work', 7, once);

    const submitted = fleet.submitAsync(type, data as never, once);

    await expect(submitted).rejects.toBeInstanceOf(ConflictError);
    await expect(submitted).rejects.toMatchObject({
      kind: 'idempotencyKey',
      id: 'once',
      message: `idempotencyKey "once" is that of task "${key}", which has another type or other data`
    });
  });

  it('is refused under a name that another task has', async () => {
    const { fleet } = await countingFleet();
    await fleet.submitAsync('work', 7, { id: 'a' });
    await expect(fleet.submitAsync('work', 7, { id: 'a', ...once })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      kind: 'task',
      id: 'a'
    });
  });

  it.each<[what: unknown]>([[''], [' '], [7], [null], ['x'.repeat(257)], ['a\0b']])(
    'is refused when the key is %j',
    async (idempotencyKey) => {
      const { fleet } = await countingFleet();
      await expect(fleet.submitAsync('work', 7, { idempotencyKey } as never)).rejects.toMatchObject({
        code: 'ERR_VALIDATION',
        argument: 'options.idempotencyKey'
      });
      expect(await fleet.listTasks()).toEqual([]);
    }
  );
});

describe('a task of a batch under a taken idempotency key', () => {
  it('is refused, and both are named', async () => {
    const { fleet, done } = await countingFleet();
    await fleet.submitBatch([item('a', 'once')], { batchId: 'x' });

    await expect(fleet.submitBatch([item('b'), item('c', 'once')], { batchId: 'y' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      kind: 'idempotencyKey',
      id: 'once',
      message: 'idempotencyKey "once" of task "y/c" is that of task "x/a" already'
    });

    await settled();
    expect(done).toEqual([1]);
    expect(await fleet.listBatches()).toHaveLength(1);
  });

  it('is refused in the same array before anything is written, by its index', async () => {
    const { fleet } = await countingFleet();
    await expect(fleet.submitBatch([item('a', 'once'), item('b', 'once')])).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: 'tasks[1].idempotencyKey',
      message: expect.stringContaining('tasks[0] has it too') as unknown
    });
    expect(await fleet.listBatches()).toEqual([]);
  });

  it('ends the batch when it comes late in a large array or a stream', async () => {
    const { fleet } = await countingFleet();
    await fleet.pause();
    const { key } = await fleet.submitAsync('work', 7, once);
    const items = [...Array.from({ length: 1_500 }, (_, index) => item(String(index))), item('last', 'once')];

    for (const [batchId, tasks] of [
      ['array', items],
      ['stream', new Set(items)]
    ] as const) {
      await expect(fleet.submitBatch(tasks, { batchId })).rejects.toMatchObject({
        message: `idempotencyKey "once" of task "${batchId}/last" is that of task "${key}" already`
      });
      await settled();
      expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'cancelled', completedTasks: 0 });
    }
  });

  it('is the task itself when its batch is submitted again', async () => {
    const { fleet, done } = await countingFleet();
    for (let times = 0; times < 3; times++) {
      await fleet.submitBatch([item('a', 'once'), item('b', 'twice', 2)], { batchId: 'x' });
      await fleet.waitForBatch('x');
    }
    expect(done).toEqual([1, 2]);

    await expect(
      fleet.submitBatch([item('a', 'once'), item('b', 'other', 2)], { batchId: 'x' })
    ).rejects.toMatchObject({
      kind: 'task',
      id: 'x/b'
    });
  });

  it('is not what a retried batch submits: the original keeps its key', async () => {
    const { fleet } = await startFleet({
      handlers: {
        work() {
          throw new Error('no luck');
        }
      },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([item('a', 'once')]);
    await fleet.waitForBatch(batchId);

    const retried = await fleet.retryBatch(batchId);
    const single = await fleet.retryTask({ batchId, id: 'a' });

    expect(await fleet.getTask({ batchId: retried, id: 'a' })).not.toHaveProperty('idempotencyKey');
    expect(await fleet.getTask(single)).not.toHaveProperty('idempotencyKey');
    expect((await fleet.submitAsync('work', 1, once)).key).toBe(`${batchId}/a`);
  });
});

describe.each<[name: string, makeStore: () => Store]>([
  ['memory', () => memoryStore()],
  ['SQLite', () => sqliteStore(temporaryPath(), { durability: 'none' })]
])('an idempotency key in a store in %s', (_, makeStore) => {
  it('is held across a crash', async () => {
    const { fleet, done, handlers, crash, restart } = await countingFleet({ store: makeStore() });
    await fleet.submit('work', 7, once);
    await crash();
    const next = await restart({ handlers });

    expect(await next.fleet.submit('work', 7, once)).toBe(1);
    expect(done).toEqual([7]);
  });

  it('is free when the task is removed, and whoever wants it meanwhile waits for that', async () => {
    const { fleet, done } = await countingFleet({ store: makeStore(), config: { maxConcurrentWorkers: 50 } });
    const items = Array.from({ length: 3_000 }, (__, index) => item(String(index), `i${index}`, index));
    await fleet.submitBatch(items, { batchId: 'b' });
    await fleet.waitForBatch('b');

    const removed = fleet.removeBatch('b');
    const again = [
      fleet.submit('work', 2_999, { idempotencyKey: 'i2999' }),
      fleet.submitBatch([item('x', 'i2998')]).then((batchId) => fleet.waitForBatch(batchId))
    ];

    await removed;
    await Promise.all(again);
    expect(new Set(done.slice(3_000))).toEqual(new Set([1, 2_999]));
  });
});

it('an idempotency key is free when retention lets the task go', async () => {
  const { fleet, clock, done } = await countingFleet({ config: { retention: { maxAgeMs: 60_000 } } });
  await fleet.submit('work', 7, once);
  await clock.advance(3_600_000);
  expect(await fleet.listTasks()).toEqual([]);

  await fleet.submit('work', 7, once);

  expect(done).toEqual([7, 7]);
});
