import type { Subscription } from 'xstate';
import { factTypes, type FleetFact } from '../../machines/fleetFact.ts';
import type { FleetRef } from '../../machines/fleetMachine.ts';
import { assertFunction, assertOneOf } from '../validation/validation.ts';
import { warnOf } from '../validation/warning.ts';
import { EventStream, type EventFilter } from './eventStream.ts';

/** Facts about single tasks and workers that are made only if somebody may want them. The others are told as they come. */
const toldOnDemand: Readonly<Record<'task' | 'worker', ReadonlySet<string>>> = {
  task: new Set<FleetFact['type']>(['task.settled', 'task.retrying']),
  worker: new Set<FleetFact['type']>(['worker.spawned', 'worker.stopped'])
};

export type FactOf<TType extends FleetFact['type']> = Extract<FleetFact, { type: TType }>;

/**
 * What a fleet tells, to callbacks and to streams. Subscriptions outlive a stop and go on after the next start.
 *
 * A subscriber that throws is reported and keeps its subscription; it disturbs nobody else.
 */
export class FleetEvents {
  readonly #listeners = new Map<FleetFact['type'] | '*', Set<(fact: never) => void>>();
  readonly #onError: (error: unknown) => void;

  /** @param onError - Told what a subscriber threw. Defaults to a warning of the process. @throws {ValidationError} */
  constructor(
    onError: (error: unknown) => void = (error) => warnOf("A subscriber of the fleet's events", error)
  ) {
    assertFunction('options.onListenerError', onError);
    this.#onError = onError;
  }

  /** Takes the facts of an actor. */
  attach(fleet: FleetRef): Subscription {
    return fleet.on('*', (fact) => this.#tell(fact));
  }

  /** Whether anybody may want facts about single tasks, or single workers. */
  hasListeners(kind: 'task' | 'worker'): boolean {
    for (const [type, { size }] of this.#listeners) {
      if (size > 0 && (type === '*' || toldOnDemand[kind].has(type))) return true;
    }
    return false;
  }

  on(type: FleetFact['type'] | '*', listener: (fact: never) => void): Disposable {
    assertOneOf('type', type, ['*', ...factTypes]);
    assertFunction('listener', listener);
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Facts from now on, until the reader leaves the loop. */
  stream(filter: EventFilter = {}): EventStream {
    return new EventStream(filter, (listener) => this.on('*', listener));
  }

  /** The callback, made harmless: what it throws is reported. */
  guarded<TArgument>(callback: (argument: TArgument) => void): (argument: TArgument) => void {
    return (argument) => {
      try {
        callback(argument);
      } catch (error) {
        this.report(error);
      }
    };
  }

  /** Tells of what a subscriber threw. Never throws. */
  report(error: unknown): void {
    try {
      this.#onError(error);
    } catch (thrown) {
      warnOf("A subscriber of the fleet's events", thrown);
    }
  }

  #tell(fact: FleetFact): void {
    for (const type of [fact.type, '*'] as const) {
      // A copy: a listener may subscribe or leave while it is told.
      for (const listener of [...(this.#listeners.get(type) ?? [])]) {
        this.guarded(listener)(fact as never);
      }
    }
  }
}
