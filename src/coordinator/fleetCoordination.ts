import type { CoordinatorContext } from '../../machines/coordinatorMachine.ts';
import type { LedgerCommand, OperationCommand } from '../../machines/fleetCommand.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { FleetContext, FleetSnapshot } from '../../machines/fleetMachine.ts';
import type { Clock } from '../clock.ts';
import { NotRunningError } from '../errors.ts';
import type { FleetEvents } from '../fleet/fleetEvents.ts';
import type { Journal } from '../journal/journal.ts';
import type { Store, StoredResult } from '../store.ts';
import type { ResultStatistics } from './resultStatistics.ts';

/** What a coordinator needs of the fleet that it serves. A fleet gives it to the factory of its coordinator. */
export interface CoordinatorHost {
  /** Of the fleet. */
  readonly name: string;
  readonly store: Store;
  readonly clock: Clock;
  /** Carries a command out; resolves when it is durable. */
  send(command: LedgerCommand | OperationCommand): Promise<unknown>;
  /** What the fleet knows now. @param command - For whom, in an error. @throws {NotRunningError} */
  state(command: string): CoordinationState;
  on(type: FleetFact['type'], listener: (fact: never) => void): Disposable;
  /** Has each turn's results told, after its commit. */
  attach(listener: ResultListener): void;
  /** Tells of what a hook threw. */
  report(error: unknown): void;
}

export interface CoordinationState {
  readonly context: CoordinatorContext;
  readonly metadata: FleetContext['metadata'];
  readonly statistics: ResultStatistics;
}

/** Hears of results, and of the fleet's end. */
export interface ResultListener {
  push(results: readonly StoredResult[]): void;
  end(): void;
}

interface FleetCoordinationOptions extends Pick<CoordinatorHost, 'name' | 'store' | 'clock' | 'send'> {
  readonly events: FleetEvents;
  /** @throws {NotRunningError} */
  readonly state: (command: string) => {
    readonly fleet: Pick<FleetSnapshot, 'context'>;
    readonly journal: Pick<Journal, 'coordinator' | 'statistics'>;
  };
}

/** Between a fleet and its coordinator: feeds it, and lets it ask. */
export class FleetCoordination {
  readonly host: CoordinatorHost;
  readonly #options: FleetCoordinationOptions;
  #listener: ResultListener | null = null;

  constructor(options: FleetCoordinationOptions) {
    this.#options = options;
    const { name, store, clock, send, events } = options;
    this.host = {
      name,
      store,
      clock,
      send,
      state: (command) => this.#state(command),
      on: (type, listener) => events.on(type, listener),
      attach: (listener) => {
        this.#listener = listener;
      },
      report: (error) => events.report(error)
    };
  }

  deliver(results: readonly StoredResult[]): void {
    if (results.length > 0) this.#listener?.push(results);
  }

  end(): void {
    this.#listener?.end();
  }

  #state(command: string): CoordinationState {
    const { fleet, journal } = this.#options.state(command);
    const { coordinator: context, statistics } = journal;
    // It is spawned when the store has been read.
    if (context === undefined) throw new NotRunningError(this.#options.name, command, 'recovering');
    return { context, metadata: fleet.context.metadata, statistics };
  }
}
