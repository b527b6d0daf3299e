import type { HealthPolicy } from '../../machines/coordinatorMachine.ts';
import { createFleet, resolveOptions, type Fleet, type ResolvedOptions } from '../createFleet.ts';
import { FleetActor } from '../fleet/fleetActor.ts';
import { FleetEvents } from '../fleet/fleetEvents.ts';
import { ReadModelFeed } from '../journal/readModelFeed.ts';
import { readInspector } from '../inspection/inspector.ts';
import { TurnObservers } from '../journal/turnObserver.ts';
import { readOptions } from '../validation/validation.ts';
import type { CoordinatorOptions } from './coordinatorAgent.ts';
import { FleetCoordination, type CoordinatorHost } from './fleetCoordination.ts';

/** How long a coordinator that serves no fleet keeps results, within a minute; the summary goes on counting them. */
export interface ResultRetention {
  /** Those go that were received longer ago than this, ms. Finite, >= 0; `null`: none, the default. */
  readonly maxAgeMs: number | null;
  /** Those go after which so many have come. Integer >= 0; `null`: none, the default. */
  readonly maxResults: number | null;
}

/** The policies of a coordinator that serves no fleet, as it is declared with them. */
export interface ResultPolicies {
  readonly retention?: Partial<ResultRetention>;
  readonly health?: Partial<HealthPolicy>;
}

/** How long what was begun may take at a stop, ms. */
const stopTimeoutMs = 30_000;

/**
 * The fleet of a coordinator that serves none: without workers, and without types of tasks.
 *
 * So results that come from everywhere are committed, recovered and removed by the very code of a fleet.
 */
export class OwnFleet {
  readonly #coordination: FleetCoordination;
  readonly #actor: FleetActor;

  /** @throws {ValidationError} by the name of the option. */
  constructor(options: Omit<CoordinatorOptions, 'host'>) {
    const { name = 'coordinator', retention = {}, health = {}, inspect, onListenerError, ...ports } = options;
    const kept = readOptions('config.retention', retention, ['maxAgeMs', 'maxResults']);
    const resolved = resolveOptions({
      ...ports,
      name,
      handlers: {},
      config: { retention: kept, health }
    });
    const inspector = inspect === undefined ? null : readInspector('options.inspect', inspect);
    const { store, clock } = resolved;
    const events = new FleetEvents(onListenerError);
    this.#coordination = new FleetCoordination({
      name,
      store,
      clock,
      events,
      send: async (command) => this.#actor.send(command),
      state: (command) => ({
        fleet: this.#actor.require(command).getSnapshot(),
        journal: this.#actor.journal
      })
    });
    this.#actor = new FleetActor({
      options: resolved,
      create: () => this.#createFleet(resolved, events),
      events,
      actorOptions: { ...(inspector && { inspect: inspector }) },
      onEnded: async () => this.#coordination.end()
    });
  }

  get host(): CoordinatorHost {
    return this.#coordination.host;
  }

  /** Idempotent. @throws {LockedError} and others */
  start(): Promise<void> {
    return this.#actor.start();
  }

  /** Idempotent. */
  stop(): Promise<void> {
    return this.#actor.stop({ timeoutMs: stopTimeoutMs });
  }

  #createFleet(options: ResolvedOptions, events: FleetEvents): Fleet {
    const { machine, journal } = createFleet(options, new ReadModelFeed(), {
      observers: new TurnObservers(),
      hasTaskListeners: () => false,
      hasWorkerListeners: () => false,
      onReleased: (results) => this.#coordination.deliver(results),
      onListenerError: (error) => events.report(error)
    });
    return { machine: machine.provide({ actions: { spawnWorkers: () => {} } }), journal };
  }
}
