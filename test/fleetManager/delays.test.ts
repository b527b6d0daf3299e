import { describe, expect, it } from 'vitest';
import { settled, startFleet } from '../harness.ts';

const item = (id: string, options: { readonly delayMs?: number; readonly startAfter?: number } = {}) => ({
  id,
  type: 'work' as const,
  data: null,
  ...options
});

type Item = ReturnType<typeof item>;

async function workFleet() {
  const test = await startFleet({ handlers: { work: () => {} } });
  const dues = async (batchId: string) =>
    (await test.fleet.listTasks({ batchId })).map(({ id, dueAt, createdAt }) => [
      id,
      dueAt === undefined ? null : dueAt - createdAt
    ]);
  return { ...test, dues };
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

describe('a delay', () => {
  it.each<[as: string, given: (tasks: readonly Item[]) => readonly Item[] | AsyncIterable<Item>]>([
    ['array', (tasks) => tasks],
    ['stream', stream]
  ])('of a batch, an %s, is that of its tasks that name no start of their own', async (_, given) => {
    const { fleet, clock, dues } = await workFleet();
    const tasks = [item('a'), item('b', { delayMs: 10 }), item('c', { startAfter: clock.now() + 20 })];

    const batchId = await fleet.submitBatch(given(tasks), { delayMs: 1_000 });

    expect(await dues(batchId)).toEqual([
      ['a', 1_000],
      ['b', 10],
      ['c', 20]
    ]);
  });

  it('of a task can be none in a batch that has one', async () => {
    const { fleet } = await workFleet();
    const batchId = await fleet.submitBatch([item('a'), item('b', { delayMs: 0 })], { delayMs: 1_000 });
    await settled();

    const tasks = await fleet.listTasks({ batchId });
    expect(tasks.map(({ status }) => status)).toEqual(['scheduled', 'completed']);
  });

  it('may be a time for the whole batch', async () => {
    const { fleet, clock } = await workFleet();
    const startAfter = clock.now() + 500;
    const batchId = await fleet.submitBatch(stream([item('a'), item('b')]), { startAfter });

    await clock.advance(499);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ status: 'pending', queuedTasks: 2 });
    await clock.advance(1);
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ startedAt: startAfter });
  });

  it('counts from the acceptance of the task by the clock of the fleet', async () => {
    const { fleet, clock } = await workFleet();
    async function* slow() {
      yield item('a');
      await clock.advance(100);
      yield item('b');
    }
    const batchId = await fleet.submitBatch(slow(), { delayMs: 1_000 });

    const [a, b] = await fleet.listTasks({ batchId });
    expect(b!.dueAt! - a!.dueAt!).toBe(100);
  });

  it('is kept across a crash', async () => {
    const { fleet, clock, crash, restart } = await workFleet();
    const batchId = await fleet.submitBatch([item('a')], { delayMs: 1_000 });
    await crash();
    const next = await restart();
    await clock.advance(999);
    expect(await next.fleet.getTask({ batchId, id: 'a' })).toMatchObject({ status: 'scheduled' });
    await clock.advance(1);
    expect(await next.fleet.getTask({ batchId, id: 'a' })).toMatchObject({ status: 'completed' });
  });

  it.each<[options: object, argument: string]>([
    [{ delayMs: 1, startAfter: 1 }, 'options.delayMs'],
    [{ delayMs: -1 }, 'options.delayMs'],
    [{ delayMs: Infinity }, 'options.delayMs'],
    [{ delayMs: '1' }, 'options.delayMs'],
    [{ startAfter: NaN }, 'options.startAfter'],
    [{ startAfter: -1 }, 'options.startAfter']
  ])('of a batch is refused as %j before anything is written', async (options, argument) => {
    const { fleet } = await workFleet();
    await expect(fleet.submitBatch([item('a')], options)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
    expect(await fleet.listBatches()).toEqual([]);
  });

  it('of a task is refused together with a start time, by its index', async () => {
    const { fleet } = await workFleet();
    const tasks = [item('a'), item('b', { delayMs: 1, startAfter: 1 })];
    await expect(fleet.submitBatch(tasks)).rejects.toMatchObject({ argument: 'tasks[1].delayMs' });
  });

  it('may be that of a retried batch', async () => {
    const { fleet } = await startFleet({
      handlers: {
        work() {
          throw new Error('no luck');
        }
      },
      config: { maxRetries: 0 }
    });
    const batchId = await fleet.submitBatch([item('a')]);
    await fleet.waitForBatch(batchId);

    const retried = await fleet.retryBatch(batchId, { delayMs: 1_000 });
    expect(await fleet.getTask({ batchId: retried, id: 'a' })).toMatchObject({ status: 'scheduled' });
  });
});
