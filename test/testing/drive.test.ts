import { createMachine } from 'xstate';
import { describe, expect, it } from 'vitest';
import { NotRunningError } from 'xstate-fleet';
import { edgeTests } from 'xstate-fleet/testing';
import { startFleet } from '../harness.ts';

/** What a caller may rely on, whatever the fleet is made of. */
const dispatching = createMachine({
  id: 'dispatching',
  initial: 'running',
  states: {
    running: { on: { pause: 'paused', resume: {}, stop: 'stopped' } },
    paused: { on: { pause: {}, resume: 'running', stop: 'stopped' } },
    stopped: { type: 'final' }
  }
});
const tests = edgeTests(dispatching, { events: { pause: [{}], resume: [{}], stop: [{}] } });

describe('a fleet that is driven by a model of its operation', () => {
  it.each(tests.map((test) => [test.title, test] as const))('%s', async (_, test) => {
    const { fleet } = await startFleet({ handlers: {} });
    const expectOperation = ({ value }: { readonly value: unknown }) =>
      expect(fleet.actor.getSnapshot().value.operation).toBe(value);

    await test.drive({
      events: { pause: () => fleet.pause(), resume: () => fleet.resume(), stop: () => fleet.stop() },
      states: {
        running: expectOperation,
        paused: expectOperation,
        stopped: () => expect(() => fleet.actor).toThrow(NotRunningError)
      }
    });
    await fleet.stop();
  });
});
