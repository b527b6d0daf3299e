import { describe, expect, it } from 'vitest';
import type { ReadModel } from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

describe('the read model', () => {
  it('is empty before anything has happened', async () => {
    const { fleet } = await echoFleet();

    expect(modelOf(fleet)).toMatchObject({
      stats: { totalBatches: 0, totalTasks: 0, counts: { queued: 0, completed: 0 } },
      batches: [],
      results: []
    });
  });

  it('is up to date whenever a promise of the fleet resolves', async () => {
    const held = gate();
    const { fleet } = await startFleet({ handlers: { wait: () => held.promise } });
    await fleet.submitBatch([{ id: 'a', type: 'wait', data: null }], { batchId: 'b' });
    await settled();
    expect(modelOf(fleet)).toMatchObject({
      stats: { totalBatches: 1, totalTasks: 1, counts: { running: 1, completed: 0 } },
      batches: [{ id: 'b', status: 'processing', runningTasks: 1 }],
      results: []
    });
    held.open();
    await fleet.waitForBatch('b');

    expect(modelOf(fleet)).toMatchObject({
      stats: { counts: { running: 0, completed: 1 } },
      batches: [await fleet.getBatchStatus('b')],
      results: [{ key: 'b/a', success: true, status: 'completed', settledSeq: 1 }]
    });
  });

  it('is up to date for the first one who looks after many turns, however it looks', async () => {
    for (const look of [
      ({ store }: EchoFleet) => store.getSnapshot().context,
      ({ store }: EchoFleet) => store.get().context,
      ({ store }: EchoFleet) => store.select((model) => model).get()
    ]) {
      const { fleet } = await echoFleet();
      await fleet.waitForBatch(await fleet.submitBatch(echoes(30), { batchId: 'b' }));
      await fleet.submitBatch([], { batchId: 'c' });

      const { stats, batches, results } = look(fleet);
      expect(stats.counts.completed).toBe(30);
      expect(batches).toMatchObject([
        { id: 'b', completedTasks: 30 },
        { id: 'c', status: 'completed' }
      ]);
      expect(results.map(({ settledSeq }) => settledSeq)).toEqual(
        Array.from({ length: 20 }, (_, index) => index + 11)
      );
    }
  });

  it('never says what the store does not have', async () => {
    const { fleet, store } = await echoFleet();
    const behind: string[] = [];
    fleet.store.subscribe(({ context }) => {
      for (const { key } of context.results) {
        void store.readResult('test', key).then((result) => result ?? behind.push(key));
      }
      for (const batch of context.batches) {
        void store.readBatch('test', batch.id).then((row) => {
          if ((row?.context.counts.completed ?? -1) < batch.completedTasks) behind.push(batch.id);
        });
      }
    });
    const batchId = await fleet.submitBatch(echoes(100));
    await fleet.waitForBatch(batchId);
    await settled();

    expect(behind).toEqual([]);
  });

  it('holds the last 20 results without their values, newest last', async () => {
    const { fleet } = await echoFleet();
    const batchId = await fleet.submitBatch(echoes(50));
    await fleet.waitForBatch(batchId);

    const { results } = modelOf(fleet);
    expect(results.map(({ taskId }) => taskId)).toEqual(
      echoes(50)
        .slice(-20)
        .map(({ id }) => id)
    );
    expect(results.some((result) => 'result' in result || 'receivedAt' in result)).toBe(false);
  });

  it.each<[what: string, idOf: (index: number) => string]>([
    ['words', (index) => `batch-${index}`],
    ['numbers, which objects put first', (index) => String(1_000 - index)]
  ])('holds the 100 batches that changed last, under ids that are %s', async (_, idOf) => {
    const { fleet } = await echoFleet();
    for (let index = 0; index < 105; index++) await fleet.submitBatch([], { batchId: idOf(index) });

    expect(idsOf(fleet)).toEqual(Array.from({ length: 100 }, (__, index) => idOf(index + 5)));
  });

  it('keeps a batch that changes again before older ones', async () => {
    const held = gate();
    const { fleet } = await startFleet({ handlers: { wait: () => held.promise } });
    await fleet.submitBatch([{ id: 'a', type: 'wait', data: null }], { batchId: '1' });
    for (let index = 0; index < 99; index++) await fleet.submitBatch([], { batchId: `batch-${index}` });
    held.open();
    await fleet.waitForBatch('1');
    await fleet.submitBatch([], { batchId: 'one more' });

    expect(idsOf(fleet)).toHaveLength(100);
    expect(idsOf(fleet)[0]).toBe('batch-1');
    expect(modelOf(fleet).batches.slice(-2)).toMatchObject([
      { id: '1', status: 'completed' },
      { id: 'one more', status: 'completed' }
    ]);
  });

  it('takes a batch under a name that every object has', async () => {
    const { fleet } = await echoFleet();
    for (const batchId of ['__proto__', 'constructor', 'toString']) await fleet.submitBatch([], { batchId });

    expect(idsOf(fleet)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(await fleet.submit('echo', 'still there')).toBe('still there');
  });

  it('forgets a batch that is removed', async () => {
    const { fleet } = await echoFleet();
    await fleet.submitBatch([], { batchId: 'b' });
    await fleet.submitBatch([], { batchId: 'other' });
    await fleet.removeBatch('b');

    expect(idsOf(fleet)).toEqual(['other']);
  });

  it('is as it was after a restart', async () => {
    const held = gate();
    const first = await startFleet({ handlers: { echo: (data: unknown) => data, wait: () => held.promise } });
    await first.fleet.submitBatch(echoes(3), { batchId: 'done' });
    await first.fleet.waitForBatch('done');
    await first.fleet.submitBatch([{ id: 'a', type: 'wait', data: null, delayMs: 60_000 }], {
      batchId: 'live'
    });
    const before = modelOf(first.fleet);
    await first.fleet.stop();
    const { fleet } = await first.restart();
    await settled();

    expect(modelOf(fleet).stats).toEqual(before.stats);
    expect(modelOf(fleet).batches).toMatchObject([{ id: 'live', status: 'pending', totalTasks: 1 }]);
  });
});

describe('a subscription to the read model', () => {
  it('hears once of each turn', async () => {
    const { fleet } = await echoFleet();
    const heard: ReadModel[] = [];
    const subscription = fleet.store.subscribe(({ context }) => heard.push(context));
    await fleet.pause();
    await fleet.submitBatch(echoes(200), { batchId: 'b' });
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatchObject({
      stats: { counts: { queued: 200 } },
      batches: [{ id: 'b', queuedTasks: 200 }]
    });
    await fleet.resume();
    await fleet.waitForBatch('b');
    expect(heard.at(-1)).toMatchObject({ stats: { counts: { completed: 200 } } });
    subscription.unsubscribe();
    const { length } = heard;
    await fleet.submit('echo', 1);

    expect(heard).toHaveLength(length);
  });

  it('with a selector hears only when its part changes', async () => {
    const { fleet } = await echoFleet();
    const heard: number[] = [];
    const subscription = fleet.store
      .select(({ stats }) => stats.totalBatches)
      .subscribe((totalBatches) => heard.push(totalBatches));
    await fleet.submitBatch(echoes(10), { batchId: '1' });
    await fleet.waitForBatch('1');
    await fleet.submit('echo', 1);
    await fleet.submitBatch([], { batchId: '2' });
    subscription.unsubscribe();
    await fleet.submitBatch([], { batchId: '3' });

    expect(heard).toEqual([1, 2]);
  });

  it('gets models that do not change any more', async () => {
    const { fleet } = await echoFleet();
    const heard: [ReadModel, string][] = [];
    fleet.store.subscribe(({ context }) => heard.push([context, JSON.stringify(context)]));
    const batchId = await fleet.submitBatch(echoes(30));
    await fleet.waitForBatch(batchId);

    expect(heard.length).toBeGreaterThan(1);
    for (const [model, text] of heard) expect(JSON.stringify(model)).toBe(text);
  });

  it('goes on after the fleet was stopped and started again', async () => {
    const { fleet } = await echoFleet();
    const heard: number[] = [];
    fleet.store.subscribe(({ context }) => heard.push(context.stats.totalBatches));
    await fleet.submitBatch([], { batchId: '1' });
    await fleet.stop();
    await fleet.start();
    await fleet.submitBatch([], { batchId: '2' });

    expect(heard.at(-1)).toBe(2);
  });

  it('may use the fleet', async () => {
    const { fleet } = await echoFleet();
    const answer = gate<unknown>();
    const subscription = fleet.store.subscribe(() => {
      subscription.unsubscribe();
      void fleet.submit('echo', 'from a subscriber').then(answer.open);
    });
    await fleet.submitBatch([]);

    expect(await answer.promise).toBe('from a subscriber');
  });
});

type EchoFleet = Awaited<ReturnType<typeof echoFleet>>['fleet'];

function echoFleet() {
  return startFleet({ handlers: { echo: (data: unknown) => data }, config: { maxConcurrentWorkers: 1 } });
}

function modelOf(fleet: { readonly store: { getSnapshot(): { readonly context: ReadModel } } }): ReadModel {
  return fleet.store.getSnapshot().context;
}

function idsOf(fleet: Parameters<typeof modelOf>[0]): string[] {
  return modelOf(fleet).batches.map(({ id }) => id);
}

function echoes(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    type: 'echo' as const,
    data: index
  }));
}
