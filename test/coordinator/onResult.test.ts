import { describe, expect, it } from 'vitest';
import {
  CoordinatorAgent,
  memoryStore,
  type CoordinatorOptions,
  type ResultEntry,
  type Store
} from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';
import { done, startAgent } from './agents.ts';

class Listening extends CoordinatorAgent {
  readonly heard: string[] = [];
  hook: (entry: ResultEntry) => unknown = () => {};

  protected override async onResult(entry: ResultEntry): Promise<void> {
    this.heard.push(entry.result.taskId);
    await this.hook(entry);
  }
}

describe('onResult', () => {
  it('is called once for each result, of the fleet and from outside, in order', async () => {
    const { fleet, agent, store } = await listeningFleet();
    await fleet.waitForBatch(await fleet.submitBatch(echoes(5)));
    await agent.submitResult('w', done);
    await agent.submitResult('w', done);
    await fleet.submit('echo', 1, { id: 'single' });
    await settled();

    const order = (await store.readResults('test', { limit: 99 })).map(({ taskId }) => taskId);
    expect(agent.heard).toEqual(order);
    expect(agent.heard).toHaveLength(7);
  });

  it('is called after the commit', async () => {
    const { agent, store } = await startListening();
    const stored: unknown[] = [];
    agent.hook = async ({ result }) => void stored.push(await store.readResult('coordinator', result.key));
    await agent.submitResult('w', done);
    await settled();
    expect(stored).toMatchObject([{ taskId: 'a' }]);
  });

  it('has the entry with the value', async () => {
    const { agent } = await startListening();
    const entries: ResultEntry[] = [];
    agent.hook = (entry) => entries.push(entry);
    await agent.submitResult('w', { ...done, result: { n: 1 } });
    await settled();
    expect(entries).toEqual(await agent.getResults());
  });

  it.each<[what: string, hook: () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no thanks');
      }
    ],
    ['rejects', () => Promise.reject(new Error('no thanks'))]
  ])('that %s loses nothing, and is reported', async (_, hook) => {
    const errors: unknown[] = [];
    const { fleet, agent } = await listeningFleet({ onListenerError: (error) => errors.push(error) });
    agent.hook = hook;
    await fleet.waitForBatch(await fleet.submitBatch(echoes(3), { batchId: 'b' }));
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'completed', completedTasks: 3 });
    expect(await agent.getSummary()).toMatchObject({ successCount: 3 });
    expect(agent.heard).toHaveLength(3);
    expect(errors).toHaveLength(3);
    expect(errors[0]).toMatchObject({ message: 'no thanks' });
  });

  it('that is slow holds up nobody else, and misses nothing', async () => {
    const reads: number[] = [];
    const inner = memoryStore();
    const store: Store = {
      ...inner,
      readResults: (scope, query) => {
        reads.push(query.limit);
        return inner.readResults(scope, query);
      }
    };
    const { fleet, agent } = await listeningFleet({ store });
    const first = gate();
    agent.hook = () => first.promise;
    await fleet.waitForBatch(await fleet.submitBatch(echoes(3_000)));
    expect(agent.heard).toHaveLength(1);

    agent.hook = () => {};
    first.open();
    await fleet.submit('echo', 1, { id: 'last' });
    while (agent.heard.length < 3_001) await settled();

    const order = await resultsOf(inner, 'test');
    expect(agent.heard).toEqual(order);
    // What found no room in memory was read from the store.
    expect(reads.length).toBeGreaterThan(10);
  });

  it('is not called again after a restart, nor for what it missed', async () => {
    const first = await startListening();
    const forever = gate();
    first.agent.hook = () => forever.promise;
    await first.agent.submitResult('w', { ...done, taskId: '1' });
    await first.agent.submitResult('w', { ...done, taskId: '2' });
    await settled();
    await first.agent.stop();
    forever.open();
    await settled();
    expect(first.agent.heard).toEqual(['1']);

    await first.agent.start();
    await first.agent.submitResult('w', { ...done, taskId: '3' });
    await settled();
    expect(first.agent.heard).toEqual(['1', '3']);
    expect(await first.agent.getCount()).toBe(3);
  });

  it('may ask its own coordinator', async () => {
    const { agent } = await startListening();
    const counts: number[] = [];
    agent.hook = async ({ result }) => {
      counts.push(await agent.getCount());
      if (result.taskId === 'a') await agent.submitResult('w', { ...done, taskId: 'b' });
    };
    await agent.submitResult('w', done);
    await settled();
    expect(counts).toEqual([1, 2]);
  });
});

const echoes = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `${index}`, type: 'echo' as const, data: index }));

async function listeningFleet(options: { store?: Store; onListenerError?: (error: unknown) => void } = {}) {
  const started = await startFleet({
    handlers: { echo: (data: unknown) => data },
    config: { maxConcurrentWorkers: 100 },
    coordinator: (given: CoordinatorOptions) => new Listening(given),
    ...options
  });
  return { ...started, agent: started.fleet.coordinator as Listening };
}

const startListening = () => startAgent({}, Listening);

async function resultsOf(store: Store, scope: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after = 0; ;) {
    const page = await store.readResults(scope, { afterSettledSeq: after, limit: 1_000 });
    ids.push(...page.map(({ taskId }) => taskId));
    if (page.length < 1_000) return ids;
    after = page.at(-1)!.settledSeq;
  }
}
