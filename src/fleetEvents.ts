import type { Subscription } from 'xstate';
import type { FleetFact } from '../machines/fleet.ts';
import type { FleetRef } from '../machines/fleetMachine.ts';

export type FactOf<TType extends FleetFact['type']> = Extract<FleetFact, { type: TType }>;

/** Which facts an event stream gives. */
export interface EventFilter {
  readonly batchId?: string;
  readonly types?: readonly FleetFact['type'][];
}

/** Facts that an unread stream holds; when one more comes, the oldest is dropped. */
const maxUnread = 10_000;

/**
 * What a fleet tells, to callbacks and to streams. Subscriptions outlive a stop and go on after the next start.
 *
 * A subscriber that throws is reported and keeps its subscription; it disturbs nobody else.
 */
export class FleetEvents {
  readonly #listeners = new Map<FleetFact['type'] | '*', Set<(fact: never) => void>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Takes the facts of an actor. */
  attach(fleet: FleetRef): Subscription {
    return fleet.on('*', (fact) => this.#tell(fact));
  }

  /** Whether anybody may want facts about single tasks. */
  get hasTaskListeners(): boolean {
    for (const [type, { size }] of this.#listeners) {
      if (size > 0 && (type === '*' || type.startsWith('task.'))) return true;
    }
    return false;
  }

  on(type: FleetFact['type'] | '*', listener: (fact: never) => void): Disposable {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Facts from now on, until the reader leaves the loop. */
  async *stream({ batchId, types }: EventFilter = {}): AsyncGenerator<FleetFact, void, undefined> {
    const unread: FleetFact[] = [];
    let wake: (() => void) | null = null;
    const subscription = this.on('*', (fact: FleetFact) => {
      if (types !== undefined && !types.includes(fact.type)) return;
      if (batchId !== undefined && !('batchId' in fact && fact.batchId === batchId)) return;
      if (unread.push(fact) > maxUnread) unread.shift();
      wake?.();
    });
    try {
      for (;;) {
        const fact = unread.shift();
        if (fact !== undefined) yield fact;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      subscription[Symbol.dispose]();
    }
  }

  #tell(fact: FleetFact): void {
    for (const type of [fact.type, '*'] as const) {
      // A copy: a listener may subscribe or leave while it is told.
      for (const listener of [...(this.#listeners.get(type) ?? [])]) {
        try {
          listener(fact as never);
        } catch (error) {
          this.#onError(error);
        }
      }
    }
  }
}
