import type { AnyActorRef, AnyStateMachine, ContextFrom, EventFromLogic, EventObject } from 'xstate';
import { ValidationError } from '../errors.ts';
import { quote } from '../validation/show.ts';
import { edgesOf, isMeant, statesOf } from './edges.ts';
import { childrenOf, elapse, step, type Event, type Situation, type Step } from './step.ts';

/** Payloads to try with each event, as data or made from the context of the moment. */
export type EventCases<TMachine extends AnyStateMachine> = {
  readonly [TType in EventFromLogic<TMachine>['type']]?: readonly EventCase<
    PayloadOf<EventFromLogic<TMachine>, TType>,
    ContextFrom<TMachine>
  >[];
};

/** An event without its type. */
export type EventCase<TPayload, TContext> = TPayload | ((context: TContext) => TPayload);

/** How the actors that a machine invokes and spawns may end, by their ids, or by their `src`. */
export type ActorOutcomes = Readonly<Record<string, ActorOutcome>>;

export interface ActorOutcome {
  /** Defaults to one, `undefined`. */
  readonly outputs?: readonly unknown[];
  /** Defaults to one, an `Error`, where something takes it. One that nothing takes ends the machine. */
  readonly errors?: readonly unknown[];
  /** What `onSnapshot` is told. Defaults to none. */
  readonly snapshots?: readonly unknown[];
}

/** Something that can happen to a machine. */
export interface Move {
  /** `outcome`: a child tells something; `delay`: time passes until the first timer is due. */
  readonly kind: 'event' | 'outcome' | 'delay';
  readonly event: Event;
}

/** What can happen to a machine in a situation. */
export class Moves {
  readonly #cases: readonly (readonly [type: string, EventCase<object, unknown>])[];
  readonly #actors: ActorOutcomes;
  readonly #descriptors: readonly string[];
  /** Ids and sources of the actors that the chart invokes, or that came up. */
  readonly #known: Set<string>;
  readonly #invoked: ReadonlySet<string>;
  #hasSpawned = false;

  constructor(
    machine: AnyStateMachine,
    events: Readonly<Record<string, readonly EventCase<object, unknown>[] | undefined>>,
    actors: ActorOutcomes
  ) {
    this.#cases = Object.entries(events).flatMap(([type, cases = []]) =>
      cases.map((payload) => [type, payload] as const)
    );
    this.#actors = actors;
    this.#descriptors = [...new Set(edgesOf(machine).map(({ event }) => event))];
    const invocations = [machine.root, ...statesOf(machine)].flatMap(({ invoke }) => invoke);
    this.#invoked = new Set(invocations.map(({ id }) => id));
    this.#known = new Set(invocations.flatMap(namesOf));
  }

  /** Nothing happens to a machine that is done. */
  in({ snapshot, timers, ended }: Situation): readonly Move[] {
    if (snapshot.status !== 'active') return [];
    const context = snapshot.context as unknown;
    const told = this.#cases.map(([type, payload]): Move => {
      const fields = typeof payload === 'function' ? (payload(context) as object) : payload;
      return { kind: 'event', event: { ...fields, type } };
    });
    const children = Object.values(childrenOf(snapshot));
    const outcomes = children
      .filter((child) => child !== undefined && !ended.has(child))
      .flatMap((child) => this.#outcomesOf(child!))
      .map((event): Move => ({ kind: 'outcome', event }));
    const [timer] = timers;
    return [...told, ...outcomes, ...(timer ? [{ kind: 'delay', event: timer.event } as const] : [])];
  }

  /**
   * To be asked when all is looked at: the ids of what is spawned are known then alone, and where anything was, any name
   * may be one of them.
   *
   * @throws {ValidationError} when it was said how an actor ends that there is not.
   */
  assertActorsKnown(): void {
    if (this.#hasSpawned) return;
    for (const name of Object.keys(this.#actors)) {
      if (this.#known.has(name)) continue;
      const known =
        this.#known.size === 0 ? 'absent: it invokes none' : `one of ${[...this.#known].join(', ')}`;
      throw new ValidationError('actors', quote(name), known);
    }
  }

  #outcomesOf({ id: actorId, src }: AnyActorRef): readonly Event[] {
    if (!this.#invoked.has(actorId)) this.#hasSpawned = true;
    const outcome = this.#actors[actorId] ?? (typeof src === 'string' ? this.#actors[src] : undefined);
    const { outputs = [undefined], errors, snapshots = [] } = outcome ?? {};
    const awaited = [
      ...outputs.map((output) => ({ type: `xstate.done.actor.${actorId}`, output, actorId })),
      ...(errors ?? [unavailable]).map((error) => ({
        type: `xstate.error.actor.${actorId}`,
        error,
        actorId
      })),
      ...snapshots.map((snapshot) => ({ type: `xstate.snapshot.${actorId}`, snapshot }))
    ];
    // What was said to fail does fail, also where nothing takes it.
    return awaited.filter(
      (event) => ('error' in event && errors !== undefined) || this.#isAwaited(event.type)
    );
  }

  /** A plain wildcard means events from outside; nobody waits for the end of an actor with it. */
  #isAwaited(type: string): boolean {
    return this.#descriptors.some(
      (descriptor) => descriptor.startsWith('xstate.') && isMeant(descriptor, type)
    );
  }
}

/** What a machine does when something happens to it. */
export function take(situation: Situation, { kind, event }: Move): Step {
  return kind === 'delay' ? elapse(situation) : step(situation, event);
}

const unavailable = new Error('unavailable');

/** What an invocation is called by: the id that XState makes up for one that has none is nobody's. */
function namesOf({ id, src }: { readonly id: string; readonly src: unknown }): readonly string[] {
  return typeof src === 'string' && src !== id ? [id, src] : [id];
}

type PayloadOf<TEvent extends EventObject, TType extends string> = TEvent extends unknown
  ? TType extends TEvent['type']
    ? Omit<TEvent, 'type'>
    : never
  : never;
