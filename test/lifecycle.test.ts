import { isDeepStrictEqual } from 'node:util';
import { and, assign, createActor, emit, not, or, raise, setup, stateIn, type AnyStateMachine } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noTaskCounts, type TaskCounts } from '../machines/batch.ts';
import { batchMachine, type BatchEvent } from '../machines/batchMachine.ts';
import { taskStatuses, type TaskError } from '../machines/task.ts';
import { taskMachine, type AttemptPolicy, type TaskEvent, type TaskInput } from '../machines/taskMachine.ts';
import { compileLifecycle, type LifecycleOf } from '../src/lifecycle.ts';
import { LifecycleError } from '../src/errors.ts';

const now = Date.UTC(2026, 0, 1);
const error: TaskError = { name: 'Error', message: 'no', retryable: true };
const hopeless: TaskError = { ...error, retryable: false };

describe('a task stepped as a row does what an actor does', () => {
  const lifecycle = compileLifecycle(taskMachine);
  const inputs: [what: string, input: TaskInput][] = [
    ['queued at once', taskInput()],
    ['scheduled', taskInput({ startAfter: now + 500, batchId: 'b1', key: 'b1/t1' })],
    ['with no retries of its own', taskInput({ maxRetries: 0 })],
    ['with more retries of its own', taskInput({ maxRetries: 2, timeoutMs: 50, retryOf: 't0' })]
  ];

  it.each(inputs)('on the shortest path to every state of a task that is %s', (_, input) => {
    const paths = getShortestPaths(taskMachine, {
      input,
      events: (snapshot) => taskEvents(snapshot.context),
      stopWhen: ({ context: { attempt } }) => attempt > 3
    });
    const compared = comparePaths(taskMachine, lifecycle, input, paths, taskEvents);
    expect(compared.paths).toBeGreaterThan(100);
    expect(compared.states).toEqual(
      new Set(taskStatuses.filter((state) => state !== 'scheduled' || input.startAfter))
    );
    tally('task, shortest', compared);
  });

  it('on every simple path of two attempts', () => {
    const input = taskInput({ startAfter: now + 500 });
    const paths = getSimplePaths(taskMachine, {
      input,
      events: (snapshot) => taskEvents(snapshot.context),
      stopWhen: ({ context: { attempt, startedAt } }) => attempt === 2 && startedAt !== null
    });
    const compared = comparePaths(taskMachine, lifecycle, input, paths, taskEvents);
    expect(compared.paths).toBeGreaterThan(500);
    tally('task, simple', compared);
  });

  it('on any sequence of events', () => {
    const pick = fc.record({
      index: fc.nat(),
      at: fc.nat(5_000),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...inputs),
        anyPolicy,
        fc.array(pick, { maxLength: 60 }),
        ([, input], policy, picks) => {
          const follow = follower(taskMachine, lifecycle, input);
          for (const { index, at, random } of picks) {
            const events = taskEvents(follow.row().context, policy);
            const event = events[index % events.length]!;
            follow.send({
              ...event,
              ...('at' in event && { at: event.at + at }),
              ...('random' in event && { random })
            });
          }
        }
      ),
      { numRuns: 150 }
    );
  });
});

describe('a batch stepped as a row does what an actor does', () => {
  const lifecycle = compileLifecycle(batchMachine);
  const input = { id: 'b1', metadata: { of: ['test'] }, createdAt: now };

  it('on the shortest path to every state', () => {
    const paths = getShortestPaths(batchMachine, {
      input,
      events: (snapshot) => batchEvents(snapshot.context)
    });
    const compared = comparePaths(batchMachine, lifecycle, input, paths, batchEvents);
    expect(compared.states).toEqual(new Set(Object.keys(batchMachine.states)));
    expect(compared.paths).toBeGreaterThan(100);
    tally('batch, shortest', compared);
  });

  it('on every simple path of a batch of one', () => {
    const paths = getSimplePaths(batchMachine, {
      input,
      events: ({ context }) => batchEvents(context, 1),
      filterEvents: (_, event) => event.type !== 'tasks.counted' || isRoughCount(event.counts)
    });
    const compared = comparePaths(batchMachine, lifecycle, input, paths, batchEvents);
    expect(compared.paths).toBeGreaterThan(500);
    tally('batch, simple', compared);
  });

  it('on any sequence of events', () => {
    const pick = fc.record({ index: fc.nat(), at: fc.nat(5_000) });
    fc.assert(
      fc.property(fc.array(pick, { maxLength: 60 }), (picks) => {
        const follow = follower(batchMachine, lifecycle, input);
        for (const { index, at } of picks) {
          const events = batchEvents(follow.row().context, 4);
          const event = events[index % events.length]!;
          follow.send({ ...event, ...('at' in event && { at: event.at + at }) });
        }
      }),
      { numRuns: 150 }
    );
  });
});

describe('compileLifecycle', () => {
  it.each<[what: string, config: object, reason: RegExp]>([
    ['a nested state', { states: { a: { initial: 'b', states: { b: {} } } } }, /state "a": it is compound/],
    ['parallel regions', { type: 'parallel', initial: undefined }, /the root: it is parallel/],
    [
      'a parallel state',
      { states: { a: { type: 'parallel', states: { b: {} } } } },
      /state "a": it is parallel/
    ],
    ['a history state', { states: { a: {}, h: { type: 'history' } } }, /state "h": it is history/],
    ['a machine without states', { initial: undefined, states: undefined }, /the root: it is atomic/],
    ['an invoked actor', { states: { a: { invoke: { src: 'work' } } } }, /state "a": it invokes an actor/],
    ['an actor of the root', { invoke: { src: 'work' } }, /the root: it invokes an actor/],
    [
      'a delayed transition',
      { states: { a: { after: { 10: 'b' } }, b: {} } },
      /state "a": it has delayed transitions/
    ],
    ['a wildcard', { states: { a: { on: { '*': 'b' } }, b: {} } }, /state "a": it handles the wildcard "\*"/],
    [
      'a partial wildcard',
      { states: { a: { on: { 'go.*': 'b' } }, b: {} } },
      /state "a": .*wildcard "go\.\*"/
    ],
    ['an inline guard', { states: { a: on({ guard: () => true }) } }, /state "a": a guard is inline/],
    [
      'an inline composed guard',
      { states: { a: on({ guard: not('isSmall') }) } },
      /state "a": a guard is inline/
    ],
    ['a guard of `and`', { states: { a: on({ guard: 'both' }) } }, /guard "both" is composed/],
    ['a guard of `or`', { states: { a: on({ guard: 'either' }) } }, /guard "either" is composed/],
    ['a guard of `not`', { states: { a: on({ guard: 'isNot' }) } }, /guard "isNot" is composed/],
    ['a guard of `stateIn`', { states: { a: on({ guard: 'isInA' }) } }, /guard "isInA" is composed/],
    [
      'a guard that is not provided',
      { states: { a: on({ guard: 'nobody' }) } },
      /guard "nobody" is not provided/
    ],
    ['an inline action', { states: { a: on({ actions: () => {} }) } }, /state "a": an action is inline/],
    [
      'an inline assign',
      { states: { a: on({ actions: assign({ n: 1 }) }) } },
      /state "a": an action is inline/
    ],
    ['an inline entry action', { states: { a: { entry: () => {} } } }, /state "a": an action is inline/],
    ['an inline exit action', { states: { a: { exit: () => {} } } }, /state "a": an action is inline/],
    ['a raise', { states: { a: on({ actions: 'raiseGo' }) } }, /action "raiseGo" is not an assign\(\)/],
    ['an emit', { states: { a: on({ actions: 'emitGone' }) } }, /action "emitGone" is not an assign\(\)/],
    [
      'a custom action',
      { states: { a: on({ actions: ['add', 'effect'] }) } },
      /action "effect" is not an assign\(\)/
    ],
    ['a custom entry action', { states: { a: { entry: 'effect' } } }, /action "effect" is not an assign\(\)/],
    [
      'an action that is not provided',
      { states: { a: on({ actions: 'nobody' }) } },
      /action "nobody" is not provided/
    ],
    [
      'an effect in `always`',
      { states: { a: { always: { actions: 'effect' } } } },
      /action "effect" is not an assign/
    ],
    ['transitions of the root', { on: { go: '.a' } }, /the root: it has transitions of its own/],
    [
      '`always` of the root',
      { always: { guard: 'isSmall', actions: 'add' } },
      /the root: it has transitions of its own/
    ],
    ['entry of the root', { entry: 'add' }, /the root: it has entry or exit actions/],
    ['exit of the root', { exit: 'add' }, /the root: it has entry or exit actions/],
    [
      'actions of the initial transition',
      { initial: { target: 'a', actions: 'add' } },
      /its initial transition has actions/
    ],
    [
      'several targets',
      { states: { a: { on: { go: { target: ['b', 'c'] } } }, b: {}, c: {} } },
      /several targets/
    ],
    ['the machine itself as target', { states: { a: { on: { go: '#small' } } } }, /state "a"/],
    [
      'a final state with transitions',
      { states: { a: {}, f: { type: 'final', on: { go: 'a' } } } },
      /state "f"/
    ],
    [
      'a final state that does not rest',
      { states: { a: {}, f: { type: 'final', always: 'a' } } },
      /state "f"/
    ],
    ['exit actions of a final state', { states: { a: {}, f: { type: 'final', exit: 'add' } } }, /state "f"/],
    ['an output, which no row keeps', { output: 1, states: { a: {}, f: { type: 'final' } } }, /output/]
  ])('refuses %s', (_, config, reason) => {
    const machine = smallMachine(config);
    expect(() => compileLifecycle(machine)).toThrow(LifecycleError);
    expect(() => compileLifecycle(machine)).toThrow(/^Machine "small" cannot be compiled to a lifecycle: /);
    expect(() => compileLifecycle(machine)).toThrow(reason);
  });

  it.each<[what: string, config: object]>([
    [
      'entry and exit',
      {
        states: {
          a: { entry: 'add', exit: 'double', on: { go: 'b' } },
          b: { entry: 'double', on: { go: 'a' } }
        }
      }
    ],
    [
      'a transition to itself',
      { states: { a: { entry: 'add', exit: 'double', on: { go: { target: 'a', actions: 'add' } } } } }
    ],
    [
      'a transition that reenters',
      { states: { a: { entry: 'add', exit: 'double', on: { go: { target: 'a', reenter: true } } } } }
    ],
    [
      'reentering without a target',
      { states: { a: { entry: 'add', exit: 'double', on: { go: { actions: 'add', reenter: true } } } } }
    ],
    ['a transition that does nothing', { states: { a: { entry: 'add', on: { go: {}, stay: undefined } } } }],
    [
      'several candidates',
      { states: { a: { on: { go: [{ guard: 'isSmall', actions: 'add' }, { target: 'b' }] } }, b: {} } }
    ],
    [
      '`always` at the start',
      {
        states: { a: { always: 'b' }, b: { entry: 'add', always: { guard: 'isSmall', target: 'c' } }, c: {} }
      }
    ],
    [
      '`always` that counts',
      { states: { a: { on: { go: 'b' } }, b: { always: { guard: 'isSmall', actions: 'add' } } } }
    ],
    [
      '`always` that a guard of the event enables',
      { states: { a: { always: { guard: 'isGo', target: 'b' } }, b: {} } }
    ],
    [
      '`always` that does nothing',
      { states: { a: { on: { go: 'b' } }, b: { always: { guard: 'isSmall' } } } }
    ],
    [
      'actions that see what the ones before did',
      { states: { a: on({ actions: ['add', 'double', 'add', 'swap'] }) } }
    ],
    [
      'params that are computed',
      {
        states: {
          a: on({
            actions: { type: 'addN', params: ({ context }: { context: Small }) => ({ n: context.n + 1 }) }
          })
        }
      }
    ],
    [
      'params that are given',
      {
        states: {
          a: on({ actions: { type: 'addN', params: { n: 5 } }, guard: { type: 'isBelow', params: { n: 9 } } })
        }
      }
    ],
    ['an assign by function', { states: { a: on({ actions: ['whole', 'add'] }) } }],
    [
      'a final state',
      { states: { a: { on: { go: 'f', stay: { actions: 'add' } } }, f: { type: 'final', entry: 'add' } } }
    ],
    ['an initial final state', { states: { a: { type: 'final', entry: 'add' } } }],
    ['tags', { states: { a: { tags: ['x'], on: { go: 'b' } }, b: { tags: ['y'] } } }],
    [
      'targets by id',
      { states: { a: { id: 'first', on: { go: '#second' } }, b: { id: 'second', on: { go: '#first' } } } }
    ],
    ['event names that objects have', { states: { a: { on: { constructor: 'b' } }, b: {} } }]
  ])('steps %s like an actor', (_, config) => {
    const machine = smallMachine(config);
    const lifecycle = compileLifecycle(machine);
    const follow = follower(machine, lifecycle, undefined);
    for (const type of ['stay', 'go', 'other', 'go', 'go', 'toString', 'stay', 'go']) follow.send({ type });
    expect(follow.steps()).toBe(8);
  });

  it.each<[what: string, config: object]>([
    ['at the start', { states: { a: { always: 'b' }, b: { always: 'a' } } }],
    ['at the start, changing the context', { states: { a: { always: { actions: 'add' } } } }]
  ])('reports `always` transitions that run in a circle %s', (_, config) => {
    const lifecycle = compileLifecycle(smallMachine(config));
    expect(() => lifecycle.create(undefined)).toThrow(LifecycleError);
    expect(() => lifecycle.create(undefined)).toThrow(/do not come to rest/);
  });

  it('reports `always` transitions that run in a circle after a step, and leaves the row alone', () => {
    const lifecycle = compileLifecycle(
      smallMachine({
        states: { a: { on: { go: 'b' } }, b: { always: { target: 'c', actions: 'add' } }, c: { always: 'b' } }
      })
    );
    const row = frozen(lifecycle.create(undefined));
    expect(() => lifecycle.step(row, { type: 'go' })).toThrow(/do not come to rest in state "[bc]"/);
    expect(row).toEqual({ state: 'a', context: { n: 0, m: 1 } });
  });

  it('returns the same row when no transition is taken', () => {
    const lifecycle = compileLifecycle(
      smallMachine({ states: { a: on({ guard: { type: 'isBelow', params: { n: -1 } } }) } })
    );
    const row = frozen(lifecycle.create(undefined));
    expect(lifecycle.step(row, { type: 'go' })).toBe(row);
    expect(lifecycle.step(row, { type: 'unknown' })).toBe(row);
  });

  it('never changes the row that it is given', () => {
    const lifecycle = compileLifecycle(taskMachine);
    const input = taskInput({ startAfter: now });
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 30 }), (picks) => {
        let row = frozen(lifecycle.create(input));
        for (const pick of picks) {
          const events = taskEvents(row.context);
          row = frozen(lifecycle.step(row, frozen(events[pick % events.length]!)));
        }
      }),
      { numRuns: 50 }
    );
  });

  it('gives each thing a context of its own, whatever the machine returns', () => {
    const shared = { n: 0, m: 1 };
    const states = { a: { entry: 'add', ...on({ actions: 'add' }) } };
    for (const context of [shared, () => shared]) {
      const lifecycle = compileLifecycle(smallMachine({ context, states }));
      const rows = [lifecycle.create(undefined), lifecycle.create(undefined)];
      expect(rows.map(({ context }) => context)).toEqual([
        { n: 1, m: 1 },
        { n: 1, m: 1 }
      ]);
      expect(shared).toEqual({ n: 0, m: 1 });
    }
  });

  it('knows which states are final', () => {
    const lifecycle = compileLifecycle(taskMachine);
    expect(taskStatuses.filter((state) => lifecycle.isFinal(state))).toEqual([
      'completed',
      'failed',
      'timedOut',
      'cancelled'
    ]);
  });

  it('steps a machine with the implementations that it is provided with', () => {
    const machine = smallMachine({ states: { a: on({ actions: 'add' }) } }).provide({
      actions: { add: assign({ n: 100 }) as never }
    });
    const lifecycle = compileLifecycle(machine);
    expect(lifecycle.step(lifecycle.create(undefined), { type: 'go' }).context).toEqual({ n: 100, m: 1 });
  });
});

interface Small {
  readonly n: number;
  readonly m: number;
}

const small = setup({
  types: {} as { context: Small; events: { type: string } },
  guards: {
    isSmall: ({ context }) => context.n < 5,
    isBelow: ({ context }, params: { n: number }) => context.n < params.n,
    isGo: ({ event }) => event.type === 'go'
  },
  actions: {
    add: assign({ n: ({ context }) => context.n + 1 }),
    addN: assign({ n: ({ context }, params: { n: number }) => context.n + params.n }),
    double: assign({ n: ({ context }) => context.n * 2 }),
    swap: assign({ n: ({ context }) => context.m, m: ({ context }) => context.n }),
    whole: assign(({ context, event }) => ({ n: context.n + event.type.length })),
    effect: () => {},
    raiseGo: raise({ type: 'go' }),
    emitGone: emit({ type: 'gone' })
  }
}).extend({
  guards: {
    both: and(['isSmall', 'isGo']),
    either: or(['isSmall', 'isGo']),
    isNot: not('isSmall'),
    isInA: stateIn('a')
  }
});

/** A machine called `small` that begins in `a`. */
function smallMachine(config: object): AnyStateMachine {
  return small.createMachine({
    id: 'small',
    context: { n: 0, m: 1 },
    initial: 'a',
    states: { a: {} },
    ...config
  } as never) as AnyStateMachine;
}

function on(transition: object) {
  return { on: { go: transition } };
}

function taskInput(changes: Partial<TaskInput> = {}): TaskInput {
  return {
    seq: 1,
    key: 't1',
    batchId: null,
    type: 'echo',
    priority: 5,
    timeoutMs: null,
    maxRetries: null,
    retryOf: null,
    createdAt: now,
    startAfter: null,
    ...changes
  };
}

const tightPolicy: AttemptPolicy = {
  maxRetries: 1,
  maxRecoveries: 1,
  retry: { baseMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'equal' }
};

const anyPolicy: fc.Arbitrary<AttemptPolicy> = fc.record({
  maxRetries: fc.nat(3),
  maxRecoveries: fc.nat(3),
  retry: fc.record({
    baseMs: fc.nat(2_000),
    factor: fc.constantFrom(1, 2, 1e308),
    maxMs: fc.integer({ min: 2_000, max: 9_000 }),
    jitter: fc.constantFrom('full', 'equal', 'none')
  })
});

/** Every event, of the current attempt and of others, before, at and after the time that the task waits for. */
function taskEvents(
  { attempt, dueAt }: { readonly attempt: number; readonly dueAt: number | null },
  policy = tightPolicy
): TaskEvent[] {
  const due = dueAt ?? now;
  const events: TaskEvent[] = [
    { type: 'task.claim', workerId: 'worker-1' },
    { type: 'task.cancel', at: now, error: hopeless },
    { type: 'task.due', at: due - 1 },
    { type: 'task.due', at: due },
    { type: 'task.due', at: due + 1 }
  ];
  for (const fence of [attempt - 1, attempt, attempt + 1]) {
    const end = { attempt: fence, at: now, random: 0.25, policy };
    events.push(
      { type: 'attempt.started', attempt: fence, at: now },
      { type: 'attempt.completed', attempt: fence, at: now },
      { type: 'attempt.failed', ...end, error },
      { type: 'attempt.failed', ...end, error: hopeless },
      { type: 'attempt.timedOut', ...end, error },
      { type: 'attempt.timedOut', ...end, error: hopeless },
      { type: 'attempt.lost', ...end, error },
      { type: 'attempt.released', attempt: fence, at: now },
      { type: 'grace.ended', attempt: fence, at: now }
    );
  }
  return events;
}

/** Every event; tasks arrive up to `most`, and are counted in every status, alone and with others. */
function batchEvents(
  { totalTasks, lastSeq }: { readonly totalTasks: number; readonly lastSeq: number },
  most = 2
): BatchEvent[] {
  const events: BatchEvent[] = [
    { type: 'batch.seal', at: now },
    { type: 'batch.pause' },
    { type: 'batch.resume' },
    { type: 'batch.cancel', at: now }
  ];
  if (totalTasks < most) {
    events.push({ type: 'tasks.added', count: 1, firstSeq: lastSeq + 1, lastSeq: lastSeq + 1 });
  }
  if (totalTasks === 0) return events;
  for (const status of taskStatuses) {
    events.push(
      { type: 'tasks.counted', counts: { ...noTaskCounts, [status]: totalTasks }, at: now },
      {
        type: 'tasks.counted',
        counts: {
          ...noTaskCounts,
          completed: totalTasks - 1,
          [status]: status === 'completed' ? totalTasks : 1
        },
        at: now
      }
    );
  }
  return events;
}

/** Statuses enough to settle a batch of one task in every way. */
function isRoughCount(counts: TaskCounts): boolean {
  return counts.queued + counts.running + counts.completed + counts.failed > 0;
}

interface Compared {
  /** Paths from the start, and events that were sent on them to both. */
  readonly paths: number;
  readonly steps: number;
  readonly states: ReadonlySet<string>;
}

interface Path {
  readonly steps: readonly { readonly event: { readonly type: string } }[];
}

/**
 * Walks every path with an actor and a row side by side. Before each step both are sent all the events that
 * the state ignores: a path of the graph never has those, as they lead nowhere.
 */
function comparePaths<
  TMachine extends typeof taskMachine | typeof batchMachine,
  TEvent extends { type: string }
>(
  machine: TMachine,
  lifecycle: LifecycleOf<TMachine>,
  input: unknown,
  paths: readonly Path[],
  eventsOf: (context: never) => TEvent[]
): Compared {
  const states = new Set<string>();
  const probed = new Set<string>();
  let steps = 0;
  for (const path of paths) {
    const follow = follower(machine, lifecycle as never, input);
    for (const { event } of [...path.steps.slice(1), { event: null }]) {
      const row = follow.row();
      states.add(row.state);
      const name = JSON.stringify(row);
      if (!probed.has(name)) {
        probed.add(name);
        for (const ignored of eventsOf(row.context as never)) {
          if (lifecycle.step(row as never, ignored as never) === row) follow.send(ignored);
        }
      }
      if (event !== null) follow.send(event);
    }
    steps += follow.steps();
  }
  return { paths: paths.length, steps, states };
}

/** A row and an actor that are sent the same events, and compared after each. */
function follower(machine: AnyStateMachine, lifecycle: LifecycleOf<AnyStateMachine>, input: unknown) {
  const actor = createActor(machine, { input });
  actor.start();
  let row = lifecycle.create(input as never);
  let steps = 0;
  const restored = new Set<string>();
  compare('at the start');
  return {
    row: () =>
      row as {
        readonly state: string;
        readonly context: ReturnType<typeof taskMachine.getInitialSnapshot>['context'];
      },
    steps: () => steps,
    send(event: { readonly type: string }) {
      const before = row;
      row = lifecycle.step(frozen(row), event as never);
      // What an actor that is done is sent is dropped, with a warning.
      if (actor.getSnapshot().status === 'active') actor.send(event);
      steps += 1;
      compare(`${before.state} on ${JSON.stringify(event)}`);
    }
  };

  function compare(where: string) {
    const snapshot = actor.getSnapshot() as { value: unknown; context: unknown; status: string };
    agree(where, { state: snapshot.value, context: snapshot.context }, row);
    const persisted = lifecycle.toSnapshot(row) as object;
    agree(where, actor.getPersistedSnapshot(), persisted);
    agree(where, snapshot.status === 'done', lifecycle.isFinal(row.state as never));
    if (restored.has(row.state)) return;
    restored.add(row.state);
    const copy = createActor(machine, { input, snapshot: structuredClone(persisted) as never });
    agree(where, copy.getPersistedSnapshot(), persisted);
  }
}

/** `expect` would take most of the time. */
function agree(where: string, actor: unknown, row: unknown): void {
  if (!isDeepStrictEqual(actor, row)) expect({ where, ...{ is: row } }).toEqual({ where, ...{ is: actor } });
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

function tally(what: string, { paths, steps }: Compared): void {
  console.log(`${what}: ${paths} paths, ${steps} steps`);
}
