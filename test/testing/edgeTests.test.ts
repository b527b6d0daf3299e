import {
  assign,
  createMachine,
  fromCallback,
  fromPromise,
  fromTransition,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
  type AnyStateMachine
} from 'xstate';
import { describe, expect, it, vi } from 'vitest';
import {
  DisagreementError,
  UndrivenEventError,
  UnreachedEdgesError,
  coverageOf,
  edgeTests,
  edgesOf,
  type EdgeTestOptions
} from 'xstate-fleet/testing';

describe('edgesOf', () => {
  it('names every alternative by state, event and branch, whatever the kind of transition', () => {
    expect(edgesOf(kitchen()).map(({ kind, title }) => [kind, title])).toEqual([
      ['event', '(root): alarm.* -> off'],
      ['event', 'cooking: pause -> paused'],
      ['done', 'cooking: done of kitchen.cooking -> served'],
      ['after', 'cooking.heat.warming: after warmUp -> cooking.heat.hot'],
      ['done', 'cooking.salad.washing: done of wash [isClean] -> cooking.salad.washed'],
      ['done', 'cooking.salad.washing: done of wash -> cooking.salad.washing'],
      ['error', 'cooking.salad.washing: error of wash -> cooking.salad.washing'],
      ['event', 'paused: resume -> cooking.heat.last'],
      ['event', 'paused: *'],
      ['always', 'served: always [isLate] -> off']
    ]);
  });
});

describe('edgeTests', () => {
  it('reaches what lies behind delays, actors, history, parallel states, wildcards and `always`', () => {
    const machine = kitchen();
    const tests = edgeTests(machine, kitchenOptions);

    for (const test of tests) test.run();

    expect(coverageOf(machine).line()).toBe('kitchen 10/10 states 10/10 transitions');
  });

  it('starts no actor, executes no action and sets no timer', () => {
    const effect = vi.fn<() => void>();
    const setTimer = vi.spyOn(globalThis, 'setTimeout');
    const machine = setup({
      actors: { named: fromPromise(() => Promise.resolve(effect())) },
      actions: { spawnInline: assign(({ spawn }) => ({ radio: spawn(fromCallback(effect)) })), effect }
    }).createMachine({
      id: 'effects',
      invoke: [{ src: 'named' }, { src: fromCallback(effect) }],
      entry: ['effect', effect, 'spawnInline', sendTo(({ self }) => self, { type: 'go' }, { delay: 20 })],
      initial: 'here',
      states: { here: { after: { 10: 'there' } }, there: { entry: effect, on: { go: 'end' } }, end: {} }
    });

    for (const test of edgeTests(machine, { events: {} })) test.run();

    expect(effect).not.toHaveBeenCalled();
    expect(setTimer).not.toHaveBeenCalled();
    expect(coverageOf(machine).data().transitions.percent).toBe(100);
  });

  it('lets time pass from one timer to the next, and leaves out those that were cancelled', () => {
    const machine = createMachine({
      id: 'race',
      initial: 'both',
      states: {
        both: { after: { 20: 'slow', 10: 'quick' } },
        quick: { after: { 20: 'end' } },
        slow: {},
        end: {}
      }
    });

    const tests = edgeTests(machine, { events: {}, allowUnreached: true });

    expect(tests.map(({ title }) => title)).toEqual(['both: after 10 -> quick', 'quick: after 20 -> end']);
    for (const test of tests) test.run();
    expect(coverageOf(machine).table()).toContain('both: after 20 -> slow  `both` was always left before');
  });

  it('tells what actors show and send, with ids of the system that come again', () => {
    const machine = setup({
      types: {} as {
        context: { seen: number };
        events: { type: 'again' } | { type: 'child.grown'; by: number };
      },
      actors: { feed: fromTransition((state: number) => state, 0) },
      actions: { tell: sendParent({ type: 'told' }) },
      delays: { wait: ({ context }) => context.seen * 10 }
    }).createMachine({
      id: 'watcher',
      context: { seen: 0 },
      initial: 'watching',
      states: {
        watching: {
          entry: ['tell', spawnChild('feed', { id: 'own', systemId: 'own' })],
          exit: stopChild('own'),
          invoke: {
            id: 'feed',
            src: 'feed',
            systemId: 'feed',
            onSnapshot: {
              guard: ({ event }) => event.snapshot.context > 1,
              actions: assign({ seen: ({ event }) => event.snapshot.context })
            }
          },
          after: { wait: { guard: ({ context }) => context.seen > 1, target: 'satisfied' } },
          on: {
            again: { target: 'watching', reenter: true },
            'child.grown': { actions: assign({ seen: ({ event }) => event.by }) }
          }
        },
        satisfied: { type: 'final', output: 'all' }
      },
      output: ({ event }) => event.output as string
    });

    const tests = edgeTests(machine, {
      events: { again: [{}], 'child.grown': [{ by: 3 }] },
      actors: { feed: { snapshots: [{ context: 1 }, { context: 2 }] } }
    });

    for (const test of tests) test.run();
    expect(coverageOf(machine).line()).toBe('watcher 2/2 states 4/4 transitions');
  });

  it('tells an actor that ended nothing else: each ends once', () => {
    const machine = createMachine({
      id: 'once',
      invoke: { id: 'job', src: fromPromise(() => Promise.resolve()), onDone: { actions: 'x' } },
      context: { runs: 0 },
      initial: 'a',
      states: { a: {} },
      on: {}
    });

    const [test] = edgeTests(machine.provide({ actions: { x: assign({ runs: 1 }) } }), { events: {} });

    expect(test!.events.map(({ type }) => type)).toEqual(['xstate.done.actor.job']);
  });

  it('has the shortest path to each edge, and one on which its guard says no', () => {
    const tests = edgeTests(counter(), { events: { up: [{ by: 1 }, { by: 2 }] } });

    expect(tests.map(({ title, outcome, events }) => [title, outcome, events.map(({ by }) => by)])).toEqual([
      ['counting: up [isEnough] -> done', 'taken', [1, 2]],
      ['counting: up [isEnough] -> done is refused', 'refused', [1]],
      ['counting: up', 'taken', [1]]
    ]);
  });

  it('makes payloads from the context of the moment', () => {
    const tests = edgeTests(counter(), { events: { up: [({ count }) => ({ by: count + 1 })] } });

    expect(tests[0]!.events.map(({ by }) => by)).toEqual([1, 2]);
  });

  it('takes up a run in the middle', () => {
    const machine = counter();
    const tests = edgeTests(machine, {
      from: [{ value: 'counting', context: { count: 2 } }],
      events: { up: [{ by: 1 }] },
      allowUnreached: true
    });

    for (const test of tests) test.run();

    expect(tests.map(({ title }) => title)).toEqual(['counting: up [isEnough] -> done']);
  });

  it('refuses when no path takes an edge, and says why and what helps', () => {
    const error = thrown(() => edgeTests(counter(), { events: { up: [{ by: 0 }] } }));

    expect(error).toBeInstanceOf(UnreachedEdgesError);
    expect(error).toMatchObject({ machineId: 'counter', isLimited: false });
    expect((error as Error).message).toBe(
      'counter: not reached:\n' +
        '  counting: up [isEnough] -> done: guard `isEnough` was false the one time, with these payloads\n' +
        'Every situation was looked at. Give more payload cases, another input, or a start in `from`; or remove what nothing can take.'
    );
  });

  it('refuses when the search reaches its limit, and says what helps', () => {
    const options = { events: { up: [{ by: -1 }] }, limit: 50, allowUnreached: true };

    const error = thrown(() => edgeTests(counter(), options));

    expect(error).toMatchObject({ code: 'ERR_UNREACHED_EDGES', isLimited: true });
    expect((error as Error).message).toContain(
      'ended after 50 situations. Have `serializeState` leave out what does not matter, or raise `limit`'
    );
    const counted = { ...options, serializeState: () => null };
    expect(edgeTests(counter(), counted).map(({ title }) => title)).toContain('counting: up');
  });

  it.each<[why: string, events: Record<string, object[]>, reason: string]>([
    ['no payload', {}, 'nothing that it is for came in `a`: give payloads of go'],
    ['an alternative before it', { go: [{}] }, 'always hidden by a go 0']
  ])('says of an edge that is missed for %s: %s', (_, events, reason) => {
    const machine = createMachine({
      id: 'shadows',
      initial: 'a',
      states: { a: { on: { go: [{ target: 'b' }, { target: 'c' }] } }, b: {}, c: {} }
    });

    const error = thrown(() => edgeTests(machine as AnyStateMachine, { events: events as never }));

    expect((error as UnreachedEdgesError).unreached).toContain(`a: go -> c: ${reason}`);
  });

  it('says of an end that does not come which one it is', () => {
    const machine = createMachine({
      id: 'ends',
      initial: 'a',
      states: {
        a: {
          initial: 'in',
          invoke: { id: 'ticks', src: fromCallback(() => {}), onSnapshot: 'b' },
          on: { 'xstate.done.actor.other': 'b' },
          onDone: 'b',
          states: { in: {}, out: { type: 'final' } }
        },
        b: {}
      }
    });

    const error = thrown(() => edgeTests(machine as AnyStateMachine, { events: {} }));

    expect((error as UnreachedEdgesError).unreached).toEqual([
      'a: done of other -> b: other did not end so in `a`: it was not running, or had no such end',
      'a: done of ends.a -> b: `a` was never done, or its guard was false',
      'a: snapshot of ticks -> b: ticks showed nothing in `a`: give its `snapshots` in `actors`'
    ]);
  });

  it('has a path on which a guard says no to what the machine sends itself', () => {
    const machine = createMachine({
      id: 'router',
      context: ({ input }: { input: { n: number } }) => input,
      initial: 'start',
      states: {
        start: {
          always: [{ guard: ({ context }) => context.n > 0, target: 'above' }, { target: 'below' }]
        },
        above: {},
        below: {}
      }
    });

    const tests = edgeTests(machine, { events: {}, inputs: [{ n: 1 }, { n: 0 }] });

    expect(tests.map(({ title }) => title)).toEqual([
      'start: always [inline] -> above',
      'start: always [inline] -> above is refused',
      'start: always -> below'
    ]);
  });

  it('counts no transition that another region preempts', () => {
    const leaving = (target: string) => ({ initial: 'in', states: { in: { on: { go: target } } } });
    const machine = createMachine({
      id: 'regions',
      initial: 'both',
      states: {
        both: { type: 'parallel', states: { first: leaving('#a'), second: leaving('#b') } },
        a: { id: 'a' },
        b: { id: 'b' }
      }
    });

    const error = thrown(() => edgeTests(machine as AnyStateMachine, { events: { go: [{}] } as never }));

    expect((error as UnreachedEdgesError).unreached).toEqual([
      'both.second.in: go -> b: always hidden by both.first.in go 0'
    ]);
  });

  it('names the path on which a machine throws', () => {
    const machine = setup({
      guards: {
        broken: () => {
          throw new Error('oops');
        }
      }
    }).createMachine({
      id: 'thrower',
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: { on: { go: { guard: 'broken', target: 'a' } } } }
    });

    expect(thrown(() => edgeTests(machine, { events: { go: [{}] } }))).toEqual(
      expect.objectContaining({ code: 'ERR_STEP', machineId: 'thrower', path: ['go', 'go'] })
    );
  });

  it('ends when transitions run in a circle', () => {
    const machine = createMachine({
      id: 'circle',
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: { always: 'c' }, c: { always: 'b' } }
    });

    expect(() => edgeTests(machine as AnyStateMachine, { events: { go: [{}] } as never })).toThrow(
      'circle threw after go: its `always` transitions, or the events that it raises, do not come to rest'
    );
  });
});

describe('a run of an edge test', () => {
  it('fails on a machine that behaves otherwise, with the path and the difference', () => {
    const [test] = edgeTests(counter(), { events: { up: [{ by: 3 }, { by: 1 }] } });
    const lax = counter().provide({ guards: { isEnough: () => false } });

    const error = thrown(() => test!.run({ machine: lax }));

    expect(error).toBeInstanceOf(DisagreementError);
    expect(error).toMatchObject({ machineId: 'counter', path: ['up'] });
    expect((error as Error).message).toContain("value: 'counting'");
  });

  it('notices a chart that is not a function of its events', () => {
    let calls = 0;
    const machine = setup({ actions: { draw: assign({ drawn: () => ++calls }) } }).createMachine({
      id: 'dice',
      context: { drawn: 0 },
      initial: 'a',
      states: { a: { on: { roll: { target: 'b', actions: 'draw' } } }, b: {} }
    });
    const [test] = edgeTests(machine as AnyStateMachine, { events: { roll: [{}] } as never });

    expect(() => test!.run()).toThrow(DisagreementError);
  });

  it('has the states looked at whenever they are active', () => {
    const seen: string[] = [];
    const tests = edgeTests(counter(), { events: { up: [{ by: 3 }, { by: 1 }] } });

    tests[0]!.run({
      as: 'actor',
      states: {
        counting: ({ context }) => seen.push(`counting ${context.count}`),
        done: ({ status }) => seen.push(status),
        '*': ({ value }) => seen.push(`any ${String(value)}`)
      }
    });

    expect(seen).toEqual(['counting 0', 'any counting', 'done', 'any done']);
  });

  it('refuses a state that is not there: what is expected of it would never be looked at', async () => {
    const [test] = edgeTests(counter(), { events: { up: [{ by: 3 }, { by: 1 }] } });
    const refusal = 'states is "cuonting"; it must be `*`, or one of counting, done';

    expect(() => test!.run({ states: { cuonting: () => {} } })).toThrow(refusal);
    await expect(test!.drive({ events: {}, states: { cuonting: () => {} } })).rejects.toThrow(refusal);
  });

  it('drives a system along the path, and looks at it in every state', async () => {
    const system = { total: 0, isClosed: false };
    const tests = edgeTests(counter(), { events: { up: [{ by: 1 }, { by: 2 }] } });

    for (const test of tests) {
      Object.assign(system, { total: 0, isClosed: false });
      await test.drive({
        events: {
          up: ({ by }) => {
            system.isClosed = system.total + by >= 3;
            if (!system.isClosed) system.total += by;
          }
        },
        states: {
          counting: ({ context }) => expect(system).toEqual({ total: context.count, isClosed: false }),
          done: () => expect(system.isClosed).toBe(true)
        }
      });
    }

    await expect(tests[0]!.drive({ events: {} })).rejects.toThrow(UndrivenEventError);
    await expect(
      tests[0]!.drive({
        events: { '*': () => {} },
        states: { done: () => Promise.reject(new Error('still open')) }
      })
    ).rejects.toThrow('still open');
  });
});

interface Up {
  readonly type: 'up';
  readonly by: number;
}

function counter() {
  return setup({
    types: {} as { context: { count: number }; events: Up },
    guards: { isEnough: ({ context, event }) => context.count + event.by >= 3 },
    actions: { add: assign({ count: ({ context, event }) => context.count + event.by }) }
  }).createMachine({
    id: 'counter',
    context: { count: 0 },
    initial: 'counting',
    states: {
      counting: { on: { up: [{ guard: 'isEnough', target: 'done' }, { actions: 'add' }] } },
      done: { type: 'final' }
    }
  });
}

/** Something of everything that a chart can have. */
function kitchen() {
  return setup({
    types: {} as {
      context: { late: boolean };
      events: { type: 'pause' } | { type: 'resume' } | { type: 'alarm.fire' } | { type: 'noise' };
      input: { late: boolean };
    },
    actors: {
      wash: fromPromise<boolean>(() => Promise.resolve(true)),
      radio: fromTransition((state) => state, 0)
    },
    delays: { warmUp: 60_000 },
    guards: { isLate: ({ context }) => context.late, isClean: (_, params: boolean) => params }
  }).createMachine({
    id: 'kitchen',
    context: ({ input }) => input,
    invoke: { src: 'radio', systemId: 'radio' },
    initial: 'cooking',
    on: { 'alarm.*': '.off' },
    states: {
      cooking: {
        type: 'parallel',
        onDone: 'served',
        on: { pause: 'paused' },
        states: {
          heat: {
            initial: 'warming',
            states: {
              warming: { after: { warmUp: 'hot' } },
              hot: { type: 'final', entry: raise({ type: 'noise' }) },
              last: { type: 'history' }
            }
          },
          salad: {
            initial: 'washing',
            states: {
              washing: {
                invoke: {
                  id: 'wash',
                  src: 'wash',
                  onDone: [
                    { guard: { type: 'isClean', params: ({ event }) => event.output }, target: 'washed' },
                    { target: 'washing', reenter: true }
                  ],
                  onError: { target: 'washing', reenter: true }
                }
              },
              washed: { type: 'final' }
            }
          }
        }
      },
      paused: { on: { resume: 'cooking.heat.last', '*': {} } },
      served: { always: { guard: 'isLate', target: 'off' } },
      off: { type: 'final' }
    }
  });
}

const kitchenOptions: EdgeTestOptions<ReturnType<typeof kitchen>> = {
  inputs: [{ late: false }, { late: true }],
  events: { pause: [{}], resume: [{}], 'alarm.fire': [{}], noise: [{}] },
  actors: { wash: { outputs: [false, true] } }
};

function thrown(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('It was to throw');
}
