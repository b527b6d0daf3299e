import {
  FleetManager,
  inProcess,
  type Clock,
  type Executor,
  type Handler,
  type Store
} from '../../src/index.ts';
import type { Attempts, TaskData } from './attempts.ts';
import type { Plan, TaskType } from './plan.ts';
import { ProcessClock } from '../../src/testing/processClock.ts';
import { withFaults, type StoreFaults, type StoreUser } from './storeFaults.ts';
import type { SeededRandom } from '../../src/testing/seededRandom.ts';

export type SimulatedFleet = FleetManager<Record<TaskType, Handler>>;

/** Parts of a process that a test takes away and gives back broken, to see whether the oracle notices. */
export interface Plants {
  readonly store?: (store: Store) => Store;
  readonly executor?: (executor: Executor) => Executor;
  readonly clock?: (clock: Clock) => Clock;
}

/** What outlives a process. */
export interface Surroundings extends Pick<StoreUser, 'onCommit'> {
  readonly plan: Plan;
  readonly plants: Plants;
  readonly clock: Clock;
  readonly store: Store;
  readonly faults: StoreFaults;
  readonly attempts: Attempts;
  readonly random: SeededRandom;
  /** The process is dead, by its own commit. */
  readonly onDeath: () => void;
}

/** The process that runs the fleet, until it is killed. */
export class FleetProcess {
  readonly fleet: SimulatedFleet;
  /** The fleet's own. */
  readonly clock: ProcessClock;
  /** Whether it is to take part: `false` from the first word of a stop. */
  isServing = true;
  /** That of handlers and of the store: what they leave behind is no leak of the fleet. */
  readonly #otherClock: ProcessClock;
  readonly #store: Store;
  #isAlive = true;

  /** @param number - How many processes there were before, so that none mints the ids of another. */
  constructor(number: number, { plan, plants, ...surroundings }: Surroundings) {
    const { attempts, random } = surroundings;
    this.clock = new ProcessClock(surroundings.clock);
    this.#otherClock = new ProcessClock(surroundings.clock);
    this.#store = surroundings.store;
    const store = withFaults(this.#store, surroundings.faults, {
      clock: this.#otherClock,
      isAlive: () => this.#isAlive,
      die: surroundings.onDeath,
      onCommit: surroundings.onCommit
    });
    const work: Handler = (data: TaskData, context) =>
      this.#isAlive ? attempts.run(data, context, this.#otherClock) : undefined;
    const executor = inProcess({ work, metered: work });
    let ids = 0;
    this.fleet = new FleetManager<Record<TaskType, Handler>>({
      name: 'simulated',
      // One that stands by takes nothing in the moment of its start, which plans are about that lose nothing.
      standby: plan.operations.some((operation) => operation.do === 'loseOwnership'),
      store,
      executor: plants.executor?.(executor) ?? executor,
      clock: plants.clock?.(this.clock) ?? this.clock,
      random: () => random.next(),
      newId: () => `minted-${number}-${++ids}`,
      config: plan.config
    });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Ends it as far as the world can see: nothing of it is heard, and its lock on the store is gone. */
  kill(): void {
    this.#isAlive = false;
    this.isServing = false;
    this.clock.kill();
    this.#otherClock.kill();
    void this.#store.release('simulated');
  }
}
