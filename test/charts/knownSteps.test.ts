import {
  assign,
  createActor,
  emit,
  fromPromise,
  raise,
  setup,
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject,
  type InspectionEvent
} from 'xstate';
import { describe, expect, it, vi } from 'vitest';
import { withKnownSteps } from '../../src/charts/knownSteps.ts';
import { comparable } from '../../src/testing/comparable.ts';
import { still } from '../../src/testing/step.ts';
import { autoscalerModel } from '../machines/edges/autoscalerModel.ts';
import { batchModel } from '../machines/edges/batchModel.ts';
import { coordinatorModel } from '../machines/edges/coordinatorModel.ts';
import { fleetModel } from '../machines/edges/fleetModel.ts';
import { scheduleModel } from '../machines/edges/scheduleModel.ts';
import { taskModel } from '../machines/edges/taskModel.ts';
import { workerModel } from '../machines/edges/workerModel.ts';

/** Each machine of ours with the events of which no `assign` spawns: all of them, though few are taken for each task. */
const models = [
  { ...workerModel, spawning: [] },
  { ...coordinatorModel, spawning: [] },
  { ...fleetModel, spawning: ['workers.adjust', 'workers.joined'] },
  { ...autoscalerModel, spawning: [] },
  { ...taskModel, spawning: [] },
  { ...batchModel, spawning: [] },
  { ...scheduleModel, spawning: [] }
];

describe.each(models)('known steps of the $name machine', ({ machine, tests, spawning }) => {
  const types = eventTypesOf(machine).filter((type) => !spawning.includes(type));
  const known = withKnownSteps(machine, types);

  it.each(tests().map((test) => [test.title, test] as const))('are those of XState: %s', async (_, test) => {
    // What the first round makes known, the second one takes.
    for (let round = 0; round < 2; round++) {
      test.run({ machine: known, as: 'actor' });
      await test.drive({
        events: {
          '*': (event, snapshot) => {
            const expected = observe(machine, snapshot as AnyMachineSnapshot, event as EventObject);
            const seen = observe(known, snapshot as AnyMachineSnapshot, event as EventObject);
            expect(seen).toEqual(expected);
          }
        }
      });
    }
  });
});

describe('a known step', () => {
  it('is worked out by XState once, for all actors of the machine', () => {
    const { machine, known, transition } = switchWith({});
    const [first, second] = [createActor(known).start(), createActor(known).start()];
    for (const actor of [first, second, first]) {
      actor.send({ type: 'go' });
      actor.send({ type: 'go' });
    }
    expect(first.getSnapshot()).toMatchObject({ value: 'off', context: { count: 4 }, machine });
    expect(second.getSnapshot()).toMatchObject({ value: 'off', context: { count: 2 } });
    expect(transition).toHaveBeenCalledTimes(2);
  });

  it('leaves the snapshot before it as it was', () => {
    const { known } = switchWith({});
    const actor = createActor(known).start();
    for (let round = 0; round < 3; round++) {
      const before = actor.getSnapshot();
      const copy = structuredClone(stateOf(before));
      actor.send({ type: 'go' });
      expect(stateOf(before)).toEqual(copy);
      expect(actor.getSnapshot().context).not.toBe(before.context);
    }
  });

  it('asks the guards each time', () => {
    const { known } = switchWith({
      off: { on: { go: { guard: 'isBelowTwo', target: 'on', actions: 'add' } } }
    });
    const actor = createActor(known).start();
    for (let round = 0; round < 6; round++) actor.send({ type: 'go' });
    expect(actor.getSnapshot()).toMatchObject({ value: 'off', context: { count: 2 } });
  });

  it('ends the actor with what an action throws, as a step of XState does', () => {
    const { known } = switchWith({ on: { on: { go: { target: 'off', actions: 'failAtThree' } } } });
    const actor = createActor(known);
    const errors: unknown[] = [];
    actor.subscribe({ error: (error) => errors.push(error) });
    actor.start();
    while (actor.getSnapshot().status === 'active') actor.send({ type: 'go' });
    expect(actor.getSnapshot()).toMatchObject({ status: 'error', value: 'on', context: { count: 3 } });
    expect(errors).toEqual([new Error('three')]);
  });

  it('is not taken by an actor that has ended', () => {
    const { known, transition } = switchWith({});
    const actor = createActor(known).start();
    for (let round = 0; round < 4; round++) actor.send({ type: 'go' });
    actor.stop();
    expect(actor.getSnapshot()).toMatchObject({ status: 'stopped', value: 'off' });
    expect(transition.mock.lastCall?.[1]).toEqual({ type: 'xstate.stop' });
    known.transition(
      actor.getSnapshot(),
      { type: 'go' },
      inertScope(actor.getSnapshot(), 'switch', () => {})
    );
    expect(transition.mock.lastCall?.[1]).toEqual({ type: 'go' });
  });

  it('has the children of the actor that takes it', () => {
    const { known } = switchWith({}, { invoke: { src: 'work', id: 'work' } });
    for (const actor of [createActor(known).start(), createActor(known).start()]) {
      const { work } = actor.getSnapshot().children as Record<string, unknown>;
      for (let round = 0; round < 4; round++) actor.send({ type: 'go' });
      expect(work).toBeDefined();
      expect((actor.getSnapshot().children as Record<string, unknown>)['work']).toBe(work);
    }
  });

  it('shows an action the context as it is then, also later', () => {
    const { known, seen } = switchWith({
      on: { on: { go: { target: 'off', actions: ['add', 'look', 'add'] } } }
    });
    const actor = createActor(known).start();
    for (let round = 0; round < 6; round++) actor.send({ type: 'go' });
    expect(seen).toEqual([{ count: 2 }, { count: 5 }, { count: 8 }]);
    expect(actor.getSnapshot().context).toEqual({ count: 9 });
  });

  const toOther = (prefix: string, reenter: boolean) => [
    { guard: 'isEven', target: `${prefix}.b`, actions: 'add', reenter },
    { target: `${prefix}.a`, actions: 'add', reenter }
  ];
  const halves = { initial: 'a', entry: 'addTwo', states: { a: {}, b: {} } };
  it.each<[what: string, from: string, states: object, root?: object]>([
    ['an `always`', 'off', { on: { always: { guard: 'isBelowTwo', actions: 'add' }, on: { go: 'off' } } }],
    ['an invoked actor', 'on', { on: { invoke: { src: 'work' }, on: { go: 'off' } } }],
    ['an exit action', 'on', { on: { exit: 'add', on: { go: 'off' } } }],
    ['a delay', 'on', { on: { after: { 1_000: 'off' }, on: { go: 'off' } } }],
    ['a state inside', 'off', { on: { initial: 'a', states: { a: {} }, on: { go: 'off' } } }],
    ['reentering', 'on', { on: { on: { go: { target: 'on', reenter: true, actions: 'add' } } } }],
    ['reentering from within', 'on', { on: { ...halves, on: { go: toOther('', true) } } }],
    ['a target left too', 'on', { on: { initial: 'a', states: { a: { entry: 'add' } }, on: { go: '.a' } } }],
    [
      'a target beyond',
      'on',
      { off: { on: { go: 'on' } }, on: halves },
      { on: { go: toOther('.on', false) } }
    ],
    ['an action that raises', 'on', { on: { on: { go: { target: 'off', actions: 'raiseOther' } } } }],
    ['an action that emits', 'on', { on: { on: { go: { target: 'off', actions: 'emitNews' } } } }],
    ['an inline action', 'on', { on: { on: { go: { target: 'off', actions: assign({ count: 9 }) } } } }],
    ['a final state', 'on', { on: { on: { go: 'end' } }, end: { type: 'final' } }],
    ['a history', 'on', { on: { on: { go: 'off' } }, past: { type: 'history' } }]
  ])('is XState’s each time where there is %s', (_, from, states, root = {}) => {
    const { machine, known, transition } = switchWith(states, root);
    const [actor, other] = [createActor(known).start(), createActor(machine.provide({})).start()];
    let [visits, unknown] = [0, 0];
    while (visits < 4 && other.getSnapshot().status === 'active') {
      const before = transition.mock.calls.length;
      const isThere = other.getSnapshot().matches(from as never);
      actor.send({ type: 'go' });
      other.send({ type: 'go' });
      if (isThere) {
        visits += 1;
        unknown += transition.mock.calls.length - before;
      }
      expect(stateOf(actor.getSnapshot())).toEqual(stateOf(other.getSnapshot()));
    }
    expect(unknown).toBe(visits);
  });
});

/** A machine of two states between which `go` leads, counting; some of them replaced. */
function switchWith(states: object, root: object = {}) {
  const seen: unknown[] = [];
  const machine = setup({
    types: {} as { context: { count: number }; events: { type: 'go' } | { type: 'other' } },
    guards: {
      isBelowTwo: ({ context }) => context.count < 2,
      isEven: ({ context }) => context.count % 2 === 0
    },
    actors: { work: fromPromise(() => new Promise<void>(() => {})) },
    actions: {
      add: assign({ count: ({ context }) => context.count + 1 }),
      addTwo: assign({ count: ({ context }) => context.count + 2 }),
      look: ({ context }) => void seen.push(context),
      raiseOther: raise({ type: 'other' }),
      emitNews: emit({ type: 'news' }),
      failAtThree: ({ context }) => {
        if (context.count === 3) throw new Error('three');
      }
    }
  }).createMachine({
    id: 'switch',
    context: { count: 0 },
    initial: 'off',
    states: {
      off: { on: { go: { target: 'on', actions: 'add' } } },
      on: { on: { go: { target: 'off', actions: 'add' } } },
      ...states
    },
    ...root
  } as never) as unknown as AnyStateMachine;
  const transition = vi.spyOn(machine, 'transition');
  return { machine, known: withKnownSteps(machine, ['go']), transition, seen };
}

function stateOf(snapshot: object): unknown {
  const { value, context, status } = snapshot as Readonly<Record<string, unknown>>;
  return { value, context, status };
}

/** All that anybody can see of a step: the snapshot, the actions in order, what inspectors are told. */
function observe(machine: AnyStateMachine, snapshot: AnyMachineSnapshot, event: EventObject): unknown {
  const told: unknown[] = [];
  const scope = inertScope(snapshot, machine.id, (observation) => told.push(observation));
  const after = machine.transition(snapshot, event, scope) as AnyMachineSnapshot;
  return comparable({ after, fields: Object.keys(after), told });
}

/** What a machine needs around it to take a transition of which nothing is executed. */
function inertScope(
  snapshot: AnyMachineSnapshot,
  id: string,
  tell: (observation: unknown) => void
): AnyActorScope {
  const inspect = (observation: InspectionEvent): void => {
    if (observation.type === '@xstate.microstep') tell({ ...observation, rootId: 'root' });
  };
  const self = createActor(still(snapshot), { id, inspect });
  const nothing = (): void => {};
  return {
    self,
    id,
    sessionId: self.sessionId,
    system: self.system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: ({ type, info, params }) => tell({ type, context: info.context as unknown, params })
  };
}

function eventTypesOf({ events }: AnyStateMachine): readonly string[] {
  return events as readonly string[];
}
