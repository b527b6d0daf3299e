import { createActor, type ActorRefFrom } from 'xstate';
import type { HealthPolicy } from '../../machines/coordinatorMachine.ts';
import type { FleetRef } from '../../machines/fleetMachine.ts';
import type { CoordinatorOptions } from '../coordinatorAgent.ts';
import {
  createFleet,
  fleetLogic,
  resolveOptions,
  type Fleet,
  type FleetLogic,
  type ResolvedOptions
} from '../createFleet.ts';
import { outsideAttempts } from '../currentAttempt.ts';
import { NotRunningError } from '../errors.ts';
import { startActor, stopActor } from '../fleetActor.ts';
import { FleetEvents } from '../fleetEvents.ts';
import { createReadModel } from '../readModel.ts';
import { assertFunction, readOptions } from '../validation.ts';
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
  readonly #options: ResolvedOptions;
  readonly #inspect: CoordinatorOptions['inspect'];
  readonly #events: FleetEvents;
  readonly #coordination: FleetCoordination;
  #fleet: Fleet;
  #actor: ActorRefFrom<FleetLogic> | null = null;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  /** @throws {ValidationError} by the name of the option. */
  constructor(options: Omit<CoordinatorOptions, 'host'>) {
    const { name = 'coordinator', retention = {}, health = {}, inspect, onListenerError, ...ports } = options;
    const kept = readOptions('config.retention', retention, ['maxAgeMs', 'maxResults']);
    this.#options = resolveOptions({ ...ports, name, handlers: {}, config: { retention: kept, health } });
    if (inspect !== undefined) assertFunction('options.inspect', inspect);
    this.#inspect = inspect;
    this.#events = new FleetEvents(onListenerError);
    const { store, clock } = this.#options;
    this.#coordination = new FleetCoordination({
      name,
      store,
      clock,
      events: this.#events,
      send: async (command) => {
        const actor = this.#requireActor(command.type);
        const { commandId, reply } = this.#fleet.journal.replies.expect<unknown>();
        outsideAttempts(() => actor.send({ ...command, commandId }));
        return reply;
      },
      state: (command) => ({
        fleet: this.#requireActor(command).getSnapshot(),
        statistics: this.#fleet.journal.statistics
      })
    });
    this.#fleet = this.#createFleet();
  }

  get host(): CoordinatorHost {
    return this.#coordination.host;
  }

  /** Idempotent. @throws {LockedError} and others */
  start(): Promise<void> {
    this.#starting ??= outsideAttempts(() => this.#start()).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (this.#actor === null) return;
    this.#stopping ??= outsideAttempts(() => this.#stop(this.#actor!));
    await this.#stopping;
  }

  async #start(): Promise<void> {
    await this.#stopping;
    // A fleet that has run is spent: the next one takes up from the store.
    if (this.#actor !== null) this.#fleet = this.#createFleet();
    const logic = fleetLogic(this.#options, () => this.#fleet);
    const inspect = this.#inspect && this.#events.guarded(this.#inspect);
    this.#actor = createActor(logic, inspect ? { inspect } : {});
    this.#stopping = null;
    this.#events.attach(this.#actor as unknown as FleetRef);
    await startActor(this.#actor, this.#fleet, this.#options.name);
  }

  async #stop(actor: ActorRefFrom<FleetLogic>): Promise<void> {
    // A start that comes meanwhile waits for the end of this, and begins anew.
    this.#starting = null;
    await stopActor(actor, this.#options.clock, true, stopTimeoutMs);
    this.#coordination.end();
  }

  #createFleet(): Fleet {
    const { machine, journal } = createFleet(this.#options, createReadModel(), {
      hasTaskListeners: () => false,
      onReleased: (results) => this.#coordination.deliver(results),
      onListenerError: (error) => this.#events.report(error)
    });
    return { machine: machine.provide({ actions: { spawnWorkers: () => {} } }), journal };
  }

  #requireActor(command: string): ActorRefFrom<FleetLogic> {
    if (this.#actor?.getSnapshot().status === 'active') return this.#actor;
    throw new NotRunningError(this.#options.name, command, 'stopped');
  }
}
