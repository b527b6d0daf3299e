import type { FleetRef } from '../../machines/fleetMachine.ts';
import { systemClock, type Clock } from '../clock.ts';
import { FleetCoordination } from '../coordinator/fleetCoordination.ts';
import { createFleet, resolveOptions, type Fleet, type ResolvedOptions } from '../createFleet.ts';
import { LivePages } from '../dashboard/livePages.ts';
import type { ServedFleet } from '../dashboard/servedFleet.ts';
import { WorkerInstances, type WorkerInstancesOptions } from '../executors/workerInstances.ts';
import type { FleetInstruments, ObservedFleet } from '../fleetTelemetry.ts';
import type { HandlerRegistry } from '../handlers/handlerRegistry.ts';
import { readInspection, type Inspection } from '../inspection/inspection.ts';
import { inspectedBy } from '../inspection/inspector.ts';
import { ReadModelFeed } from '../journal/readModelFeed.ts';
import { TurnObservers } from '../journal/turnObserver.ts';
import { FleetLog, readLog } from '../logging/fleetLog.ts';
import type { Recorder } from '../recording/recorder.ts';
import { Schedules } from '../schedules/schedules.ts';
import { Submissions } from '../submission/submissions.ts';
import { assertTelemetry } from '../validation/ports.ts';
import { assertId, assertPath } from '../validation/validation.ts';
import { obeyInbox, type Commandable } from './commandInbox.ts';
import { FleetActor, type FleetActorOptions } from './fleetActor.ts';
import { FleetEvents } from './fleetEvents.ts';
import { healthOf, type FleetHealth } from './fleetHealth.ts';
import { FleetHooks, type FleetHookMethods } from './fleetHooks.ts';
import { FleetReader } from './fleetReader.ts';
import { readFleet } from './fleetReading.ts';
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
  readonly #log: FleetLog | null;
  readonly #instruments: FleetInstruments | null;

  /** @param manager - Whom pages and other processes command. @throws {ValidationError} */
  constructor(
    given: Omit<FleetManagerOptions, 'coordinator'>,
    manager: Commandable & ServedFleet,
    methods: ManagerMethods
  ) {
    const { inspect, inspectRows, logger, logRate, telemetry, ...others } = given;
    const { systemId, onListenerError, record, ...fleetOptions } = others;
    const log = readLog(logger, logRate);
    if (telemetry !== undefined) assertTelemetry('options.telemetry', telemetry);
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
    this.#log = log === null ? null : new FleetLog({ ...log, fleet: name, clock, events: this.events });
    this.#instruments = telemetry?.attach(this.#observed()) ?? null;
    this.actor = new FleetActor({
      options: this.options,
      create: () => this.#createFleet(),
      events: this.events,
      actorOptions: {
        ...this.#inspectOption(record !== undefined),
        ...(typeof logger === 'function' && { logger }),
        ...(systemId !== undefined && { systemId })
      },
      onStarting: async () => {
        this.#instruments?.starting();
        if (record !== undefined) await this.#record(record);
      },
      onStarted: () => {
        this.#log?.started(this.actor.journal.ledger.head.stats);
        this.#showRows();
        return obeyInbox({ store, scope: name, clock, fleet: manager, submissions: this.submissions });
      },
      onEnded: async () => {
        this.coordination.end();
        await this.pages.close();
        await this.#recorder?.close();
        this.#instruments?.ended();
        this.#log?.ended();
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
        fleet: actor.requireOwner(command).getSnapshot(),
        journal: actor.journal
      })
    });
    this.reader = new FleetReader(store, name);
    this.settlements = new Settlements({
      clock,
      executor,
      reader: this.reader,
      news: () => actor.journal.waiters,
      assertOpen: (command) => void actor.requireOwner(command)
    });
    this.submissions = new Submissions({
      options: this.options,
      actor,
      reader: this.reader,
      traces: this.#instruments?.traces ?? null
    });
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
      isRemote: executor.isRemote === true,
      metrics: telemetry === undefined ? null : () => telemetry.metrics(),
      health: () => this.#health(),
      onError
    });
  }

  /** What telemetry sees of the fleet. */
  #observed(): ObservedFleet {
    const { name, clock, store } = this.options;
    return {
      name,
      clock,
      observers: this.#observers,
      on: (type, listener) => this.events.on(type, listener as (fact: never) => void),
      read: () => {
        const { snapshot, journal } = this.actor;
        return snapshot === null ? null : readFleet(snapshot, journal);
      },
      health: () => this.#health(),
      traceparentOf: async ({ seq, batchId }) => {
        const { ledger } = this.actor.journal;
        if (batchId !== null) {
          return (ledger.batches.get(batchId) ?? (await store.readBatch(name, batchId)))?.context.traceparent;
        }
        const payload = ledger.payload(seq) ?? (await store.readPayloads(name, [seq])).get(seq);
        return payload?.traceparent;
      }
    };
  }

  #health(): FleetHealth {
    return healthOf(this.options.name, this.actor.snapshot);
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
        this.#inspection !== null || this.#hooks.wantsTaskFacts || this.events.hasListeners('task'),
      hasWorkerListeners: () =>
        this.#inspection !== null || this.#recorder !== null || this.events.hasListeners('worker'),
      onListenerError: (error) => this.events.report(error),
      observers: this.#observers,
      onReleased: (results, facts) => {
        this.coordination.deliver(results);
        this.pages.released(results);
        this.#hooks.released(results, facts);
        this.#log?.released(results);
      },
      traces: this.#instruments?.traces ?? null
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
