import { memoryStore, TaskQueue, type Store, type TaskQueueOptions } from '../../src/index.ts';
import { countingIds, mortal, SimulatedClock } from '../harness.ts';

export interface TestQueue extends AsyncDisposable {
  readonly queue: TaskQueue;
  readonly clock: SimulatedClock;
  /** Resolves when nothing is under way, in the store neither. */
  rest(): Promise<void>;
  advance(ms: number): Promise<void>;
  /** Ends the process that runs the queue, as far as the store can see. */
  crash(): Promise<void>;
  /** A queue of another process on the same store, started. */
  restart(): Promise<TestQueue>;
}

/** A started queue on simulated time, with leases of 1 s, ids in a row and no jitter. */
export async function startQueue(options: TaskQueueOptions = {}): Promise<TestQueue> {
  const clock = (options.clock as SimulatedClock | undefined) ?? new SimulatedClock();
  const store = options.store ?? memoryStore();
  const busy = counted(store);
  const process = mortal(busy.store);
  const queue = new TaskQueue({
    name: 'test',
    leaseMs: 1_000,
    random: () => 0.5,
    newId: countingIds(),
    retry: { baseMs: 100, factor: 2, maxMs: 1_000, jitter: 'none' },
    ...options,
    clock,
    store: process.store
  });
  await queue.start();
  const rest = async (): Promise<void> => {
    do await clock.rest();
    while (busy.calls() > 0);
  };
  return {
    queue,
    clock,
    rest,
    async advance(ms) {
      await rest();
      await clock.advance(ms);
      await rest();
    },
    async crash() {
      process.kill();
      queue.actor.stop();
      await store.release('test');
    },
    async [Symbol.asyncDispose]() {
      await queue.stop({ graceful: false });
    },
    restart: () => startQueue({ ...options, clock, store, newId: countingIds('next') })
  };
}

/** A store that knows how many of its calls are under way. */
function counted(inner: Store): { store: Store; calls: () => number } {
  let calls = 0;
  const end = (): void => void (calls -= 1);
  const store = new Proxy(inner, {
    get(target, property, receiver) {
      const member: unknown = Reflect.get(target, property, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        const returned: unknown = (member as (...args: unknown[]) => unknown).apply(target, args);
        if (returned instanceof Promise) {
          calls += 1;
          void returned.then(end, end);
        }
        return returned;
      };
    }
  });
  return { store, calls: () => calls };
}
