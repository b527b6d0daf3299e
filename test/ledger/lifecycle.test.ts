import { isDeepStrictEqual } from 'node:util';
import { and, assign, createActor, emit, not, or, raise, setup, stateIn, type AnyStateMachine } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { noTaskCounts, type TaskCounts } from '../../machines/batch.ts';
import { batchMachine, type BatchContext, type BatchEvent } from '../../machines/batchMachine.ts';
import { taskStatuses, type TaskError } from '../../machines/task.ts';
import {
  taskMachine,
  type AttemptPolicy,
  type TaskContext,
  type TaskEvent,
  type TaskInput
} from '../../machines/taskMachine.ts';
import { LifecycleError } from '../../src/errors.ts';
import { compileLifecycle, type Lifecycle } from '../../src/ledger/lifecycle.ts';

const now = Date.UTC(2026, 0, 1);
const error: TaskError = { name: 'Error', message: 'no', retryable: true };
const hopeless: TaskError = { ...error, retryable: false };

describe('a task stepped as a row does what an actor does', () => {
  const lifecycle = compileLifecycle(taskMachine);
  /** Each with the states that it cannot reach. */
  const inputs: [what: string, input: TaskInput, unreachable: string[]][] = [
    ['queued at once', taskInput(), ['blocked', 'scheduled']],
    ['blocked', taskInput({ blockedBy: [3], startAfter: now + 500, batchId: 'b1', key: 'b1/t1' }), []],
    ['scheduled', taskInput({ startAfter: now + 500, batchId: 'b1', key: 'b1/t1' }), ['blocked']],
    ['without retries', taskInput({ maxRetries: 0 }), ['blocked', 'scheduled', 'backingOff']],
    [
      'given more retries',
      taskInput({ maxRetries: 2, timeoutMs: 50, retryOf: 't0' }),
      ['blocked', 'scheduled']
    ]
  ];

  it.each(inputs)('on the shortest path to every state of a task that is %s', (_, input, unreachable) => {
    const paths = getShortestPaths(taskMachine, {
      input,
      events: ({ context }) => taskEvents(context),
      stopWhen: ({ context: { attempt } }) => attempt > 3
    });
    const compared = comparePaths(taskMachine, lifecycle, input, paths, ({ context }) => taskEvents(context));
    expect(compared.paths).toBeGreaterThan(70);
    expect(compared.steps).toBeGreaterThan(2_500);
    expect(compared.states).toEqual(new Set(taskStatuses.filter((state) => !unreachable.includes(state))));
  });

  it.each<[attempts: number, ends: TaskEvent['type'][]]>([
    [2, ['attempt.completed', 'attempt.failed', 'attempt.timedOut', 'attempt.lost', 'attempt.released']],
    [3, ['attempt.failed', 'attempt.lost']]
  ])('on every simple path of %d attempts that end in %j', (attempts, ends) => {
    const input = taskInput();
    const paths = getSimplePaths(taskMachine, {
      input,
      events: ({ context: { attempt, dueAt } }) =>
        taskEvents({ attempt, dueAt }).filter((event) =>
          'attempt' in event
            ? event.attempt === attempt && ['attempt.started', 'grace.ended', ...ends].includes(event.type)
            : event.type !== 'task.due' || event.at === dueAt
        ),
      stopWhen: ({ context: { attempt } }) => attempt > attempts
    });
    const compared = comparePaths(taskMachine, lifecycle, input, paths, ({ context }) => taskEvents(context));
    expect(compared.paths).toBeGreaterThan(100);
    expect(compared.steps).toBeGreaterThan(2_000);
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
          const walk = follow(taskMachine, lifecycle, input);
          for (const { index, at, random } of picks) {
            const event = pickFrom(taskEvents(walk.row().context as TaskContext, policy), walk.leads, index);
            walk.send({
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
      events: ({ context }) => batchEvents(context)
    });
    const compared = comparePaths(batchMachine, lifecycle, input, paths, ({ context }) =>
      batchEvents(context)
    );
    expect(compared.states).toEqual(new Set(Object.keys(batchMachine.states)));
    expect(compared.paths).toBeGreaterThan(150);
    expect(compared.steps).toBeGreaterThan(5_000);
  });

  it('on every simple path of a batch of one', () => {
    const paths = getSimplePaths(batchMachine, {
      input,
      events: ({ context }) =>
        batchEvents(context, 1).filter((event) => event.type !== 'tasks.counted' || isTelling(event.counts))
    });
    const compared = comparePaths(batchMachine, lifecycle, input, paths, ({ context }) =>
      batchEvents(context)
    );
    expect(compared.paths).toBeGreaterThan(1_000);
    expect(compared.steps).toBeGreaterThan(8_000);
  });

  it('on any sequence of events', () => {
    const pick = fc.record({ index: fc.nat(), at: fc.nat(5_000) });
    fc.assert(
      fc.property(fc.array(pick, { maxLength: 60 }), (picks) => {
        const walk = follow(batchMachine, lifecycle, input);
        for (const { index, at } of picks) {
          const event = pickFrom(batchEvents(walk.row().context as BatchContext, 4), walk.leads, index);
          walk.send({ ...event, ...('at' in event && { at: event.at + at }) });
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
    const walk = follow(machine, lifecycle, undefined);
    for (const type of ['stay', 'go', 'other', 'go', 'go', 'toString', 'stay', 'go']) walk.send({ type });
    expect(walk.comparisons()).toBe(1 + 8);
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

  it('takes two events as it takes one after the other, whether it ignores either of them', () => {
    const lifecycle = compileLifecycle(taskMachine);
    const input = taskInput({ startAfter: now });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 }), (picks) => {
        let row = frozen(lifecycle.create(input));
        for (const [index, nextIndex] of picks) {
          const events = taskEvents(row.context);
          const event = events[index % events.length]!;
          const between = lifecycle.step(row, event);
          const nextEvents = taskEvents(between.context);
          const nextEvent = nextEvents[nextIndex % nextEvents.length]!;
          const after = lifecycle.step(between, nextEvent);
          const twice = lifecycle.stepTwice(row, event, nextEvent);
          expect(twice).toEqual(after);
          expect(twice === row).toBe(after === row);
          row = frozen(after);
        }
      }),
      { numRuns: 200 }
    );
  });

  it('gives each thing a context of its own, whatever the machine returns', () => {
    const shared = { n: 0, m: 1 };
    const states = { a: { entry: 'add', ...on({ actions: 'add' }) } };
    for (const context of [shared, () => shared]) {
      const lifecycle = compileLifecycle(smallMachine({ context, states }));
      const rows = [lifecycle.create(undefined), lifecycle.create(undefined)];
      expect(rows).toEqual(Array.from({ length: 2 }, () => ({ state: 'a', context: { n: 1, m: 1 } })));
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
  } as never) as unknown as AnyStateMachine;
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
    tags: [],
    timeoutMs: null,
    maxRetries: null,
    retryOf: null,
    blockedBy: null,
    createdAt: now,
    readyAt: null,
    startAfter: null,
    ...changes
  };
}

const tightPolicy: AttemptPolicy = {
  maxRetries: 1,
  maxRecoveries: 1,
  retry: { baseMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'equal' },
  isIsolated: false
};

const anyPolicy: fc.Arbitrary<AttemptPolicy> = fc.record({
  maxRetries: fc.nat(3),
  maxRecoveries: fc.nat(3),
  retry: fc.record({
    baseMs: fc.nat(2_000),
    factor: fc.constantFrom(1, 2, 1e308),
    maxMs: fc.integer({ min: 2_000, max: 9_000 }),
    jitter: fc.constantFrom('full', 'equal', 'none')
  }),
  isIsolated: fc.boolean()
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
    { type: 'dependencies.completed', at: due - 1 },
    { type: 'dependencies.completed', at: due },
    { type: 'dependency.failed', at: now, error: hopeless },
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

/** The counts that matter to a batch of one task: begun or not, completed or not. */
function isTelling(counts: TaskCounts): boolean {
  return counts.queued + counts.running + counts.completed > 0;
}

interface Compared {
  readonly paths: number;
  /** Events that both were sent. */
  readonly steps: number;
  readonly states: ReadonlySet<string>;
}

interface AnyRow {
  readonly state: string;
  readonly context: object;
}
type AnyLifecycle = Lifecycle<string, object, { readonly type: string }, unknown, unknown>;

/**
 * Walks every path with an actor and a row side by side. A path of the graph has one of the events that lead on,
 * and none of those that lead nowhere; so from each different row, all events are tried as well.
 */
function comparePaths<TRow extends AnyRow>(
  machine: AnyStateMachine,
  lifecycle: Pick<Lifecycle<string, never, never, never, unknown>, 'isFinal'> & {
    create(input: never): TRow;
  },
  input: object,
  paths: readonly { readonly steps: readonly { readonly event: { readonly type: string } }[] }[],
  eventsOf: (row: TRow) => readonly { readonly type: string }[]
): Compared {
  const states = new Set<string>();
  const rows = new Set<string>();
  let steps = 0;
  for (const path of paths) {
    const walk = follow(machine, lifecycle, input);
    tryAll(walk.row() as TRow);
    for (const { event } of path.steps.slice(1)) {
      walk.send(event);
      tryAll(walk.row() as TRow);
    }
    steps += path.steps.length - 1;
  }
  return { paths: paths.length, steps, states };

  function tryAll(row: TRow): void {
    const name = JSON.stringify(row);
    if (rows.has(name)) return;
    rows.add(name);
    states.add(row.state);
    for (const event of eventsOf(row)) {
      follow(machine, lifecycle, input, row).send(event);
      steps += 1;
    }
  }
}

/** A row and an actor that are sent the same events, and compared after each. Begins anew, or at a row. */
function follow(machine: AnyStateMachine, compiled: object, input: unknown, start?: AnyRow) {
  const lifecycle = compiled as AnyLifecycle;
  let row = start ?? lifecycle.create(input);
  let comparisons = 0;
  const actor = createActor(
    machine,
    start === undefined ? { input } : { snapshot: structuredClone(lifecycle.toSnapshot(start)) as never }
  ).start();
  compare('at the start');
  return {
    row: () => row,
    comparisons: () => comparisons,
    /** Whether the event takes a transition. */
    leads: (event: { readonly type: string }) => lifecycle.step(row, event) !== row,
    send(event: { readonly type: string }) {
      const where = `${row.state} on ${JSON.stringify(event)}`;
      row = lifecycle.step(frozen(row), event);
      // What an actor that is done is sent is dropped, with a warning.
      if (actor.getSnapshot().status === 'active') actor.send(event);
      compare(where);
    }
  };

  function compare(where: string): void {
    const { value, context, status } = actor.getSnapshot() as {
      value: unknown;
      context: unknown;
      status: string;
    };
    comparisons += 1;
    agree(where, { state: value, context }, row);
    agree(where, status === 'done', lifecycle.isFinal(row.state));
    agree(where, actor.getPersistedSnapshot(), lifecycle.toSnapshot(row));
  }
}

/** Any of the events, three times out of four one that leads on. */
function pickFrom<TEvent>(events: TEvent[], leads: (event: TEvent) => boolean, index: number): TEvent {
  const leading = index % 4 === 0 ? [] : events.filter(leads);
  const from = leading.length > 0 ? leading : events;
  return from[Math.floor(index / 4) % from.length]!;
}

/** `expect` would take most of the time. */
function agree(where: string, actor: unknown, row: unknown): void {
  if (!isDeepStrictEqual(actor, row)) expect({ where, row }).toStrictEqual({ where, row: actor });
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}
