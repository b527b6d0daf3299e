import { describe, expect, it } from 'vitest';
import { memoryStore, type CoordinatorAgent } from '../../src/index.ts';
import { gate, startFleet } from '../harness.ts';
import { done, failed, startAgent, stores } from './agents.ts';

const hourMs = 3_600_000;

describe('statistics', () => {
  it('by hour have what was received in it', async () => {
    const { agent, clock } = await startAgent();
    await clock.advance(hourMs - (clock.now() % hourMs));
    const startedAt = clock.now();
    await agent.submitResult('w', { ...done, taskId: '1' });
    await agent.submitResult('w', { ...failed, taskId: '2' });
    await clock.advance(2 * hourMs);
    await agent.submitResult('w', { ...done, taskId: '3' });
    const hourOf = (at: number) => new Date(at).toISOString().slice(0, 13);
    const [first, third] = [hourOf(startedAt), hourOf(startedAt + 2 * hourMs)];

    const stats = await agent.getHourlyStats();
    expect(stats).toEqual({
      [first]: { count: 2, successCount: 1, failureCount: 1, avgDuration: 15 },
      [third]: { count: 1, successCount: 1, failureCount: 0, avgDuration: 10 }
    });
    expect(Object.keys(stats)).toEqual([first, third]);
    expect(Object.keys(await agent.getHourlyStats({ since: startedAt + hourMs }))).toEqual([third]);
    expect(Object.keys(await agent.getHourlyStats({ since: startedAt + 2 * hourMs + 5 }))).toEqual([third]);
    expect(Object.keys(await agent.getHourlyStats({ until: startedAt + 2 * hourMs }))).toEqual([first]);
  });

  it('by hour keep the latest 744', async () => {
    const { agent, clock } = await startAgent();
    const startedAt = clock.now();
    for (let hour = 0; hour < 750; hour++) {
      await agent.submitResult('w', { ...done, taskId: String(hour) });
      await clock.advance(hourMs);
    }
    const hours = Object.keys(await agent.getHourlyStats());
    expect(hours).toHaveLength(744);
    expect(hours[0]).toBe(new Date(startedAt + 6 * hourMs).toISOString().slice(0, 13));
    expect(await agent.getCount()).toBe(750);
  });

  it('by worker have its successes', async () => {
    const { agent } = await startAgent();
    for (const [workerId, successes] of [
      ['b', 2],
      ['a', 3],
      ['c', 2]
    ] as const) {
      for (let id = 0; id < successes; id++) await agent.submitResult(workerId, { ...done, taskId: `${id}` });
    }
    await agent.submitResult('b', failed);
    await agent.submitResult('d', failed);

    expect(await agent.getTopWorkers()).toEqual([
      { workerId: 'a', count: 3 },
      { workerId: 'b', count: 2 },
      { workerId: 'c', count: 2 }
    ]);
    expect(await agent.getTopWorkers(1)).toEqual([{ workerId: 'a', count: 3 }]);
  });

  it('have percentiles of the durations', async () => {
    const { agent } = await startAgent();
    const all = Array.from({ length: 1_000 }, (_, index) => index + 1);
    await Promise.all(
      all.map((duration) => agent.submitResult('w', { ...done, taskId: `${duration}`, duration }))
    );

    const { count, mean, max, p50, p90, p95, p99 } = await agent.getDurations();
    expect({ count, mean, max }).toEqual({ count: 1_000, mean: 500.5, max: 1_000 });
    for (const [value, exact] of [
      [p50, 500],
      [p90, 900],
      [p95, 950],
      [p99, 990]
    ] as const) {
      expect(Math.abs(value / exact - 1)).toBeLessThan(0.012);
    }
  });

  it.each([0, 1e-9, 0.5, 7, 2 ** 53 - 1])('take a duration of %d ms', async (duration) => {
    const { agent } = await startAgent();
    await agent.submitResult('w', { ...done, duration });
    const { mean, max, p50, p99 } = await agent.getDurations();
    expect({ mean, max }).toEqual({ mean: duration, max: duration });
    for (const value of [p50, p99])
      expect(Math.abs(value - duration)).toBeLessThanOrEqual(duration * 0.011 + 1e-8);
  });

  it('leave out of the durations what no worker had', async () => {
    const { fleet } = await startFleet({ handlers: { echo: (data: unknown) => data } });
    await fleet.submitAsync('echo', 1, { id: 'later', delayMs: 1_000 });
    await fleet.cancelTask('later');
    await fleet.submit('echo', 1);

    expect(await fleet.coordinator.getCount()).toBe(2);
    expect(await fleet.coordinator.getDurations()).toMatchObject({ count: 1 });
  });

  it.each(stores)(
    'are what they were after a stop and after a crash, with a store of %s',
    async (_, make) => {
      const first = await startFleet({ store: make(), handlers: { echo: (data: unknown) => data } });
      await first.fleet.coordinator.submitResult('outside', { ...failed, duration: 77 });
      const tasks = Array.from({ length: 1_300 }, (_, id) => ({
        id: `${id}`,
        type: 'echo' as const,
        data: id
      }));
      await first.fleet.waitForBatch(await first.fleet.submitBatch(tasks));
      const before = await statisticsOf(first.fleet.coordinator);
      await first.crash();
      const second = await first.restart();

      expect(await statisticsOf(second.fleet.coordinator)).toEqual(before);
      await second.fleet.stop();
      const third = await second.restart();
      expect(await statisticsOf(third.fleet.coordinator)).toEqual(before);
      await third.fleet.stop();
    }
  );

  it('go on counting what was removed, also after a crash', async () => {
    const first = await startFleet({ handlers: { echo: (data: unknown) => data } });
    await first.fleet.waitForBatch(
      await first.fleet.submitBatch([{ id: 'a', type: 'echo', data: 1 }], { batchId: 'b' })
    );
    const before = await statisticsOf(first.fleet.coordinator);
    await first.fleet.removeBatch('b');
    expect(await first.store.readResults('test', { limit: 9 })).toEqual([]);
    await first.crash();
    const { fleet } = await first.restart();

    expect(before.durations).toMatchObject({ count: 1 });
    expect(await statisticsOf(fleet.coordinator)).toEqual(before);
  });

  it('go on counting what was removed before the coordinator had heard of it, also after a crash', async () => {
    const removed = gate();
    const first = await startFleet({
      handlers: {
        echo: () => {},
        remove: async () => {
          await Promise.resolve();
          await first.fleet.removeBatch('b');
          removed.open();
          await new Promise(() => {});
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    const tasks = Array.from({ length: 50 }, (_, id) => ({ id: `${id}`, type: 'echo' as const, data: null }));
    await first.fleet.submitBatch(tasks, { batchId: 'b' });
    await first.fleet.submitBatch([{ id: 'a', type: 'remove', data: null }]);
    await removed.promise;
    await first.crash();
    const { fleet } = await first.restart();

    expect(await fleet.coordinator.getCount()).toBe(50);
  });

  it.each([
    ['statistics', 2],
    // Once more: as it begins.
    ['coordinator', 3]
  ])('are written now and then, not with every turn: %s', async (written, times) => {
    const inner = memoryStore();
    const commits: number[] = [];
    const store: typeof inner = {
      ...inner,
      commit: (commit) => {
        if (commit.agents.some(({ id }) => id === written)) commits.push(commit.head.settledSeq);
        return inner.commit(commit);
      }
    };
    const { agent } = await startAgent({ store });
    for (let id = 0; id < 2_500; id++) await agent.submitResult('w', { ...done, taskId: `${id}` });
    expect(commits).toHaveLength(times);
    await agent.stop();
    expect(commits).toHaveLength(times + 1);
  });
});

async function statisticsOf(coordinator: CoordinatorAgent) {
  return {
    hours: await coordinator.getHourlyStats(),
    workers: await coordinator.getTopWorkers(100),
    durations: await coordinator.getDurations(),
    summary: await coordinator.getSummary(),
    health: coordinator.health
  };
}
