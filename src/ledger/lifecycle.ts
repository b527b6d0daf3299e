import type {
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  ContextFrom,
  EventFromLogic,
  InputFrom,
  SnapshotFrom,
  StateValueFrom
} from 'xstate';
import { LifecycleError } from '../errors.ts';
import type { Row } from '../store.ts';

/** A flat state machine, compiled to step rows instead of actors. */
export interface Lifecycle<TState extends string, TContext, TEvent, TInput, TSnapshot> {
  /** The row of a new thing, `always` transitions already taken. */
  create(input: TInput): Row<TState, TContext>;
  /**
   * What an actor of the machine would do with the event, entry, exit and `always` included.
   *
   * @returns The new row, or `row` itself when the machine takes no transition. `row` is not changed.
   */
  step(row: Row<TState, TContext>, event: TEvent): Row<TState, TContext>;
  isFinal(state: TState): boolean;
  /** The row as a snapshot that `createActor(machine, { snapshot })` accepts. Plain JSON if the context is. */
  toSnapshot(row: Row<TState, TContext>): TSnapshot;
}

export type LifecycleOf<TMachine extends AnyStateMachine> = Lifecycle<
  StateValueFrom<TMachine> & string,
  ContextFrom<TMachine>,
  EventFromLogic<TMachine>,
  InputFrom<TMachine>,
  SnapshotFrom<TMachine>
>;

/**
 * Compiles a machine so that a million of its instances can be stepped as rows: about 0.1 us a step, against
 * microseconds and kilobytes for an actor.
 *
 * The machine must be flat, and made of named guards and named `assign` actions: no nested or parallel states,
 * no invokes, no delays, no wildcard events, nothing that has an effect. What cannot be stepped faithfully is
 * refused here, not discovered later.
 *
 * @throws {LifecycleError} naming the machine, the state and the reason.
 */
export function compileLifecycle<TMachine extends AnyStateMachine>(machine: TMachine): LifecycleOf<TMachine> {
  const states = compileStates(machine);
  const initial = machine.root.initial.target[0]!.key;
  const changesAtStart = [...states.values()].some(
    ({ entry, always }) => entry.length > 0 || always.some(({ actions }) => actions.length > 0)
  );

  return {
    create(input) {
      const event = { type: 'xstate.init', input };
      const given = initialContext(machine, input);
      const context = changesAtStart ? { ...given } : given;
      for (const action of states.get(initial)!.entry) action(context, event);
      return settle(initial, context, event);
    },
    step(row, event) {
      const candidates = states.get(row.state)!.on.get((event as Event).type);
      const transition = candidates && firstEnabled(candidates, row.context as Context, event as Event);
      if (!transition) {
        // An actor looks at `always` after every event: a guard of one may read it.
        const { always } = states.get(row.state)!;
        if (always.length === 0 || !firstEnabled(always, row.context as Context, event as Event)) return row;
        return settle(row.state, { ...(row.context as Context) }, event as Event);
      }
      const context = { ...(row.context as Context) };
      const state = take(transition, row.state, context, event as Event);
      return settle(state, context, event as Event);
    },
    isFinal: (state) => states.get(state)!.final,
    toSnapshot: ({ state, context }) =>
      machine.getPersistedSnapshot(machine.resolveState({ value: state, context }) as never) as never
  };

  /** Runs the actions of a transition on the (fresh) context; returns the state that it leads to. */
  function take(transition: Transition, source: string, context: Context, event: Event): string {
    const { target, reenter, actions } = transition;
    const moves = target !== null && (target !== source || reenter);
    if (moves) for (const action of states.get(source)!.exit) action(context, event);
    for (const action of actions) action(context, event);
    if (moves) for (const action of states.get(target)!.entry) action(context, event);
    return target ?? source;
  }

  /** Takes `always` transitions until none is enabled. */
  function settle(state: string, context: Context, event: Event): Row<never, never> {
    for (let steps = 0; steps < maxMicrosteps; steps++) {
      const transition = firstEnabled(states.get(state)!.always, context, event);
      if (!transition) return { state, context } as Row<never, never>;
      state = take(transition, state, context, event);
    }
    throw new LifecycleError(
      machine.id,
      `its \`always\` transitions do not come to rest in state "${state}"`
    );
  }
}

/** Beyond this, `always` transitions run in a circle. */
const maxMicrosteps = 1_000;

type Context = Record<string, unknown>;
type Event = { readonly type: string };
type Arguments = { context: Context; event: Event };
type Guard = (context: Context, event: Event) => boolean;
/** Changes the context that it is given: the copy that belongs to the step under way. */
type Action = (context: Context, event: Event) => void;

interface State {
  readonly on: ReadonlyMap<string, readonly Transition[]>;
  readonly always: readonly Transition[];
  readonly entry: readonly Action[];
  readonly exit: readonly Action[];
  readonly final: boolean;
}

interface Transition {
  readonly guard: Guard | null;
  readonly target: string | null;
  readonly reenter: boolean;
  readonly actions: readonly Action[];
}

function firstEnabled(
  candidates: readonly Transition[],
  context: Context,
  event: Event
): Transition | undefined {
  for (const candidate of candidates) {
    if (candidate.guard === null || candidate.guard(context, event)) return candidate;
  }
  return undefined;
}

/**
 * A context of the new thing's own. What the machine's function returns is not copied: copies of an object
 * literal keep its layout, and with it their speed, but copies of a copy lose it.
 */
function initialContext(machine: AnyStateMachine, input: unknown): Context {
  const { context } = machine.config as { context?: unknown };
  return typeof context === 'function'
    ? (context as (args: { input: unknown }) => Context)({ input })
    : { ...(context as Context) };
}

function compileStates(machine: AnyStateMachine): ReadonlyMap<string, State> {
  const { root } = machine;
  const refuse = refuser(machine, 'the root');
  if (root.type !== 'compound') refuse(`it is ${root.type}, not compound`);
  if (root.initial.actions.length > 0) refuse('its initial transition has actions');
  if (root.transitions.size > 0 || (root.always?.length ?? 0) > 0) refuse('it has transitions of its own');
  if (root.entry.length > 0 || root.exit.length > 0) refuse('it has entry or exit actions');
  if (root.invoke.length > 0) refuse('it invokes an actor');
  if (root.output !== undefined) refuse('it has an output, which no row keeps');
  return new Map(Object.values(root.states).map((node) => [node.key, compileState(machine, node)]));
}

function compileState(machine: AnyStateMachine, node: AnyStateNode): State {
  const refuse = refuser(machine, `state "${node.key}"`);
  if (node.type !== 'atomic' && node.type !== 'final') refuse(`it is ${node.type}; a lifecycle is flat`);
  if (node.invoke.length > 0) refuse('it invokes an actor; let its outcome come as an event');
  if (node.after.length > 0) refuse('it has delayed transitions; let the time come as an event');

  if (node.type === 'final' && (node.transitions.size > 0 || node.always?.length || node.exit.length > 0)) {
    refuse('it is final, so it has no transitions and no exit');
  }

  const on = new Map<string, readonly Transition[]>();
  for (const [type, transitions] of node.transitions) {
    if (type.includes('*')) refuse(`it handles the wildcard "${type}"; name the events`);
    on.set(
      type,
      transitions.map((transition) => compileTransition(machine, node, transition))
    );
  }
  return {
    on,
    always: (node.always ?? []).map((transition) => compileTransition(machine, node, transition)),
    entry: node.entry.map((action) => compileAction(machine, node, action)),
    exit: node.exit.map((action) => compileAction(machine, node, action)),
    final: node.type === 'final'
  };
}

function compileTransition(
  machine: AnyStateMachine,
  node: AnyStateNode,
  definition: AnyTransitionDefinition
): Transition {
  const target = definition.target ?? [];
  if (target.length > 1) refuser(machine, `state "${node.key}"`)('a transition has several targets');
  if (target[0] === machine.root)
    refuser(machine, `state "${node.key}"`)('a transition targets the machine itself');
  return {
    guard: definition.guard === undefined ? null : compileGuard(machine, node, definition.guard),
    target: target[0]?.key ?? null,
    reenter: definition.reenter,
    actions: definition.actions.map((action) => compileAction(machine, node, action))
  };
}

function compileGuard(machine: AnyStateMachine, node: AnyStateNode, guard: unknown): Guard {
  const refuse = refuser(machine, `state "${node.key}"`);
  const { type, params } = named(guard) ?? refuse('a guard is inline; name it in setup()');
  const implementation: Implementation =
    machine.implementations.guards[type] ?? refuse(`guard "${type}" is not provided`);
  if ('check' in implementation) refuse(`guard "${type}" is composed (and, or, not, stateIn); write it out`);
  return (context, event) => {
    const args = { context, event };
    return implementation(args, paramsOf(params, args)) as boolean;
  };
}

function compileAction(machine: AnyStateMachine, node: AnyStateNode, action: unknown): Action {
  const refuse = refuser(machine, `state "${node.key}"`);
  const { type, params } = named(action) ?? refuse('an action is inline; name it in setup()');
  const implementation = (machine.implementations.actions[type] ??
    refuse(`action "${type}" is not provided`)) as Partial<Assign>;
  if (implementation.type !== 'xstate.assign') {
    refuse(`action "${type}" is not an assign(); a row's step has no effects`);
  }

  const { assignment } = implementation;
  if (typeof assignment === 'function') {
    return (context, event) => {
      const args = { context, event };
      Object.assign(context, (assignment as Implementation)(args, paramsOf(params, args)));
    };
  }
  const fields = Object.entries(assignment as Record<string, unknown>);
  return (context, event) => {
    const args = { context, event };
    const values: unknown[] = [];
    const given = paramsOf(params, args);
    for (const [, value] of fields) {
      values.push(typeof value === 'function' ? (value as Implementation)(args, given) : value);
    }
    // Written last: all values come from the context as it was before this action.
    for (let index = 0; index < fields.length; index++) context[fields[index]![0]] = values[index];
  };
}

/** What `assign()` returns. */
interface Assign {
  readonly type: 'xstate.assign';
  readonly assignment: unknown;
}

type Implementation = (args: Arguments, params: unknown) => unknown;

function paramsOf(params: unknown, args: Arguments): unknown {
  return typeof params === 'function' ? (params as (args: Arguments) => unknown)(args) : params;
}

function named(reference: unknown): { readonly type: string; readonly params?: unknown } | null {
  if (typeof reference === 'string') return { type: reference };
  if (typeof reference === 'object' && reference !== null && 'type' in reference) {
    return reference as { type: string; params?: unknown };
  }
  return null;
}

function refuser(machine: AnyStateMachine, where: string): (reason: string) => never {
  return (reason) => {
    throw new LifecycleError(machine.id, `${where}: ${reason}`);
  };
}
