import {
  createActor,
  type ActorLogic,
  type AnyActorRef,
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventObject
} from 'xstate';
import { take, type Move } from './moves.ts';
import {
  activeStates,
  begin,
  edgeIdsOf,
  still,
  throwOwnError,
  type Event,
  type Start,
  type Step
} from './step.ts';

/** What can be seen of a machine after an event. */
export interface Observation {
  readonly snapshot: AnyMachineSnapshot;
  /** Ids of the edges that the event had it take. */
  readonly taken: readonly string[];
  /** Paths of the states that were active, were it for a moment. */
  readonly entered: readonly string[];
}

/** A machine that is taken along a path. */
export interface Run {
  /** What it did at its start. */
  readonly first: Observation;
  next(move: Move): Observation;
}

/** Steps the machine from snapshot to snapshot, as a ledger does with its rows. Nothing runs. */
export function runStepped(machine: AnyStateMachine, start: Start): Run {
  let last: Step = begin(machine, start);
  return {
    first: observationOf(last),
    next(move) {
      last = take(last.situation, move);
      return observationOf(last);
    }
  };
}

/**
 * Has a live actor of the machine take the path: its mailbox, its scheduler, a clock that only the path moves.
 *
 * Of its actions only those are executed that keep it going: events that it sends itself, at once or later. Its own
 * actions have no effect, and the children that it invokes and spawns are never started: the path says what they tell.
 */
export function runAsActor(machine: AnyStateMachine, start: Start): Run {
  const clock = new PathClock();
  let taken: string[] = [];
  let entered: string[] = [];
  const parent = createActor(still(undefined), {
    clock,
    inspect: (observation) => {
      if (observation.type !== '@xstate.microstep') return;
      // A child that is a machine begins as soon as it is made, in the same system.
      const isOwn = (observation.actorRef as AnyActorRef)._parent === parent;
      if (!isOwn) return;
      taken.push(...edgeIdsOf(observation, taken.length));
      entered.push(...activeStates(observation.snapshot as AnyMachineSnapshot));
    }
  });
  const actor = createActor(harmless(machine), {
    id: machine.id,
    parent,
    ...('value' in start
      ? { snapshot: machine.getPersistedSnapshot(machine.resolveState(start as never)) as never }
      : { input: start.input })
  });
  actor.start();
  return {
    first: observe(null),
    next({ kind, event }) {
      if (kind === 'delay') clock.fireNext();
      else actor.send(event);
      return observe(event);
    }
  };

  function observe(event: Event | null): Observation {
    const snapshot = actor.getSnapshot();
    throwOwnError(snapshot, event);
    const observation = { snapshot, taken, entered: [...entered, ...activeStates(snapshot)] };
    taken = [];
    entered = [];
    return observation;
  }
}

function observationOf({ situation: { snapshot }, taken, entered }: Step): Observation {
  return { snapshot, taken, entered };
}

function harmless(machine: AnyStateMachine): ActorLogic<AnyMachineSnapshot, EventObject, unknown> {
  return {
    transition: (snapshot, event, scope) => machine.transition(snapshot, event, harmlessScope(scope)),
    getInitialSnapshot: (scope, input) => machine.getInitialSnapshot(harmlessScope(scope), input),
    getPersistedSnapshot: (snapshot, options) => machine.getPersistedSnapshot(snapshot, options),
    restoreSnapshot: (snapshot, scope) =>
      machine.restoreSnapshot(snapshot as never, scope) as AnyMachineSnapshot
  };
}

/** `spawn` in an `assign` puts the start of its child off through `defer`, outside any action: it is dropped there. */
function harmlessScope(scope: AnyActorScope): AnyActorScope {
  let isAllowed = false;
  return {
    ...scope,
    defer: (callback) => {
      if (isAllowed) scope.defer(callback);
    },
    emit: () => {},
    actionExecutor: (action) => {
      const { type, params, exec } = action;
      const isOwn =
        type === 'xstate.sendTo'
          ? (params as unknown as { readonly to: unknown }).to === scope.self
          : ['xstate.raise', 'xstate.cancel', 'xstate.stopChild'].includes(type);
      if (!isOwn || exec === undefined) return;
      scope.actionExecutor({
        ...action,
        exec: (...given) => {
          isAllowed = true;
          try {
            exec(...given);
          } finally {
            isAllowed = false;
          }
        }
      });
    }
  };
}

/** A clock of XState that stands still, and jumps to its first timer. */
class PathClock {
  #now = 0;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers = [...this.#timers, timer].sort((left, right) => left.at - right.at);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
  }

  /** Only one, also when others are due at the same time. */
  fireNext(): void {
    const timer = this.#timers.shift();
    if (timer === undefined) return;
    this.#now = timer.at;
    timer.callback();
  }
}
