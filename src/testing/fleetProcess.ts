import type { FleetFact } from '../../machines/fleetFact.ts';
import { NotRunningError } from '../errors.ts';
import { withResolvers } from '../fleet/withResolvers.ts';
import type { FleetManagerOptions } from '../fleet/managerOptions.ts';
import { FleetManager } from '../fleetManager.ts';
import type { Commit, Store } from '../store.ts';
import { quote } from '../validation/show.ts';
import { refuse } from '../validation/validation.ts';
import { ProcessClock } from './processClock.ts';
import { ProcessStore } from './processStore.ts';
import type { SimulatedClock } from './simulatedClock.ts';
import { announced } from './simulation.ts';
import type { TaskLog } from './taskLog.ts';
import { CrashedError } from './testFleetErrors.ts';

/** The options of a fleet that a test makes: all but those that its class has a type of its own for. */
export type FleetParts = Omit<FleetManagerOptions, 'handlers' | 'coordinator'>;

/** What a simulation needs of a fleet: any `FleetManager` has it, whatever its handlers are. */
export type AnyFleet = Pick<FleetManager, 'start' | 'stop' | 'on' | 'actor' | 'getBatchStatus'>;

/** What a process is made of, and what outlives it. */
export interface FleetProcessOptions<TFleet extends AnyFleet> {
  readonly name: string;
  readonly create: (parts: FleetParts) => TFleet;
  readonly parts: FleetParts;
  readonly clock: SimulatedClock;
  readonly store: Store;
  readonly log: TaskLog;
  readonly onFact: (fact: FleetFact) => void;
  /** Where it dies, from its first commit on. */
  readonly diesAt: DeathWish;
}

/** When a process dies: just before a commit is written, or when it is and nobody has heard of it. */
export type CommitSide = 'beforeCommit' | 'afterCommit';

/** Whether a process dies at a commit. */
export type DeathWish = (commit: Commit, side: CommitSide) => boolean;

/** A process that runs a fleet, as far as the fleet can tell: its death takes its timers and its hold of the store. */
export class FleetProcess<TFleet extends AnyFleet> {
  readonly manager: TFleet;
  /** Asked about each commit; `true` kills the process there. */
  diesAt: DeathWish;
  readonly #options: FleetProcessOptions<TFleet>;
  readonly #clock: ProcessClock;
  readonly #store: ProcessStore;
  /** The names under which the store was opened. */
  readonly #opened = new Set<string>();
  readonly #dying = withResolvers<void>();
  #death: Promise<void> | null = null;

  constructor(options: FleetProcessOptions<TFleet>) {
    const { name, create, parts, clock, store, log, onFact } = options;
    this.#options = options;
    this.diesAt = options.diesAt;
    this.#clock = new ProcessClock(clock);
    this.#store = new ProcessStore(store, {
      hold: (answer) => clock.hold(answer),
      deathOf: (call) => new CrashedError(name, call),
      onOpened: (stored, scope) => {
        this.#opened.add(scope);
        return log.opened(stored, clock.now());
      },
      onCommit: (commit) => this.#pass(commit, 'beforeCommit'),
      onCommitted: (commit) => {
        log.committed(commit, clock.now());
        this.#pass(commit, 'afterCommit');
      }
    });
    this.manager = create({ ...parts, name, clock: announced(this.#clock, clock), store: this.#store.store });
    if (!(this.manager instanceof FleetManager)) refuse('options.create()', this.manager, 'a FleetManager');
    this.manager.on('*', onFact);
  }

  get isAlive(): boolean {
    return this.#death === null;
  }

  /** Resolves when the fleet runs and everything is at rest. @throws {CrashedError} when it died over it, and others */
  async start(): Promise<void> {
    const { clock, name, create } = this.#options;
    const starting = this.manager.start();
    // One that dies over it is answered by nobody. No time passes, however long the store takes.
    await Promise.race([starting, this.#dying.promise]);
    if (!this.isAlive) throw new CrashedError(name, 'start');
    await clock.rest();
    if (this.#opened.has(name)) return;
    // Without the store, the clock and the name of the simulation nothing of it would hold, silently.
    await this.manager.stop({ graceful: false });
    const [other] = this.#opened;
    if (other !== undefined)
      refuse('options.name', name, `${quote(other)}, as the fleet is named by options.create`);
    refuse('options.create', create, 'a function that gives the options that it is called with to its fleet');
  }

  /** As `kill -9`. Resolves when its store is free for the next process. Idempotent. */
  kill(): Promise<void> {
    this.#death ??= this.#die();
    return this.#death;
  }

  #pass(commit: Commit, side: CommitSide): void {
    if (this.diesAt(commit, side)) void this.kill();
  }

  async #die(): Promise<void> {
    const { clock, store, name } = this.#options;
    this.#dying.resolve();
    this.#clock.kill();
    this.#store.kill();
    try {
      this.manager.actor.stop();
    } catch (error) {
      // It did not run any more, or not yet.
      if (!(error instanceof NotRunningError)) throw error;
    }
    // What was with the store when the process died is written or not: then the lock is gone.
    await clock.rest();
    await store.release(name);
  }
}
