import type { FleetRef } from '../../machines/fleetMachine.ts';
import { systemClock, type Clock } from '../clock.ts';
import { FleetCoordination } from '../coordinator/fleetCoordination.ts';
import { createFleet, resolveOptions, type Fleet, type ResolvedOptions } from '../createFleet.ts';
import { LivePages } from '../dashboard/livePages.ts';
import type { ServedFleet } from '../dashboard/servedFleet.ts';
import { WorkerInstances, type WorkerInstancesOptions } from '../executors/workerInstances.ts';
import type { HandlerRegistry } from '../handlers/handlerRegistry.ts';
import { readInspection, type Inspection } from '../inspection/inspection.ts';
import { inspectedBy } from '../inspection/inspector.ts';
import { ReadModelFeed } from '../journal/readModelFeed.ts';
import { TurnObservers } from '../journal/turnObserver.ts';
import type { Recorder } from '../recording/recorder.ts';
import { Schedules } from '../schedules/schedules.ts';
import { Submissions } from '../submission/submissions.ts';
import { assertFunction, assertId, assertPath } from '../validation/validation.ts';
import { obeyInbox, type Commandable } from './commandInbox.ts';
import { FleetActor, type FleetActorOptions } from './fleetActor.ts';
import { FleetEvents } from './fleetEvents.ts';
import { FleetHooks, type FleetHookMethods } from './fleetHooks.ts';
import { FleetReader } from './fleetReader.ts';
import { Hooks } from './hooks.ts';
import type { FleetManagerOptions } from './managerOptions.ts';
import { Settlements } from './settlements.ts';

/** Methods of a fleet manager that a subclass may have made its own. */
export interface ManagerMethods {
  readonly hooks: FleetHookMethods;
  /** `null`: handlers alone do the work. */
  readonly workers: Pick<WorkerInstancesOptions, 'getInstance' | 'execute'> | null;
}

/** What stands behind a fleet manager, put together: what it asks, and what hears of its fleet's turns. */
export class ManagerParts {
  readonly options: ResolvedOptions;
  readonly readModel = new ReadModelFeed();
  readonly events: FleetEvents;
  readonly actor: FleetActor;
  readonly reader: FleetReader;
  readonly submissions: Submissions;
  readonly settlements: Settlements;
  readonly schedules: Schedules;
  readonly coordination: FleetCoordination;
  readonly pages: LivePages;

  readonly #hooks: FleetHooks;
  readonly #inspection: Inspection | null;
  /** Where the fleet is recorded, from its first start on. */
  #recorder: Recorder | null = null;
  readonly #observers: TurnObservers;

  /** @param manager - Whom pages and other processes command. @throws {ValidationError} */
  constructor(
    given: Omit<FleetManagerOptions, 'coordinator'>,
    manager: Commandable & ServedFleet,
    methods: ManagerMethods
  ) {
    const { inspect, inspectRows, logger, systemId, onListenerError, record, ...fleetOptions } = given;
    if (logger !== undefined) assertFunction('options.logger', logger);
    if (systemId !== undefined) assertId('options.systemId', systemId);
    if (record !== undefined) assertPath('options.record', record);
    this.events = new FleetEvents(onListenerError);
    const onError = (error: unknown): void => this.events.report(error);
    this.#observers = new TurnObservers(onError);
    this.#inspection = readInspection(inspect, inspectRows, this.events);
    if (this.#inspection?.shadows) this.#observers.add(this.#inspection.shadows);
    this.#hooks = new FleetHooks(new Hooks(fleetOptions.clock ?? systemClock, onError), methods.hooks);
    this.options = resolveOptions(fleetOptions, {
      before: this.#hooks.before,
      ...(methods.workers && {
        workers: (handlers, clock) => this.#workerInstances(handlers, clock, methods.workers!)
      })
    });
    const { store, name, clock, executor } = this.options;
    this.actor = new FleetActor({
      options: this.options,
      create: () => this.#createFleet(),
      events: this.events,
      actorOptions: {
        ...this.#inspectOption(record !== undefined),
        ...(logger && { logger }),
        ...(systemId !== undefined && { systemId })
      },
      onStarting: async () => {
        if (record !== undefined) await this.#record(record);
      },
      onStarted: () => {
        this.#showRows();
        return obeyInbox(store, name, manager);
      },
      onEnded: async () => {
        this.coordination.end();
        await this.pages.close();
        await this.#recorder?.close();
      }
    });
    const { actor } = this;
    this.coordination = new FleetCoordination({
      name,
      store,
      clock,
      events: this.events,
      send: (command) => actor.send(command),
      state: (command) => ({
        fleet: actor.require(command).getSnapshot(),
        journal: actor.journal
      })
    });
    this.reader = new FleetReader(store, name);
    this.settlements = new Settlements({ clock, executor, actor, reader: this.reader });
    this.submissions = new Submissions({ options: this.options, actor, reader: this.reader });
    this.schedules = new Schedules({
      scope: name,
      store,
      types: () => executor.types,
      readData: this.submissions.readerOfData(),
      maxQueueSize: () => actor.configFor('schedule').maxQueueSize,
      send: (command) => actor.send(command)
    });
    this.pages = new LivePages({
      name,
      store,
      clock,
      actor,
      observers: this.#observers,
      readModel: this.readModel.store,
      fleet: manager,
      onError
    });
  }

  #workerInstances(
    handlers: HandlerRegistry,
    clock: Clock,
    methods: NonNullable<ManagerMethods['workers']>
  ): WorkerInstances {
    const concurrency = (): number => this.actor.configFor('getWorkerInstance').workerConcurrency;
    return new WorkerInstances({ handlers, clock, concurrency, ...methods });
  }

  #createFleet(): Fleet {
    return createFleet(this.options, this.readModel, {
      hasTaskListeners: () =>
        this.#inspection !== null || this.#hooks.wantsTaskFacts || this.events.hasTaskListeners,
      onListenerError: (error) => this.events.report(error),
      observers: this.#observers,
      onReleased: (results, facts) => {
        this.coordination.deliver(results);
        this.pages.released(results);
        this.#hooks.released(results, facts);
      }
    });
  }

  /** Begins a session of the recording. What writes it is loaded by those who record. */
  async #record(path: string): Promise<void> {
    const { Recorder } = await import('../recording/recorder.ts');
    const { name, clock } = this.options;
    this.#recorder ??= new Recorder({ path, fleet: name, clock, observers: this.#observers });
    await this.#recorder.open();
  }

  #inspectOption(isRecorded: boolean): Pick<FleetActorOptions['actorOptions'], 'inspect'> {
    // The recorder comes first: it throws nothing.
    const recorded: Inspection['inspect'] = (event) => this.#recorder?.inspect(event);
    const inspectors = [isRecorded ? recorded : undefined, this.#inspection?.inspect].filter(
      (each) => each !== undefined
    );
    return inspectors.length === 0 ? {} : { inspect: inspectedBy(inspectors) };
  }

  /** From now on an inspector sees rows as actors of the fleet. */
  #showRows(): void {
    const { actor } = this;
    this.#inspection?.shadows?.begin(actor.require('inspect') as unknown as FleetRef, actor.journal.ledger);
  }
}
