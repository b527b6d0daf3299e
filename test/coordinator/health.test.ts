import { describe, expect, it } from 'vitest';
import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import type { CoordinatorAgent, HealthFact } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';
import { done, failed, startAgent } from './agents.ts';

const health = { window: 10, minResults: 4, degradeBelow: 50, recoverAt: 80 };

describe('the health of a coordinator', () => {
  it('is good before there are results', async () => {
    const { agent } = await startAgent({ health });
    expect(agent.health).toEqual({ status: 'healthy', successRate: 100, results: 0, degradedAt: null });
  });

  it('is told when it turns, each way once', async () => {
    const { agent, clock } = await startAgent({ health });
    const told: HealthFact[] = [];
    using _ = agent.on('coordinator.degraded', (fact) => told.push(fact));
    using __ = agent.on('coordinator.recovered', (fact) => told.push(fact));
    const submit = submitter(agent);

    await submit('---');
    expect(told).toEqual([]);
    await submit('---');
    expect(told).toEqual([{ type: 'coordinator.degraded', successRate: 0, results: 4 }]);
    expect(agent.health).toMatchObject({ status: 'degraded', degradedAt: clock.now(), results: 6 });
    await submit('+++++');
    expect(told).toHaveLength(1);
    await submit('++++');
    expect(told.slice(1)).toEqual([{ type: 'coordinator.recovered', successRate: 80, results: 10 }]);
    expect(agent.health).toMatchObject({ status: 'healthy', degradedAt: null });
  });

  it('comes out of a fleet as facts, and follows its config', async () => {
    const { fleet } = await startFleet({
      handlers: {
        fail: () => {
          throw new Error('no luck');
        }
      },
      config: { maxRetries: 0, health: { ...health, minResults: 5 } }
    });
    const told: string[] = [];
    using _ = fleet.on('coordinator.degraded', ({ type, successRate }) =>
      told.push(`${type} ${successRate}`)
    );
    const fail = () => fleet.submit('fail', null).catch(() => {});
    for (let count = 0; count < 4; count++) await fail();
    await settled();
    expect(told).toEqual([]);
    await fleet.updateConfig({ health: { minResults: 4 } });
    await fail();
    await settled();

    expect(told).toEqual(['coordinator.degraded 0']);
    expect(fleet.coordinator.health).toMatchObject({ status: 'degraded' });
  });

  it('hears of successes in bundles while turn follows upon turn, and knows all of them when asked', async () => {
    let told = 0;
    const { fleet } = await startFleet({
      handlers: { greet: () => 'hello' },
      config: { maxConcurrentWorkers: 1, health },
      inspect: ({ type, ...event }) => {
        if (type === '@xstate.event' && 'event' in event && event.event.type === 'results.added') told += 1;
      },
      inspectRows: false
    });
    const tasks = Array.from({ length: 1_100 }, (_, index) => ({
      id: `${index}`,
      type: 'greet' as const,
      data: null
    }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks));

    expect((await fleet.coordinator.getSummary()).totalResults).toBe(1_100);
    // Until it knows enough, each of them; then a thousand, and the rest.
    expect(told).toBe(health.minResults + 2);
  });

  it('hears of a failure at once, with the successes before it', async () => {
    const heard: number[] = [];
    const { fleet } = await startFleet({
      handlers: {
        greet: () => 'hello',
        fail: () => {
          throw new Error('no luck');
        },
        look: () => {
          const { coordinator } = (fleet.actor.getSnapshot() as FleetSnapshot).children;
          heard.push(coordinator!.getSnapshot().context.settledSeq);
        }
      },
      config: { maxConcurrentWorkers: 1, maxRetries: 0, health }
    });
    const types = [
      ...Array.from({ length: 20 }, () => 'greet' as const),
      'look',
      'fail',
      'greet',
      'look'
    ] as const;
    const tasks = types.map((type, index) => ({ id: `${index}`, type, data: null }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks));

    expect(heard).toEqual([health.minResults, 22]);
  });

  it('takes no notice of what was cancelled', async () => {
    const { fleet } = await startFleet({
      handlers: { wait: () => new Promise(() => {}) },
      config: { health }
    });
    const tasks = Array.from({ length: 50 }, (_, id) => ({ id: `${id}`, type: 'wait' as const, data: null }));
    await fleet.pause();
    await fleet.cancelBatch(await fleet.submitBatch(tasks, { batchId: 'b' }));
    await fleet.waitForBatch('b');

    expect(await fleet.coordinator.getSummary()).toMatchObject({ failureCount: 50 });
    expect(fleet.coordinator.health).toMatchObject({ status: 'healthy', results: 0 });
  });

  it('outlives a restart, and is not told again', async () => {
    const first = await startAgent({ health });
    await submitter(first.agent)('----');
    const before = first.agent.health;
    const { agent } = await first.restart();
    const told: HealthFact[] = [];
    using _ = agent.on('coordinator.degraded', (fact) => told.push(fact));

    expect(agent.health).toEqual(before);
    await submitter(agent, 'next')('--');
    expect(told).toEqual([]);
  });

  it('has no other events', async () => {
    const { agent } = await startAgent();
    expect(() => agent.on('batch.settled' as never, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument: 'type' }) as Error
    );
  });
});

/** Submits a success for each `+`, a failure for each `-`. */
function submitter(agent: CoordinatorAgent, prefix = 'task') {
  let last = 0;
  return async (outcomes: string): Promise<void> => {
    for (const outcome of outcomes) {
      last += 1;
      await agent.submitResult('w', { ...(outcome === '+' ? done : failed), taskId: `${prefix}-${last}` });
    }
    await settled();
  };
}
