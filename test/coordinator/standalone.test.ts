import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  CoordinatorAgent,
  FleetManager,
  memoryStore,
  type CoordinatorOptions,
  type Json,
  type ResultEntry
} from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { done, failed, startAgent, stores } from './agents.ts';

const submitDone = (agent: CoordinatorAgent, taskId: string) => agent.submitResult('w', { ...done, taskId });

describe('a coordinator alone', () => {
  it.each(stores)('has after a restart what it was told, in a store of %s', async (_, make) => {
    const first = await startAgent({ store: make() });
    await first.agent.submitResult('w', done);
    await first.agent.submitResult('w', failed);
    await first.agent.updateMetadata({ owner: 'me' });
    const summary = await first.agent.getSummary();
    const { agent } = await first.restart();

    expect(summary).toMatchObject({ totalResults: 2, successCount: 1, averageDuration: 15 });
    expect(await agent.getSummary()).toEqual(summary);
    expect(await agent.getResults()).toHaveLength(2);
    expect(await agent.getMetadata()).toEqual({ owner: 'me' });
    expect(await agent.submitResult('w', done)).toBe(false);
    await agent.stop();
  });

  it('starts and stops any number of times, and again', async () => {
    const { agent } = await startAgent();
    await Promise.all([agent.start(), agent.start()]);
    await submitDone(agent, 'a');
    await Promise.all([agent.stop(), agent.stop()]);
    await agent.stop();
    await agent.start();

    expect(await agent.getCount()).toBe(1);
    await agent.stop();
  });

  it('is stopped at the end of its scope', async () => {
    const store = memoryStore();
    {
      await using agent = (await startAgent({ store, name: 'results' })).agent;
      await submitDone(agent, 'a');
    }
    expect(await store.readOwner('results')).toBeNull();
  });

  it('keeps its name to itself', async () => {
    const store = memoryStore();
    await startAgent({ store });
    await expect(startAgent({ store })).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    await startAgent({ store, name: 'other' });
  });

  it.each<[call: string, run: (agent: CoordinatorAgent) => unknown]>([
    ['submitResult', (agent) => agent.submitResult('w', done)],
    ['getResults', (agent) => agent.getResults()],
    ['getSuccessfulResults', (agent) => agent.getSuccessfulResults()],
    ['getFailedResults', (agent) => agent.getFailedResults()],
    ['getResultsByWorker', (agent) => agent.getResultsByWorker('w')],
    ['getRecentResults', (agent) => agent.getRecentResults(1)],
    ['getSummary', (agent) => agent.getSummary()],
    ['getCount', (agent) => agent.getCount()],
    ['getSuccessRate', (agent) => agent.getSuccessRate()],
    ['getHourlyStats', (agent) => agent.getHourlyStats()],
    ['getTopWorkers', (agent) => agent.getTopWorkers()],
    ['getDurations', (agent) => agent.getDurations()],
    ['getMetadata', (agent) => agent.getMetadata()],
    ['updateMetadata', (agent) => agent.updateMetadata({ a: 1 })],
    ['clear', (agent) => agent.clear()],
    ['health', async (agent) => agent.health]
  ])('refuses %s before its start and after its stop', async (_, run) => {
    const agent = new CoordinatorAgent();
    await expect(run(agent)).rejects.toMatchObject({ code: 'ERR_NOT_RUNNING' });
    await agent.start();
    await run(agent);
    await agent.stop();
    await expect(run(agent)).rejects.toMatchObject({ code: 'ERR_NOT_RUNNING' });
  });

  it.each<[what: string, options: unknown, argument: string]>([
    ['null', null, 'options'],
    ['an unknown option', { handlers: {} }, 'options.handlers'],
    ['a blank name', { name: ' ' }, 'options.name'],
    ['a negative age', { retention: { maxAgeMs: -1 } }, 'config.retention.maxAgeMs'],
    ['half a result', { retention: { maxResults: 0.5 } }, 'config.retention.maxResults'],
    ['a retention of batches', { retention: { maxBatches: 1 } }, 'config.retention.maxBatches'],
    ['a window of 0', { health: { window: 0 } }, 'config.health.window'],
    ['a threshold to recover below that to degrade', { health: { recoverAt: 10 } }, 'config.health.recoverAt']
  ])('refuses %s', (_, options, argument) => {
    expect(() => new CoordinatorAgent(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument }) as Error
    );
  });

  it('goes on when a commit fails', async () => {
    const inner = memoryStore();
    let faults = 1;
    const store = {
      ...inner,
      commit: (commit: Parameters<typeof inner.commit>[0]) =>
        commit.results.length > 0 && faults-- > 0
          ? Promise.reject(new Error('disk full'))
          : inner.commit(commit)
    };
    const { agent, clock } = await startAgent({ store });

    await expect(submitDone(agent, 'a')).rejects.toThrow('disk full');
    await clock.advance(10_000);
    expect(await submitDone(agent, 'a')).toBe(true);
    expect(await agent.getCount()).toBe(1);
  });

  it('has results of one type', () => {
    interface Page {
      readonly url: string;
    }
    const agent = new CoordinatorAgent<Page>();
    expectTypeOf(agent.getSuccessfulResults).returns.resolves.toEqualTypeOf<(Page | undefined)[]>();
    expectTypeOf(agent.getFailedResults).returns.resolves.toEqualTypeOf<ResultEntry<Page>[]>();
    expectTypeOf<Parameters<typeof agent.submitResult>[1]['result']>().toEqualTypeOf<Page | undefined>();
  });
});

describe('a coordinator of a fleet', () => {
  class DataCoordinator extends CoordinatorAgent {
    readonly label = 'mine';
  }

  it('may be of a subclass', async () => {
    const { fleet } = await startFleet({
      handlers: { echo: (data: unknown) => data },
      coordinator: (options) => new DataCoordinator(options)
    });
    await fleet.submit('echo', 1);

    expect(fleet.coordinator).toBeInstanceOf(DataCoordinator);
    expect(await fleet.coordinator.getCount()).toBe(1);
  });

  it('is started and stopped by its fleet alone', async () => {
    const { fleet } = await startFleet({ handlers: {} });
    const refusal = {
      code: 'ERR_CONFLICT',
      message: expect.stringContaining('start and stop that') as string
    };
    await expect(fleet.coordinator.start()).rejects.toMatchObject(refusal);
    await expect(fleet.coordinator.stop()).rejects.toMatchObject(refusal);
    expect(await fleet.coordinator.getCount()).toBe(0);
  });

  it.each<[what: string, coordinator: unknown]>([
    ['no function', {}],
    ['a factory of something else', () => ({})]
  ])('is not %s', (_, coordinator) => {
    expect(() => new FleetManager({ handlers: {}, coordinator: coordinator as never })).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument: 'options.coordinator' }) as Error
    );
  });

  it('has its policies from the fleet', () => {
    const make = (options: CoordinatorOptions) => new DataCoordinator({ ...options, retention: {} });
    expect(() => new FleetManager({ handlers: {}, coordinator: make })).toThrow(
      expect.objectContaining({ argument: 'options.retention' }) as Error
    );
  });
});

describe('queries', () => {
  it.each(stores)('give the newest that pass, oldest first, from a store of %s', async (_, make) => {
    const { agent, clock } = await startAgent({ store: make() });
    const startedAt = clock.now();
    for (let number = 1; number <= 6; number++) {
      await agent.submitResult(number % 2 === 1 ? 'odd' : 'even', {
        ...(number % 3 === 0 ? failed : { ...done, result: number }),
        taskId: String(number),
        type: number > 4 ? 'late' : 'early'
      });
      await clock.advance(1_000);
    }
    const ids = (entries: ResultEntry[]) => entries.map(({ result }) => result.taskId);

    expect(await agent.getSuccessfulResults()).toEqual([1, 2, 4, 5]);
    expect(await agent.getSuccessfulResults(2)).toEqual([4, 5]);
    expect(ids(await agent.getFailedResults())).toEqual(['3', '6']);
    expect(ids(await agent.getFailedResults(1))).toEqual(['6']);
    expect(ids(await agent.getResultsByWorker('odd'))).toEqual(['1', '3', '5']);
    expect(ids(await agent.getResultsByWorker('odd', 1))).toEqual(['5']);
    expect(ids(await agent.getResults({ taskType: 'late' }))).toEqual(['5', '6']);
    expect(ids(await agent.getResults({ until: startedAt + 2_000 }))).toEqual(['1', '2']);
    expect(ids(await agent.getResults({ since: startedAt + 1_000, until: startedAt + 3_000 }))).toEqual([
      '2',
      '3'
    ]);
    expect(ids(await agent.getRecentResults(2_000))).toEqual(['5', '6']);
    expect(ids(await agent.getRecentResults(1e15))).toHaveLength(6);
    await agent.stop();
  });

  it.each<[what: string, run: (agent: CoordinatorAgent) => Promise<unknown>, argument: string]>([
    ['a limit of 0, which is not all', (agent) => agent.getSuccessfulResults(0), 'limit'],
    ['half a limit', (agent) => agent.getFailedResults(0.5), 'limit'],
    ['a limit of 1,001', (agent) => agent.getResultsByWorker('w', 1_001), 'limit'],
    ['no worker', (agent) => agent.getResultsByWorker(''), 'workerId'],
    ['0 ms', (agent) => agent.getRecentResults(0), 'ms'],
    ['endless ms', (agent) => agent.getRecentResults(Infinity), 'ms'],
    ['a type of 5', (agent) => agent.getResults({ taskType: 5 as never }), 'filter.taskType'],
    ['an end of NaN', (agent) => agent.getResults({ until: NaN }), 'filter.until'],
    ['0 workers', (agent) => agent.getTopWorkers(0), 'limit'],
    ['2,001 workers', (agent) => agent.getTopWorkers(2_001), 'limit'],
    ['hours since NaN', (agent) => agent.getHourlyStats({ since: NaN }), 'filter.since'],
    ['an unknown filter of hours', (agent) => agent.getHourlyStats({ from: 1 } as never), 'filter.from']
  ])('refuse %s', async (_, run, argument) => {
    const { agent } = await startAgent();
    await expect(run(agent)).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument });
  });
});

describe('metadata', () => {
  it('is merged, and a field that is undefined is removed', async () => {
    const { agent } = await startAgent();
    await Promise.all([
      agent.updateMetadata({ a: 1, b: { c: [2] } }),
      agent.updateMetadata({ a: 3, d: null }),
      agent.updateMetadata({ b: undefined })
    ]);
    expect(await agent.getMetadata()).toEqual({ a: 3, d: null });
  });

  it('is a copy, in and out', async () => {
    const { agent } = await startAgent();
    const list = [1];
    await agent.updateMetadata({ list });
    list.push(2);
    ((await agent.getMetadata()).list as number[]).push(3);
    expect(await agent.getMetadata()).toEqual({ list: [1] });
  });

  it('keeps a field of the name of a prototype', async () => {
    const { agent } = await startAgent();
    await agent.updateMetadata(JSON.parse('{"__proto__": {"a": 1}}') as Record<string, Json>);
    expect(JSON.stringify(await agent.getMetadata())).toBe('{"__proto__":{"a":1}}');
    expect((await agent.getMetadata()).a).toBeUndefined();
  });

  it.each<[what: string, patch: unknown, argument: string]>([
    ['null', null, 'patch'],
    ['a list', [], 'patch'],
    ['what is no JSON', { at: { deep: 1n } }, 'patch.at.deep'],
    ['more than 64 KiB', { text: 'x'.repeat(65_536) }, 'patch'],
    ['more than 64 KiB with the rest', { other: 'x'.repeat(40_000) }, 'patch']
  ])('refuses %s', async (_, patch, argument) => {
    const { agent } = await startAgent();
    await agent.updateMetadata({ text: 'x'.repeat(30_000) });
    await expect(agent.updateMetadata(patch as never)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
    expect(Object.keys(await agent.getMetadata())).toEqual(['text']);
  });

  it('outlives clear', async () => {
    const { agent } = await startAgent();
    await agent.updateMetadata({ a: 1 });
    await agent.clear();
    await settled();
    expect(await agent.getMetadata()).toEqual({ a: 1 });
  });
});
