import {
  createActor,
  type ActorLogic,
  type AnyActorRef,
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject,
  type InspectedMicrostepEvent,
  type InspectionEvent,
  type Snapshot
} from 'xstate';
import { pathOf } from '../charts/statePaths.ts';
import { edgeIdsIn } from './edges.ts';
import { withTimer, withoutTimer, type Timer } from './timers.ts';

export type Event = EventObject & Readonly<Record<string, unknown>>;

/** Where a machine is: its snapshot, and what it waits for. Nothing in it runs. */
export interface Situation {
  readonly snapshot: AnyMachineSnapshot;
  /** Ms since it began; only timers move it. */
  readonly at: number;
  readonly timers: readonly Timer[];
  /** Children whose outcome the machine has been told: they have no other. */
  readonly ended: ReadonlySet<AnyActorRef>;
}

/** What a machine did with an event. */
export interface Step {
  readonly situation: Situation;
  /** Ids of the edges that were taken, in order, `always` and raised events included. */
  readonly taken: readonly string[];
  /** Paths of the states that were active after one of its microsteps. */
  readonly entered: readonly string[];
}

/** Where a run of a machine starts: with an input, or in the middle. */
export type Start =
  | { readonly input?: unknown }
  /** As a row or a stored snapshot is taken up: no child is running and no timer is set. */
  | { readonly value: unknown; readonly context: unknown };

/** What a machine does at its start, `always` included. Nothing runs: no action, no child, no timer. */
export function begin(machine: AnyStateMachine, start: Start): Step {
  if ('value' in start) {
    const snapshot = machine.resolveState(start as never);
    return { situation: { ...nothingBegun, snapshot }, taken: [], entered: activeStates(snapshot) };
  }
  const step = observed(machine, { ...nothingBegun, snapshot: undefined as never }, (scope) =>
    machine.getInitialSnapshot(scope, start.input)
  );
  throwOwnError(step.situation.snapshot, null);
  return step;
}

/**
 * What a machine does with an event, and with those that it sends itself at once. Nothing runs.
 *
 * An error of a child that it does not handle ends it, with the status `error`. What its own code throws is thrown.
 * A delayed event is taken off the timers by the caller: see {@link elapse}.
 */
export function step(situation: Situation, event: Event): Step {
  const { machine } = situation.snapshot;
  const step = observed(machine, withEnded(situation, event), (scope, snapshot) =>
    machine.transition(snapshot, event, scope)
  );
  throwOwnError(step.situation.snapshot, event);
  return step;
}

/** Throws what the machine's own code threw; the error of a child that it fails of is part of how it behaves. */
export function throwOwnError({ status, error }: AnyMachineSnapshot, event: Event | null): void {
  const isChilds = event !== null && event.type.startsWith('xstate.error.actor.') && event['error'] === error;
  if (status === 'error' && !isChilds) throw error;
}

/** What edges a microstep took. @throws {Error} when there were too many in one step: they run in a circle. */
export function edgeIdsOf(microstep: InspectedMicrostepEvent, before: number): readonly string[] {
  if (before < maxMicrosteps) return edgeIdsIn(microstep);
  throw new Error('its `always` transitions, or the events that it raises, do not come to rest');
}

/** Lets time pass until the first timer is due, and has the machine take its event. */
export function elapse(situation: Situation): Step {
  const [timer, ...timers] = situation.timers;
  return step({ ...situation, timers, at: timer!.at }, timer!.event);
}

/** Paths of the active states, the root left out. */
export function activeStates(snapshot: AnyMachineSnapshot): readonly string[] {
  return snapshot._nodes.filter(({ parent }) => parent !== undefined).map(pathOf);
}

/** What a machine invoked and spawned, by id. */
export function childrenOf(snapshot: AnyMachineSnapshot): Readonly<Record<string, AnyActorRef | undefined>> {
  return snapshot.children as Readonly<Record<string, AnyActorRef | undefined>>;
}

/** Beyond this, transitions run in a circle. */
const maxMicrosteps = 1_000;

const nothingBegun = { at: 0, timers: [], ended: new Set<AnyActorRef>() } as const;

type Take = (scope: AnyActorScope, snapshot: AnyMachineSnapshot) => AnyMachineSnapshot;

function observed(machine: AnyStateMachine, from: Situation, first: Take): Step {
  const taken: string[] = [];
  const entered: string[] = [];
  let { snapshot, timers } = from;
  /** What it sends itself comes after what it is doing. */
  const mailbox: Take[] = [first];
  for (let take = mailbox.shift(); take !== undefined; take = mailbox.shift()) {
    const { scope, self } = inertScope(machine, snapshot, (observation) => {
      // A child that is a machine begins as soon as it is made, in the same system.
      if (observation.type !== '@xstate.microstep' || observation.actorRef !== self) return;
      taken.push(...edgeIdsOf(observation, taken.length));
      entered.push(...activeStates(observation.snapshot as AnyMachineSnapshot));
    });
    scope.actionExecutor = ({ type, params }) => {
      const { event, id, delay, to, sendId } = (params ?? {}) as unknown as Sending;
      if (type === 'xstate.cancel') timers = withoutTimer(timers, sendId ?? null);
      else if (type !== 'xstate.raise' && !(type === 'xstate.sendTo' && to === self)) return;
      else if (delay !== undefined)
        timers = withTimer(timers, { id: id ?? null, at: from.at + delay, event });
      else if (type === 'xstate.sendTo') mailbox.push((next, now) => machine.transition(now, event, next));
    };
    snapshot = take(scope, snapshot);
    if (snapshot.status !== 'active') break;
  }
  const isActive = snapshot.status === 'active';
  return {
    situation: { ...from, snapshot, timers: isActive ? timers : [] },
    taken,
    entered: [...entered, ...activeStates(snapshot)]
  };
}

/** What actions that send something, or cancel it, resolve to. */
interface Sending {
  readonly event: Event;
  readonly id?: string;
  readonly delay?: number;
  readonly to?: unknown;
  readonly sendId?: string;
}

/**
 * What a machine needs around it to take a transition, with a parent to address and a system of its own: ids of a
 * system that steps share would be taken. `self.getSnapshot()` is what a live actor would answer meanwhile.
 */
function inertScope(
  machine: AnyStateMachine,
  snapshot: AnyMachineSnapshot,
  inspect: (observation: InspectionEvent) => void
) {
  const parent = createActor(still(undefined), { inspect });
  const self = createActor(still(snapshot), { id: machine.id, parent });
  const scope: AnyActorScope = {
    self,
    id: self.id,
    sessionId: self.sessionId,
    system: self.system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing
  };
  return { scope, self };
}

/** An actor that does nothing. */
export function still(snapshot: unknown): ActorLogic<Snapshot<unknown>, EventObject> {
  return {
    transition: (current) => current,
    getInitialSnapshot: () => (snapshot ?? idle) as Snapshot<unknown>,
    getPersistedSnapshot: (current) => current
  };
}

const idle: Snapshot<unknown> = { status: 'active', output: undefined, error: undefined };

function nothing(): void {
  // What it would do has an effect.
}

function withEnded(situation: Situation, { type, actorId }: Event): Situation {
  if (!/^xstate\.(done|error)\.actor\./.test(type)) return situation;
  const child = childrenOf(situation.snapshot)[actorId as string];
  return child === undefined ? situation : { ...situation, ended: new Set([...situation.ended, child]) };
}
