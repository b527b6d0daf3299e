import { describe, expect, it } from 'vitest';
import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import { memoryStore, type Store } from '../../src/index.ts';
import { gate, startFleet } from '../harness.ts';
import { done, failed, startAgent, stores } from './agents.ts';

describe('clear', () => {
  it.each(stores)('begins anew, durably, in a store of %s', async (_, make) => {
    const first = await startAgent({ store: make() });
    await first.agent.submitResult('w', done);
    await first.agent.submitResult('w', failed);
    await first.agent.clear();
    const expectNothing = async (agent: typeof first.agent) => {
      expect(await agent.getSummary()).toMatchObject({ totalResults: 0, oldestResult: null });
      expect(await agent.getResults()).toEqual([]);
      expect(await agent.getHourlyStats()).toEqual({});
      expect(await agent.getTopWorkers()).toEqual([]);
      expect(await agent.getDurations()).toMatchObject({ count: 0, p50: 0 });
    };

    await expectNothing(first.agent);
    const { agent, store } = await first.restart();
    await expectNothing(agent);
    expect(await store.readResults('coordinator', { limit: 9 })).toEqual([]);

    expect(await agent.submitResult('w', done)).toBe(true);
    expect(await agent.getSummary()).toMatchObject({ totalResults: 1, successCount: 1 });
    expect(await agent.getResults()).toHaveLength(1);
    expect(await agent.getTopWorkers()).toEqual([{ workerId: 'w', count: 1 }]);
    await agent.stop();
  });

  it.each(stores)('leaves batches and tasks of a fleet with a store of %s alone', async (_, make) => {
    const first = await startFleet({ store: make(), handlers: { echo: (data: unknown) => data } });
    const { fleet } = first;
    await fleet.waitForBatch(await fleet.submitBatch([{ id: 'a', type: 'echo', data: 1 }], { batchId: 'b' }));
    await fleet.submit('echo', 2, { id: 'single' });
    await fleet.coordinator.submitResult('outside', done);
    await fleet.coordinator.clear();

    expect(await fleet.coordinator.getCount()).toBe(0);
    expect(await fleet.coordinator.getResults()).toEqual([]);
    expect(await fleet.getBatchResults('b')).toMatchObject([{ taskId: 'a', result: 1 }]);
    expect(await fleet.waitFor('single')).toBe(2);
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 2 });
    expect(await fleet.coordinator.submitResult('outside', done)).toBe(true);
    await fleet.submit('echo', 3);
    await fleet.stop();
    const next = await first.restart();

    expect(await next.fleet.coordinator.getCount()).toBe(2);
    expect(await next.fleet.coordinator.getResults()).toHaveLength(2);
    expect(await next.fleet.getBatchResults('b')).toHaveLength(1);
    await next.fleet.stop();
  });

  it('counts what settles while it is written', async () => {
    const slow = slowRemoval();
    const { agent } = await startAgent({ store: slow.store });
    await agent.submitResult('w', done);
    const cleared = agent.clear();
    await slow.asked;
    await agent.submitResult('w', failed);
    slow.open();
    await cleared;

    expect(await agent.getSummary()).toMatchObject({ totalResults: 1, failureCount: 1 });
    expect(await agent.getResults()).toMatchObject([{ result: { taskId: 'x' } }]);
  });

  it('counts nothing that was settled before it, in the midst of a batch', async () => {
    let countedBefore = -1;
    const { fleet } = await startFleet({
      handlers: {
        echo: async (index: number) => {
          if (index !== 60) return;
          // The turn that started it is over then.
          await Promise.resolve();
          const { settledSeq } = (
            fleet.actor.getSnapshot() as FleetSnapshot
          ).children.coordinator!.getSnapshot().context;
          await fleet.coordinator.clear();
          countedBefore = settledSeq;
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    const tasks = Array.from({ length: 100 }, (_, data) => ({ id: `${data}`, type: 'echo' as const, data }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks));

    // It had not heard yet of all that had settled.
    expect(countedBefore).toBeLessThan(60);
    expect(await fleet.coordinator.getSummary()).toMatchObject({ totalResults: 40 });
    expect(await fleet.coordinator.getDurations()).toMatchObject({ count: 40 });
  });

  it('goes on with the removal after a restart', async () => {
    const slow = slowRemoval();
    const { agent, store, clock } = await startAgent({ store: slow.store });
    await agent.submitResult('w', done);
    const cleared = agent.clear();
    cleared.catch(() => {});
    await slow.asked;
    slow.open('fail');
    await expect(cleared).rejects.toThrow('no removal');
    await agent.stop();
    expect(await store.readResults('coordinator', { limit: 9 })).toHaveLength(1);
    const next = await startAgent({ store: slow.inner, clock });
    await next.agent.submitResult('w2', done);

    expect(await next.agent.getCount()).toBe(1);
    expect(await store.readResults('coordinator', { limit: 9 })).toMatchObject([{ workerId: 'w2' }]);
  });

  it('is tried again by itself where the store failed', async () => {
    const slow = slowRemoval();
    const { agent, store, clock } = await startAgent({ store: slow.store });
    await agent.submitResult('w', done);
    const cleared = agent.clear();
    await slow.asked;
    slow.open('fail');
    await expect(cleared).rejects.toThrow('no removal');
    await clock.advance(61_000);

    expect(await store.readResults('coordinator', { limit: 9 })).toEqual([]);
    expect(await agent.getCount()).toBe(0);
  });
});

/** The first removal waits for the test. */
function slowRemoval() {
  const inner = memoryStore();
  const asked = gate();
  const opened = gate<'fail' | undefined>();
  let isFirst = true;
  const store: Store = {
    ...inner,
    async removeOutsideResults(scope, upToSettledSeq) {
      if (!isFirst) return inner.removeOutsideResults(scope, upToSettledSeq);
      isFirst = false;
      asked.open();
      if ((await opened.promise) === 'fail') throw new Error('no removal');
      return inner.removeOutsideResults(scope, upToSettledSeq);
    }
  };
  return { inner, store, asked: asked.promise, open: (how?: 'fail') => opened.open(how) };
}
