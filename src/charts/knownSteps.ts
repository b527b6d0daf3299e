import type {
  AnyActorScope,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  EventFromLogic
} from 'xstate';
import { compileAssignment, namedReference, paramsOf, type ChartStep } from './assignment.ts';

/**
 * The machine, with the steps that its actors take for each task at a tenth of their cost.
 *
 * XState selects the transition, guards and all, as ever. Which states it leaves and enters, and what the snapshot then
 * looks like but for its context, follows from that and from the states that are active: it is taken over from the first
 * time, when XState worked it out. The actions run each time. What cannot be known so is XState's each time: a step with
 * an `always`, an invoked actor, a history, a final state, an exit action, an action that is neither an `assign` nor a
 * function of one's own, or more than one transition.
 *
 * Snapshots, effects and what inspectors see are as XState has them, in its order.
 *
 * @param types - Events to do so for. An `assign` that they lead to must not spawn.
 */
export function withKnownSteps<TMachine extends AnyStateMachine>(
  machine: TMachine,
  types: readonly EventFromLogic<TMachine>['type'][]
): TMachine {
  const known = new Set<string>(hasHistory(machine.root) ? [] : types);
  const situations = new Situations();
  const transition = (
    snapshot: AnyMachineSnapshot,
    event: Event,
    scope: AnyActorScope
  ): AnyMachineSnapshot => {
    const isCandidate = known.has(event.type) && snapshot.status === 'active' && isInspected(scope.system);
    const selected = isCandidate ? machine.getTransitionData(snapshot, event) : [];
    if (selected.length !== 1) return machine.transition(snapshot, event, scope);
    const { steps } = situations.at(snapshot);
    const step = steps.get(selected[0]!);
    if (step !== undefined && step !== 'unknowable') return take(step, snapshot, event, scope, selected);
    const after = machine.transition(snapshot, event, scope);
    if (step === undefined) {
      steps.set(selected[0]!, learn(machine, snapshot, selected[0]!, after) ?? 'unknowable');
    }
    return after;
  };
  return Object.assign(Object.create(machine) as TMachine, { transition });
}

interface ChartSnapshot {
  readonly context: ChartStep['context'];
  readonly children: object;
}

/** What follows when a transition is taken in a situation. */
interface KnownStep {
  /** Of the transition, then of the state that it enters. */
  readonly actions: readonly Action[];
  /** The snapshot that XState made the first time: all but its context and children is the same each time. */
  readonly pattern: AnyMachineSnapshot;
}

/** A step under way. */
interface RunningStep extends ChartStep {
  readonly self: AnyActorScope['self'];
  readonly system: AnyActorScope['system'];
  readonly scope: AnyActorScope;
  /** Whether the context is a copy that only this step has. */
  isOwn: boolean;
}

type Event = ChartStep['event'];
type Action = (step: RunningStep) => void;
type ActionInfo = Parameters<AnyActorScope['actionExecutor']>[0]['info'];

/** States that are active together, in XState's order. */
interface Situation {
  readonly steps: Map<AnyTransitionDefinition, KnownStep | 'unknowable'>;
}

/** Finds the situation of a snapshot: by its list of states, which snapshots share, and by their ids where it is new. */
class Situations {
  readonly #byNodes = new WeakMap<readonly AnyStateNode[], Situation>();
  readonly #byIds = new Map<string, Situation>();

  at({ _nodes }: AnyMachineSnapshot): Situation {
    let situation = this.#byNodes.get(_nodes);
    if (situation !== undefined) return situation;
    const ids = _nodes.map(({ order }) => order).join();
    situation = this.#byIds.get(ids) ?? { steps: new Map() };
    this.#byIds.set(ids, situation);
    this.#byNodes.set(_nodes, situation);
    return situation;
  }
}

function take(
  { actions, pattern }: KnownStep,
  { context, children }: ChartSnapshot,
  event: Event,
  scope: AnyActorScope,
  transitions: readonly AnyTransitionDefinition[]
): AnyMachineSnapshot {
  const { self, system } = scope;
  const step: RunningStep = { context, event, self, system, scope, isOwn: false };
  for (const action of actions) action(step);
  const snapshot = { ...pattern, context: step.context, children } as AnyMachineSnapshot;
  const microstep = { type: '@xstate.microstep', actorRef: self, event, snapshot, _transitions: transitions };
  (system as unknown as InspectedSystem)._sendInspectionEvent(microstep);
  return snapshot;
}

/** As XState tells inspectors, which its types leave out. A version that tells them otherwise takes each step itself. */
interface InspectedSystem {
  _sendInspectionEvent(event: object): void;
}

function isInspected(system: object): system is InspectedSystem {
  return typeof (system as Partial<InspectedSystem>)._sendInspectionEvent === 'function';
}

/** @returns `null`: what the step does does not follow from its situation and its transition. */
function learn(
  { root, implementations }: AnyStateMachine,
  before: AnyMachineSnapshot,
  transition: AnyTransitionDefinition,
  after: AnyMachineSnapshot
): KnownStep | null {
  if (after.status !== 'active' || !isPlainMove(transition, before)) return null;
  const wasThere = new Set<AnyStateNode>(before._nodes);
  const isThere = new Set<AnyStateNode>(after._nodes);
  const left = before._nodes.filter((node) => !isThere.has(node));
  const entered = after._nodes.filter((node) => !wasThere.has(node));
  const isQuiet =
    left.every(({ exit, invoke }) => exit.length + invoke.length === 0) &&
    entered.every(({ invoke, type }) => invoke.length === 0 && type === 'atomic') &&
    [root, ...after._nodes].every(({ always }) => (always ?? []).length === 0);
  if (!isQuiet) return null;
  const actions: Action[] = [];
  for (const reference of [...transition.actions, ...entered.flatMap(({ entry }) => entry)]) {
    const action = compileAction(implementations.actions, reference);
    if (action === null) return null;
    actions.push(action);
  }
  return { actions, pattern: after };
}

/** Whether it leads to no state, or to one that was not active, beside its source or in it: no other is entered. */
function isPlainMove(
  { target, source, reenter }: AnyTransitionDefinition,
  before: AnyMachineSnapshot
): boolean {
  if (target === undefined) return !reenter;
  const [state] = target;
  if (target.length !== 1 || state === undefined || reenter || before._nodes.includes(state)) return false;
  const { parent } = state;
  return parent?.type === 'compound' && (parent === source || parent === source.parent);
}

function compileAction(
  implementations: AnyStateMachine['implementations']['actions'],
  reference: unknown
): Action | null {
  const named = namedReference(reference);
  const implementation: unknown = named && implementations[named.type];
  if (named === null || typeof implementation !== 'function') return null;
  const { type, params } = named;
  const assign = compileAssignment<RunningStep>(implementation);
  if (assign !== null) {
    return (step) => {
      const given = paramsOf(params, step);
      if (!step.isOwn) step.context = { ...step.context };
      step.isOwn = true;
      assign(step, given);
    };
  }
  if ('resolve' in implementation) return null;
  return (step) => {
    const { context, event, self, system, scope } = step;
    // It may keep what it is given.
    step.isOwn = false;
    const exec = implementation as never;
    scope.actionExecutor({
      type,
      info: { context, event, self, system } as unknown as ActionInfo,
      params: paramsOf(params, step),
      exec
    });
  };
}

function hasHistory(node: AnyStateNode): boolean {
  return node.type === 'history' || Object.values<AnyStateNode>(node.states).some(hasHistory);
}
