import { createMachine, fromPromise, setup, spawnChild } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  assertCovered,
  checkInvariants,
  coverageOf,
  edgeTests,
  edgesOf,
  script,
  testFleet
} from 'xstate-fleet/testing';

const door = createMachine({
  id: 'door',
  initial: 'closed',
  states: { closed: { on: { open: 'opened' } }, opened: { on: { close: 'closed' } } }
});
const events = { open: [{}], close: [{}] };

const order = setup({
  actors: { chargeCard: fromPromise<string>(() => Promise.resolve('paid')) },
  guards: { isPaid: ({ event }) => 'output' in event && event.output === 'paid' }
}).createMachine({
  id: 'order',
  initial: 'charging',
  states: {
    charging: {
      invoke: {
        src: 'chargeCard',
        onDone: [{ guard: 'isPaid', target: 'paid' }, { target: 'open' }],
        onError: 'open'
      }
    },
    open: { type: 'final' },
    paid: { type: 'final' }
  }
});

describe('the kit for charts refuses', () => {
  it.each([undefined, 3, {}, door.config])('what is no machine: %s', (given) => {
    const machine = given as never;
    const message = /^machine is .*; it must be what `createMachine` or `setup\(\).createMachine` returns$/s;
    for (const ask of [edgeTests, checkInvariants]) expect(() => ask(machine, { events })).toThrow(message);
    for (const ask of [edgesOf, coverageOf, assertCovered]) expect(() => ask(machine)).toThrow(message);
  });

  it.each([
    [undefined, 'options is undefined; it must be an object'],
    [{}, 'events is undefined; it must be an object'],
    [{ events: [] }, 'events is an array of 0; it must be an object'],
    [{ events: { open: {} } }, 'events.open is an object of class Object; it must be an array of payloads'],
    [{ events: { open: [3] } }, 'events.open[0] is 3; it must be an object'],
    [{ events, evnts: 1 }, 'options.evnts is no known field'],
    [{ events, serializeState: 3 }, 'serializeState is 3; it must be a function'],
    [{ events, inputs: {} }, 'inputs is an object of class Object; it must be an array'],
    [{ events, from: 4 }, 'from is 4; it must be an array'],
    [{ events, actors: 3 }, 'actors is 3; it must be an object'],
    [{ events, actors: { a: { output: [1] } } }, 'actors.a.output is no known field'],
    [{ events, actors: { a: { outputs: 1 } } }, 'actors.a.outputs is 1; it must be an array'],
    [{ events, actors: { a: {} } }, 'actors is "a"; it must be absent: it invokes none']
  ])('options that are none: %j', (options, message) => {
    for (const ask of [edgeTests, checkInvariants]) {
      expect(() => ask(door, options as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_VALIDATION',
          message: expect.stringContaining(message) as string
        })
      );
    }
  });

  it('options of invariants that are none', () => {
    const check = (options: object) => () => checkInvariants(door, { events, ...options });
    expect(check({ requiredEvents: 3 })).toThrow('requiredEvents is 3; it must be an object');
    expect(check({ requiredEvents: { open: 'closed' } })).toThrow('requiredEvents.open is "closed"');
    expect(check({ restingStates: 'closed' })).toThrow('restingStates is "closed"; it must be an array');
    expect(check({ restingState: [] })).toThrow('options.restingState is no known field');
  });

  it.each([{ states: 101 }, { transitions: -1 }, { states: Number.NaN }, { transitons: 3 }, 4])(
    'a threshold that is none: %j',
    (threshold) => {
      expect(() => assertCovered(door, threshold as never)).toThrow(/^threshold.* is /);
    }
  );

  it('ways to run a test that there are not', async () => {
    const [test] = edgeTests(door, { events });
    expect(() => test!.run({ state: {} } as never)).toThrow('options.state is no known field');
    expect(() => test!.run({ as: 'actors' } as never)).toThrow('options.as is "actors"');
    expect(() => test!.run({ machine: 3 } as never)).toThrow('options.machine is 3');
    expect(() => test!.run({ states: { closed: 3 } } as never)).toThrow('states.closed is 3');
    await expect(test!.drive(undefined as never)).rejects.toThrow('system is undefined');
    await expect(test!.drive({} as never)).rejects.toThrow('events is undefined; it must be an object');
    await expect(test!.drive({ events: { open: 3 } } as never)).rejects.toThrow('events.open is 3');
  });
});

describe('how actors end', () => {
  it('is said by the source of those that have no id, and is in the title', () => {
    const tests = edgeTests(order, { events: {}, actors: { chargeCard: { outputs: ['paid', 'declined'] } } });
    expect(tests.map(({ title }) => title)).toContain('charging: done of chargeCard [isPaid] -> paid');
    for (const test of tests) test.run();
  });

  it('is refused for an actor that there is not', () => {
    const ask = () => edgeTests(order, { events: {}, actors: { chargeCrd: {} }, allowUnreached: true });
    expect(ask).toThrow('actors is "chargeCrd"; it must be one of 0.order.charging, chargeCard');
  });

  it('may be said by the id of one that is spawned', () => {
    const machine = createMachine({
      entry: spawnChild(
        fromPromise(() => Promise.resolve()),
        { id: 'radio' }
      )
    });
    expect(edgeTests(machine, { events: {}, actors: { radio: {} } })).toEqual([]);
  });
});

describe('testFleet refuses', () => {
  it('what is no fleet, no store and no promise', async () => {
    await expect(testFleet({ create: () => 3 } as never)).rejects.toThrow('options.create() is 3');
    await expect(testFleet({ store: 3 } as never)).rejects.toThrow('options.store is 3');
    await using fleet = await testFleet({ handlers: { work: script.hang() } });
    await expect(fleet.run(3 as never)).rejects.toThrow('promise is 3; it must be a promise');
    expect(() => fleet.clock.hold(3 as never)).toThrow('work is 3; it must be a promise');
  });
});
