import {
  FleetManager,
  memoryStore,
  systemClock,
  type FleetManagerOptions,
  type Handlers,
  type Store
} from '../src/index.ts';
import { SimulatedClock } from '../src/testing/simulatedClock.ts';

export { SimulatedClock } from '../src/testing/simulatedClock.ts';

/** Resolves when everything that is under way in this process, without timers, has come to rest. */
export async function settled(): Promise<void> {
  for (let rounds = 0; rounds < 20; rounds++)
    await new Promise<void>((resolve) => systemClock.setSoon(resolve));
}

/** A promise with its ends in the test's hands. */
export function gate<T = void>() {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Ids in a row, so that a test can name them. */
export function countingIds(prefix = 'id'): () => string {
  let last = 0;
  return () => `${prefix}-${++last}`;
}

export interface TestFleet<THandlers extends Handlers> {
  readonly fleet: FleetManager<THandlers>;
  readonly clock: SimulatedClock;
  readonly store: Store;
  /** Ends the process that runs the fleet, as far as the store can see. Nothing is told to anybody. */
  crash(): Promise<void>;
  /** A fleet of another process on the same store, started. */
  restart<TNext extends Handlers = THandlers>(
    options?: Partial<FleetManagerOptions<TNext>>
  ): Promise<TestFleet<TNext>>;
}

/** A started fleet on simulated time, with ids in a row and no jitter. */
export async function startFleet<THandlers extends Handlers>(
  options: FleetManagerOptions<THandlers>
): Promise<TestFleet<THandlers>> {
  const clock = (options.clock as SimulatedClock | undefined) ?? new SimulatedClock();
  const store = options.store ?? memoryStore();
  const process = mortal(store);
  const fleet = new FleetManager<THandlers>({
    name: 'test',
    random: () => 0.5,
    newId: countingIds(),
    retry: { baseMs: 100, factor: 2, maxMs: 1_000, jitter: 'none' },
    ...options,
    clock,
    store: process.store
  });
  await fleet.start();
  return {
    fleet,
    clock,
    store,
    async crash() {
      process.kill();
      fleet.actor.stop();
      await store.release(options.name ?? 'test');
    },
    restart: <TNext extends Handlers>(changes?: Partial<FleetManagerOptions<TNext>>) =>
      startFleet<TNext>({
        ...(options as unknown as FleetManagerOptions<TNext>),
        clock,
        store,
        newId: countingIds('next'),
        ...changes
      })
  };
}

/** A store whose next commits end as the test says. */
export function faultyStore(inner: Store = memoryStore()) {
  const faults: ((commit: () => Promise<void>) => Promise<void>)[] = [];
  const store: Store = {
    ...inner,
    commit: (commit) => (faults.shift() ?? ((write) => write()))(() => inner.commit(commit))
  };
  return {
    store,
    /** What the next commit does instead of only writing. One call, one commit. */
    next: (fault: (write: () => Promise<void>) => Promise<void>) => void faults.push(fault)
  };
}

/** A store as a process sees it: once the process is killed, it writes nothing more and hears nothing more. */
export function mortal(inner: Store): { store: Store; kill: () => void } {
  let isAlive = true;
  const store = new Proxy(inner, {
    get(target, property, receiver) {
      const member: unknown = Reflect.get(target, property, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown =>
        isAlive ? (member as (...args: unknown[]) => unknown).apply(target, args) : new Promise(() => {});
    }
  });
  return { store, kill: () => (isAlive = false) };
}
