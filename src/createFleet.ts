import { fromCallback, fromPromise, type ActorLogic, type ActorSystem, type ActorSystemInfo } from 'xstate';
import { coordinatorMachine } from '../machines/coordinatorMachine.ts';
import type { FleetConfig } from '../machines/fleetConfig.ts';
import type { FleetFact } from '../machines/fleetFact.ts';
import {
  fleetMachine,
  type AlarmEvent,
  type FleetEvent,
  type FleetRef,
  type FleetSnapshot
} from '../machines/fleetMachine.ts';
import { noTags } from '../machines/tags.ts';
import { workerMachine } from '../machines/workerMachine.ts';
import { withKnownSteps } from './charts/knownSteps.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Executor } from './executor.ts';
import { handlerSource, withBefore, type AttemptSource } from './executors/attemptSource.ts';
import { inProcessOf, type DetachedErrorPolicy } from './executors/inProcess.ts';
import type { FleetTraces } from './fleetTelemetry.ts';
import type { HandlerContext, Handlers } from './handlers/handler.ts';
import { HandlerRegistry } from './handlers/handlerRegistry.ts';
import type { ShouldRetry } from './handlers/outcome.ts';
import { Journal } from './journal/journal.ts';
import { ReadModelFeed } from './journal/readModelFeed.ts';
import { TurnObservers } from './journal/turnObserver.ts';
import { newId } from './newId.ts';
import { assertNoWorkerConfig, resolveConfig, type ConfigPatch } from './options.ts';
import type { Store, StoredResult } from './store.ts';
import { memoryStore } from './stores/memory.ts';
import { assertClock, assertExecutor, assertStore } from './validation/ports.ts';
import { readTags } from './validation/tags.ts';
import {
  assertBoolean,
  assertFunction,
  assertId,
  assertOneOf,
  readFields,
  readOptions,
  refuse
} from './validation/validation.ts';

/** What a fleet is made of. Everything has a default. */
export interface FleetOptions<THandlers extends Handlers = Handlers> {
  /** Names the fleet within its store. Defaults to `default`. */
  readonly name?: string;
  /**
   * By task type; more may be registered later. They run in this process; to run them elsewhere, give `executor`
   * instead: `threads` or `processes`.
   */
  readonly handlers?: THandlers;
  /** Where handlers run. Defaults to this process. Excludes `handlers`. */
  readonly executor?: Executor;
  /** Where everything is durable. Defaults to `memoryStore()`, which is not. */
  readonly store?: Store;
  /**
   * Whether the fleet waits while another process owns it, and takes over when that has gone; whoever loses the ownership
   * waits again. Without it, `start()` throws a {@link LockedError}. Defaults to `false`.
   */
  readonly standby?: boolean;
  /** What `updateConfig` may change later. A field that is changed here wins over what was set so. */
  readonly config?: ConfigPatch;
  /** Short for `config.retry`. */
  readonly retry?: ConfigPatch['retry'];
  /** Decides whether another attempt may help. Defaults to always, but for a `NonRetryableError`. Excludes `executor`. */
  readonly shouldRetry?: ShouldRetry;
  /** What becomes of an error that a handler's detached code throws. Defaults to `isolate`. Excludes `executor`. */
  readonly onDetachedError?: DetachedErrorPolicy;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
  /** In [0, 1): spreads retries. Defaults to `Math.random`. */
  readonly random?: () => number;
  /** Mints ids of batches and tasks. Defaults to UUID v7. */
  readonly newId?: () => string;
}

export interface ResolvedOptions {
  readonly name: string;
  readonly executor: Executor;
  /** What the executor runs; `null` where one was given, which has its own. */
  readonly handlers: HandlerRegistry | null;
  readonly store: Store;
  readonly standby: boolean;
  readonly config: FleetConfig;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
}

/** The parts of a fleet, put together. */
export interface Fleet {
  /** With all its ports provided. */
  readonly machine: typeof fleetMachine;
  readonly journal: Journal;
}

/** The fleet machine with all its ports provided. It needs no input, and persists as `{ name, version }`. */
export type FleetLogic = ActorLogic<
  FleetSnapshot,
  FleetEvent,
  undefined,
  ActorSystem<ActorSystemInfo>,
  FleetFact
>;

const { random } = Math;

export const fleetOptionNames = [
  'name',
  'handlers',
  'executor',
  'store',
  'standby',
  'config',
  'retry',
  'shouldRetry',
  'onDetachedError',
  'clock',
  'random',
  'newId'
] satisfies (keyof FleetOptions)[];

/** What a subclass of the fleet adds to how attempts run in this process. */
export interface AttemptParts {
  /** Workers that are objects. Absent: handlers alone do the work. */
  readonly workers?: (handlers: HandlerRegistry, clock: Clock) => AttemptSource;
  /** Awaited before each attempt. Never throws. */
  readonly before?: ((data: unknown, context: HandlerContext) => Promise<void>) | null;
}

/** Validates the options and fills in the defaults. @throws {ValidationError} */
export function resolveOptions(options: FleetOptions, parts: AttemptParts = {}): ResolvedOptions {
  const given = readOptions('options', options, fleetOptionNames);
  const { name = 'default', handlers, executor, standby = false, shouldRetry, onDetachedError } = given;
  assertId('options.name', name);
  assertBoolean('options.standby', standby);
  assertPorts(given);
  if (executor !== undefined && handlers !== undefined) {
    refuse('options.handlers', handlers, 'absent where an executor is given, which has its own');
  }
  if (executor !== undefined && shouldRetry !== undefined) {
    refuse('options.shouldRetry', shouldRetry, 'absent where an executor is given, which has its own');
  }
  if (onDetachedError !== undefined) {
    assertOneOf('options.onDetachedError', onDetachedError, ['isolate', 'exit']);
    if (executor !== undefined) {
      refuse('options.onDetachedError', onDetachedError, 'absent where an executor is given');
    }
  }
  if (executor !== undefined && (parts.workers ?? parts.before)) {
    refuse('options.executor', executor, 'absent where getWorkerInstance or onBeforeTask is overridden');
  }
  if (executor?.isRemote) assertNoWorkerConfig('options.config', given.config);
  const clock = given.clock ?? systemClock;
  const registry = executor === undefined ? new HandlerRegistry(handlers) : null;
  return {
    name,
    handlers: registry,
    executor: executor ?? inProcessOf(sourceOf(registry!, clock, parts), { shouldRetry, onDetachedError }),
    store: given.store ?? memoryStore(),
    standby,
    config: resolveConfig(configOf(given)),
    clock,
    random: given.random ?? random,
    newId: given.newId ?? newId
  };
}

/** What a fleet needs to know of those who listen to it. */
export interface Audience {
  /** Whether facts about single tasks are wanted: each costs a microsecond. */
  readonly hasTaskListeners: () => boolean;
  /** Whether facts about workers are wanted that are replaced after each task. */
  readonly hasWorkerListeners: () => boolean;
  /** Told what a subscriber threw, so that it disturbs nobody else. */
  readonly onListenerError: (error: unknown) => void;
  /** Told of committed turns, with every step of their rows: each step that is kept costs a little. */
  readonly observers: TurnObservers;
  /** Told of each committed turn that settled a task or made a fact true. Must not throw. */
  readonly onReleased: (results: readonly StoredResult[], facts: readonly FleetFact[]) => void;
  /** Absent or `null`: nobody traces. */
  readonly traces?: FleetTraces | null;
}

const anybody = (): Audience => ({
  hasTaskListeners: () => true,
  hasWorkerListeners: () => true,
  onListenerError: () => {},
  observers: new TurnObservers(),
  onReleased: () => {}
});

/** Puts a fleet together. Nothing happens until its logic runs as an actor. */
export function createFleet(
  options: ResolvedOptions,
  readModel: ReadModelFeed = new ReadModelFeed(),
  audience: Audience = anybody()
): Fleet {
  const { name, store, executor, clock } = options;
  const owner = `fleet ${JSON.stringify(name)} in process ${process.pid}`;
  const journal = new Journal({
    scope: name,
    owner,
    store,
    executor,
    clock,
    random: options.random,
    readModel,
    ...audience
  });
  const worker = workerMachine.provide({
    actors: {
      startWorker: fromPromise(async ({ input: { workerId } }) => {
        if (executor.isRemote) return { at: clock.now(), tags: noTags };
        const made = await executor.startWorker(workerId);
        const tags = made?.tags === undefined ? noTags : readTags('tags of the worker', made.tags);
        return { at: clock.now(), tags };
      }),
      stopWorker: fromPromise(({ input: { workerId } }) =>
        executor.isRemote ? Promise.resolve() : executor.stopWorker(workerId)
      )
    }
  });
  const machine = fleetMachine.provide({
    actors: {
      worker: withKnownSteps(worker, ['attempts.begun', 'attempts.ended']),
      coordinator: withKnownSteps(coordinatorMachine, ['results.added']),
      alarm: alarm(clock, journal),
      standBy: fromPromise(({ signal }) => journal.lifetime.standBy(signal)),
      recover: fromPromise(() => journal.lifetime.recover()),
      awaitStore: fromPromise(({ signal }) => journal.awaitStore(signal)),
      close: fromPromise(() => journal.lifetime.close())
    },
    actions: {
      collectCommand: (_, { command }) => journal.collectCommand(command),
      rejectCommand: (_, { command }) => journal.rejectCommand(command),
      beginTurn: () => journal.begin(),
      releaseAttempts: () => journal.collect({ type: 'attempts.released' }),
      recordReport: (_, { report }) => journal.recordReport(report),
      // Its workers come by themselves, with requests.
      ...(executor.isSelfStaffed && { spawnWorkers: () => {} }),
      // Its workers come by themselves, and what they hold outlives the fleet.
      ...(executor.isRemote && {
        spawnWorkers: () => {},
        spawnAutoscaler: () => {},
        releaseAttempts: () => {}
      })
    }
  });
  return { machine: withKnownSteps(machine, ['turn.due', 'turn.committed', 'task.submit']), journal };
}

/**
 * Actor logic that puts a fleet together for each actor that runs it.
 *
 * What it persists is only its name: the store is the truth, and a fleet that is restored from an app's
 * snapshot recovers from there like one that is started.
 */
export function fleetLogic({ name, config, standby }: ResolvedOptions, create: () => Fleet): FleetLogic {
  type Scope = Parameters<typeof fleetMachine.getInitialSnapshot>[0];
  const machines = new WeakMap<object, typeof fleetMachine>();
  const begin = (scope: Scope): FleetSnapshot => {
    const { machine, journal } = create();
    machines.set(scope.self, machine);
    journal.attach(scope.self as FleetRef);
    return machine.getInitialSnapshot(scope, { name, config, standby });
  };
  return Object.assign(Object.create(fleetMachine) as FleetLogic, {
    getInitialSnapshot: begin,
    transition: (snapshot: FleetSnapshot, event: FleetEvent, scope: FleetScope) =>
      endingAtOnce(machines.get(scope.self) ?? fleetMachine, snapshot, event, scope),
    restoreSnapshot: (_: unknown, scope: Scope) => begin(scope),
    getPersistedSnapshot: () => ({ status: 'active', output: undefined, error: undefined, name, version: 1 })
  });
}

type FleetScope = Parameters<typeof fleetMachine.transition>[2];

/** Events with which the fleet's actor ends, and with it its children. */
const lastEvents: ReadonlySet<string> = new Set([
  'ownership.lost',
  'xstate.stop',
  'xstate.done.actor.close',
  'xstate.error.actor.close'
]);

/**
 * The machine's transition, but for the end: XState copies the children for each one that it stops, which took 1.5 s for
 * 1,000 workers. It is shown none of them here, and they are stopped as it stops them, one after the other.
 */
function endingAtOnce(
  machine: typeof fleetMachine,
  snapshot: FleetSnapshot,
  event: FleetEvent,
  scope: FleetScope
): FleetSnapshot {
  if (!lastEvents.has(event.type)) return machine.transition(snapshot, event, scope);
  const { children } = snapshot;
  const childless = { ...snapshot, children: {} } as FleetSnapshot;
  const ended = machine.transition(childless, event, scope);
  // After it has ended, as XState does it.
  scope.defer(() => {
    for (const child of Object.values(children)) if (child !== undefined) scope.stopChild(child);
  });
  // XState leaves them in the snapshot of one that is done, and in that of one that was stopped it does not.
  return ended.status === 'stopped' ? ended : ({ ...ended, children } as FleetSnapshot);
}

function assertPorts({ store, clock, executor, ...functions }: FleetOptions): void {
  if (store !== undefined) assertStore('options.store', store);
  if (clock !== undefined) assertClock('options.clock', clock);
  if (executor !== undefined) assertExecutor('options.executor', executor);
  for (const name of ['shouldRetry', 'random', 'newId'] as const) {
    if (functions[name] !== undefined) assertFunction(`options.${name}`, functions[name]);
  }
}

function sourceOf(handlers: HandlerRegistry, clock: Clock, { workers, before }: AttemptParts): AttemptSource {
  const source = workers?.(handlers, clock) ?? handlerSource(handlers);
  return before ? withBefore(source, before) : source;
}

function configOf({ config = {}, retry }: FleetOptions): ConfigPatch {
  const fields = readFields('config', config);
  return retry === undefined ? fields : { ...fields, retry };
}

/** The one alarm of the fleet. It ends with the fleet, however that ends, and sees to it that nothing is left. */
function alarm(clock: Clock, journal: Journal) {
  return fromCallback<AlarmEvent>(({ receive }) => {
    let pending: Disposable | null = null;
    const ring = (): void => set(journal.alarmRang());
    const set = (delayMs: number | null): void => {
      pending = delayMs === null ? null : clock.setAlarm(ring, delayMs);
    };
    const watch = clock.onWallClockSet?.(() => {
      if (pending === null) return;
      pending[Symbol.dispose]();
      ring();
    });
    receive(({ delayMs }) => {
      pending?.[Symbol.dispose]();
      set(delayMs);
    });
    return () => {
      watch?.[Symbol.dispose]();
      pending?.[Symbol.dispose]();
      journal.halt();
    };
  });
}
