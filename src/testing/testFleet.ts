import { taskStatuses, type TaskStatus } from '../../machines/task.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { CoordinatorAgent } from '../coordinator/coordinatorAgent.ts';
import { ConflictError, NotRunningError } from '../errors.ts';
import { FleetReader, keyOf, type TaskRef } from '../fleet/fleetReader.ts';
import type { StopOptions } from '../fleet/stopOptions.ts';
import type { TaskView } from '../fleet/views.ts';
import type { FleetManagerOptions } from '../fleet/managerOptions.ts';
import { FleetManager } from '../fleetManager.ts';
import type { Handlers } from '../handlers/handler.ts';
import { isHeld } from '../ledger/ledger.ts';
import type { Store, TaskRow } from '../store.ts';
import { memoryStore } from '../stores/memory.ts';
import { taskIdOf } from '../submission/taskKey.ts';
import { assertStore } from '../validation/ports.ts';
import { quote } from '../validation/show.ts';
import {
  assertPromise,
  assertDuration,
  assertFunction,
  assertInteger,
  assertKey,
  assertOneOf,
  assertTime,
  readFields,
  readOptions,
  refuse
} from '../validation/validation.ts';
import {
  FleetProcess,
  type AnyFleet,
  type CommitSide,
  type DeathWish,
  type FleetParts
} from './fleetProcess.ts';
import { SeededRandom } from './seededRandom.ts';
import { SimulatedClock } from './simulatedClock.ts';
import { TaskLog, type TaskAttempt } from './taskLog.ts';
import { CrashedError, NotSettledError } from './testFleetErrors.ts';
import { waitingTasks } from './waitingTasks.ts';

/** What a simulation adds to the options of a fleet. */
export interface SimulationOptions {
  /** Where chance and ids begin: the same seed, the same run. Integer. Defaults to 1. */
  readonly seed?: number;
  /** When it begins, epoch ms. Defaults to 2026-01-01, midnight UTC. Excludes `clock`. */
  readonly now?: number;
  /** Time that it shares with other fleets. Defaults to its own. */
  readonly clock?: SimulatedClock;
}

/** The options of a `FleetManager`, and of its simulation. */
export interface TestFleetOptions<
  THandlers extends Handlers = Handlers,
  TCoordinator extends CoordinatorAgent = CoordinatorAgent
>
  extends Omit<FleetManagerOptions<THandlers, TCoordinator>, 'clock'>, SimulationOptions {}

/** For a fleet of a class of its own. */
export interface CreatedFleetOptions<TFleet extends AnyFleet>
  extends Omit<FleetParts, 'clock'>, SimulationOptions {
  /**
   * Makes the fleet, at the start and after each crash, with the options that it is called with:
   * `(options) => new MyFleet(options)`.
   */
  readonly create: (options: FleetParts) => TFleet;
}

/** Where a fleet crashes: at the first commit for which all that is given holds. */
export interface CrashPoint {
  /** `afterCommit`: it is durable, and none of its effects has left. `beforeCommit`: nothing of it is. */
  readonly at: CommitSide;
  /** Number of the turn. */
  readonly turn?: number;
  /** Id or key of a task that the commit changes. */
  readonly task?: string;
  /** What it brings a task to, or the one that `task` names. */
  readonly state?: TaskStatus;
}

/** How long a wait goes on. */
export interface SimulatedWait {
  /** Simulated ms, > 0. Defaults to 30 days. */
  readonly withinMs?: number;
}

/** How a fleet begins anew. */
export interface RestartOptions {
  /** How long nobody runs it, simulated ms. Defaults to 0. */
  readonly downMs?: number;
}

const dayMs = 86_400_000;
const defaultWaitMs = 30 * dayMs;
/** Simulated time without a step of any task, after which those that wait for nothing timed will wait for ever. */
const patienceMs = 3_600_000;

/**
 * Starts a fleet on simulated time, for a test: no timer of the machine is in its path, and the same seed gives the
 * same run.
 *
 * Time stands still until the test lets it pass, by a method of what this resolves with. Between two moments all
 * promises come to rest; real input and output is waited for only in the store, and where `script.real` or `clock.hold`
 * says so.
 *
 * @throws what keeps the fleet from starting. @throws {ValidationError}
 */
export async function testFleet<TFleet extends AnyFleet>(
  options: CreatedFleetOptions<TFleet>
): Promise<TestFleet<TFleet>>;
export async function testFleet<
  THandlers extends Handlers,
  TCoordinator extends CoordinatorAgent = CoordinatorAgent
>(
  options: TestFleetOptions<THandlers, TCoordinator>
): Promise<TestFleet<FleetManager<THandlers, TCoordinator>>>;
export async function testFleet(
  options: TestFleetOptions | CreatedFleetOptions<FleetManager>
): Promise<TestFleet> {
  const given = readFields('options', options);
  if ('create' in given) {
    assertFunction('options.create', given.create);
    return TestFleet.start(given);
  }
  const { handlers, coordinator, ...others } = given as TestFleetOptions;
  const own = { ...(handlers && { handlers }), ...(coordinator && { coordinator }) };
  return TestFleet.start({ ...others, create: (parts) => new FleetManager({ ...parts, ...own }) });
}

/** A fleet in a simulation: its processes come and go, its store and its time stay. */
export class TestFleet<TFleet extends AnyFleet = FleetManager> {
  readonly clock: SimulatedClock;
  readonly store: Store;
  readonly #name: string;
  readonly #create: (parts: FleetParts) => TFleet;
  readonly #parts: FleetParts;
  readonly #log = new TaskLog();
  readonly #facts: FleetFact[] = [];
  readonly #reader: FleetReader;
  #process: FleetProcess<TFleet>;
  /** Where the next process dies. */
  #nextDeath: DeathWish = never;
  #isStopped = false;
  /** The last call that lets time pass: the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  /** @throws what keeps the fleet from starting. */
  static async start<TFleet extends AnyFleet>(
    options: CreatedFleetOptions<TFleet>
  ): Promise<TestFleet<TFleet>> {
    const fleet = new TestFleet(options);
    await fleet.#process.start();
    return fleet;
  }

  private constructor(options: CreatedFleetOptions<TFleet>) {
    const { seed = 1, now, clock, create, store = memoryStore(), name = 'default', ...parts } = options;
    assertInteger('options.seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (now !== undefined) assertTime('options.now', now);
    assertStore('options.store', store);
    if (clock !== undefined && !(clock instanceof SimulatedClock)) {
      refuse('options.clock', clock, 'a SimulatedClock');
    }
    if (clock !== undefined && now !== undefined) refuse('options.now', now, 'absent where a clock is given');
    const random = new SeededRandom(seed);
    let ids = 0;
    this.clock = clock ?? new SimulatedClock(now);
    this.store = store;
    this.#name = name;
    this.#create = create;
    this.#parts = { random: () => random.next(), newId: () => `id-${seed}-${++ids}`, ...parts };
    this.#reader = new FleetReader(store, name);
    this.#process = this.#newProcess();
  }

  /** The fleet of the process that runs, or ran last: what is asked of one that crashed is refused. */
  get manager(): TFleet {
    return this.#process.manager;
  }

  /** Whether its process has crashed, and no other one was started. */
  get hasCrashed(): boolean {
    return !this.#process.isAlive;
  }

  /** What the fleet has told so far, over all its processes. */
  get events(): readonly FleetFact[] {
    return this.#facts;
  }

  /** Number of the last turn that is committed. */
  get turn(): number {
    return this.#log.turn;
  }

  /**
   * Lets time pass. What is due by then happens, in order; resolves when all is quiet.
   *
   * @param ms - Finite, >= 0. @throws {ValidationError} @throws {CrashedError} @throws {NotRunningError}
   */
  async advance(ms: number): Promise<void> {
    assertDuration('ms', ms, 0);
    await this.#whileRunning('advance', () => this.clock.advance(ms));
  }

  /**
   * Lets time pass until every task has settled: retries, timeouts, delays included. What schedules may submit later is
   * not waited for.
   *
   * @throws {NotSettledError} which tells what each task waits for. @throws {CrashedError} @throws {NotRunningError}
   */
  async settle(options: SimulatedWait = {}): Promise<void> {
    let changes = this.#log.changes;
    let changedAt = this.clock.monotonic();
    const isStuck = (): boolean => {
      if (changes !== this.#log.changes) [changes, changedAt] = [this.#log.changes, this.clock.monotonic()];
      return this.clock.monotonic() - changedAt >= patienceMs && !this.#log.unsettled.some(isTimed);
    };
    await this.#wait('settle', 'The end of all tasks', () => !this.#log.hasUnsettled, options, isStuck);
  }

  /**
   * Lets time pass until something holds, which is looked at whenever all is quiet.
   *
   * @throws {NotSettledError} when it does not come to hold. @throws {CrashedError} @throws {NotRunningError}
   */
  async runUntil(holds: () => boolean, options: SimulatedWait = {}): Promise<void> {
    assertFunction('holds', holds);
    await this.#wait('runUntil', 'What was waited for', holds, options);
  }

  /**
   * Lets time pass until a promise has settled, such as that of `manager.submit`, and settles as it does.
   *
   * @throws {NotSettledError} when it does not settle. @throws {CrashedError} @throws {NotRunningError}
   * @throws {ValidationError}
   */
  async run<T>(promise: Promise<T>, options: SimulatedWait = {}): Promise<T> {
    assertPromise('promise', promise);
    let isSettled = false;
    const settle = (): boolean => (isSettled = true);
    promise.then(settle, settle);
    await this.#wait('run', 'The promise', () => isSettled, options);
    return promise;
  }

  /**
   * Ends the fleet's process as `kill -9` does: what is not committed is gone, timers and handlers are heard of no more,
   * and whoever waits for the fleet is refused. Handlers see their signal aborted, so that nothing of them is left.
   *
   * @param point - Lets time pass until the fleet commits there. Absent: now.
   * @throws {CrashedError} when it has crashed already. @throws {NotSettledError} when no such commit comes.
   * @throws {ValidationError} also for a turn that has passed. @throws {NotRunningError}
   */
  async crash(point?: CrashPoint): Promise<void> {
    const process = this.#running('crash');
    if (point === undefined) return process.kill();
    process.diesAt = this.#readPoint(point);
    try {
      await this.#wait('crash', `A commit to crash at (${describe(point)})`, () => !process.isAlive, {});
      await process.kill();
    } finally {
      process.diesAt = never;
    }
  }

  /**
   * Has the fleet crash at a commit, whatever lets that come: nothing is waited for. Each call takes the place of the one
   * before.
   *
   * @param point - Of the process that runs; where none does, of the next one, whose recovery it may interrupt.
   * @throws {ValidationError} also for a turn that has passed.
   */
  crashAt(point: CrashPoint): void {
    const diesAt = this.#readPoint(point);
    if (this.#process.isAlive && !this.#isStopped) this.#process.diesAt = diesAt;
    else this.#nextDeath = diesAt;
  }

  /**
   * Starts the fleet in a new process, with the same options, on the same store: it recovers. Resolves when all is quiet.
   *
   * @throws {ConflictError} while it runs. @throws {CrashedError} when it crashes over it, as `crashAt` said.
   * @throws what keeps it from starting.
   */
  async restart(options: RestartOptions = {}): Promise<void> {
    const { downMs = 0 } = readOptions('options', options, ['downMs']);
    assertDuration('options.downMs', downMs, 0);
    await this.#inTurn(async () => {
      if (this.#process.isAlive && !this.#isStopped) {
        throw new ConflictError('fleet', this.#name, 'is running; crash or stop it first');
      }
      await this.#process.kill();
      await this.clock.advance(downMs);
      this.#process = this.#newProcess();
      this.#nextDeath = never;
      this.#isStopped = false;
      await this.#process.start();
    });
  }

  /** Stops the fleet as `manager.stop` does, and lets the time pass that it takes. @throws {CrashedError} */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.run(this.#running('stop').manager.stop(options));
    this.#isStopped = true;
  }

  /** Ends whatever is left of it. The store that was given stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Its last commit is nobody's crash.
    this.#process.diesAt = never;
    if (!this.#isStopped && this.#process.isAlive) await this.stop({ graceful: false });
    await this.#process.kill();
  }

  /**
   * A task as the store has it, after a crash too.
   *
   * @param ref - As the manager takes it; or the id alone, where no other batch of this run has a task of that id.
   * @throws {NotFoundError} @throws {ConflictError}
   */
  async task(ref: TaskRef): Promise<TaskView> {
    return this.#reader.getTask(this.#keyOf(ref));
  }

  /** The state of a task, in the same way. */
  async state(ref: TaskRef): Promise<TaskStatus> {
    return (await this.task(ref)).status;
  }

  /** The attempts of a task that this run saw, in order; none of a task that is not known. @throws {ConflictError} */
  attempts(ref: TaskRef): readonly TaskAttempt[] {
    return this.#log.attemptsOf(this.#keyOf(ref));
  }

  #keyOf(ref: TaskRef): string {
    const key = keyOf(ref);
    return typeof ref === 'string' ? this.#log.keyOf(key) : key;
  }

  #newProcess(): FleetProcess<TFleet> {
    return new FleetProcess({
      name: this.#name,
      create: this.#create,
      parts: this.#parts,
      clock: this.clock,
      store: this.store,
      log: this.#log,
      onFact: (fact) => this.#facts.push(fact),
      diesAt: this.#nextDeath
    });
  }

  #running(command: string): FleetProcess<TFleet> {
    if (!this.#process.isAlive) throw new CrashedError(this.#name, command);
    if (this.#isStopped) throw new NotRunningError(this.#name, command, 'stopped');
    return this.#process;
  }

  async #wait(
    command: string,
    subject: string,
    holds: () => boolean,
    options: SimulatedWait,
    isStuck?: () => boolean
  ): Promise<void> {
    const { withinMs = defaultWaitMs } = readOptions('options', options, ['withinMs']);
    assertDuration('options.withinMs', withinMs, Number.MIN_VALUE);
    await this.#whileRunning(command, async (process) => {
      const { clock } = this;
      const startedAt = clock.monotonic();
      const end = startedAt + withinMs;
      const isOver = (): boolean =>
        holds() || !process.isAlive || clock.pending === 0 || isStuck?.() === true;
      // Whether it is stuck shows only where nothing happens.
      const stepMs = isStuck === undefined ? withinMs : patienceMs;
      do await clock.advanceUntil(isOver, Math.min(stepMs, end - clock.monotonic()));
      while (!isOver() && clock.monotonic() < end);
      if (holds()) return;
      if (!process.isAlive) throw new CrashedError(this.#name, command);
      const { unsettled } = this.#log;
      const waiting = await waitingTasks(unsettled, process.manager, this.#facts);
      throw new NotSettledError(subject, clock.monotonic() - startedAt, waiting, unsettled.length);
    });
  }

  #whileRunning<T>(command: string, pass: (process: FleetProcess<TFleet>) => Promise<T>): Promise<T> {
    return this.#inTurn(() => pass(this.#running(command)));
  }

  /** One call at a time lets time pass. */
  async #inTurn<T>(pass: () => Promise<T>): Promise<T> {
    const passing = this.#last.then(pass);
    this.#last = passing.catch(() => {});
    return passing;
  }

  #readPoint(point: CrashPoint): DeathWish {
    const { at, turn, task, state } = readOptions('point', point, ['at', 'turn', 'task', 'state']);
    assertOneOf('point.at', at, ['beforeCommit', 'afterCommit']);
    if (turn !== undefined) assertInteger('point.turn', turn, this.#log.turn + 1, Number.MAX_SAFE_INTEGER);
    if (task !== undefined) assertKey('point.task', task);
    if (state !== undefined) assertOneOf('point.state', state, taskStatuses);
    const wantsTask = task !== undefined || state !== undefined;
    return ({ head, newTasks, tasks }, side) => {
      if (side !== at || (turn !== undefined && head.turn !== turn)) return false;
      if (!wantsTask) return true;
      const rows = [...newTasks.map(({ row }) => row), ...tasks];
      return rows.some(
        ({ state: reached, context: { key, batchId } }) =>
          (state === undefined || reached === state) &&
          (task === undefined || key === task || taskIdOf(key, batchId) === task)
      );
    };
  }
}

function never(): boolean {
  return false;
}

function describe({ at, turn, task, state }: CrashPoint): string {
  const parts = [at, turn && `turn ${turn}`, task && `task ${quote(task)}`, state];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** Whether its next step comes by itself, at a time that is known. */
function isTimed({ state }: TaskRow): boolean {
  return isHeld(state) || state === 'scheduled' || state === 'backingOff';
}
