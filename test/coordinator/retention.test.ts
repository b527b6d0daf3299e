import { describe, expect, it } from 'vitest';
import { settled } from '../harness.ts';
import { done, startAgent, stores } from './agents.ts';

const hourMs = 3_600_000;

describe('retention', () => {
  it.each(stores)('by number keeps the newest in a store of %s; what went stays counted', async (_, make) => {
    const first = await startAgent({ store: make(), retention: { maxResults: 10 } });
    for (let id = 1; id <= 50; id++) await first.agent.submitResult('w', { ...done, taskId: `${id}` });
    while ((await first.agent.getResults()).length > 10) {
      await first.clock.advance(60_000);
      await settled();
    }

    expect((await first.agent.getResults()).map(({ result }) => result.taskId)).toEqual(
      Array.from({ length: 10 }, (_, index) => `${index + 41}`)
    );
    const { agent } = await first.restart();
    expect(await agent.getCount()).toBe(50);
    expect(await agent.getTopWorkers()).toEqual([{ workerId: 'w', count: 50 }]);
    expect(await agent.getDurations()).toMatchObject({ count: 50 });
    await agent.stop();
  });

  it.each(stores)('by age removes the old in a store of %s', async (_, make) => {
    const { agent, clock } = await startAgent({ store: make(), retention: { maxAgeMs: 10 * hourMs } });
    await agent.submitResult('w', { ...done, taskId: 'old' });
    await clock.advance(9 * hourMs);
    await agent.submitResult('w', { ...done, taskId: 'new' });
    while ((await agent.getResults()).length > 1) {
      await clock.advance(60_000);
      await settled();
    }

    expect((await agent.getResults()).map(({ result }) => result.taskId)).toEqual(['new']);
    expect(await agent.getCount()).toBe(2);
    expect(await agent.getTopWorkers()).toEqual([{ workerId: 'w', count: 2 }]);
    // What has gone is not known any more.
    expect(await agent.submitResult('w', { ...done, taskId: 'old' })).toBe(true);
    await agent.stop();
  });
});
