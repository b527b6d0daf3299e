import {
  CoordinatorAgent,
  memoryStore,
  type CoordinatorOptions,
  type Store,
  type SubmittedTaskResult
} from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { SimulatedClock } from '../harness.ts';
import { temporaryPath } from '../stores/directory.ts';

export const done: SubmittedTaskResult = {
  taskId: 'a',
  success: true,
  result: 1,
  duration: 10,
  timestamp: 5
};

export const failed: SubmittedTaskResult = {
  taskId: 'x',
  success: false,
  error: 'no luck',
  duration: 20,
  timestamp: 7
};

/** Stores that a test runs over, each new. */
export const stores: readonly [name: string, make: () => Store][] = [
  ['memory', () => memoryStore()],
  ['SQLite', () => sqliteStore(temporaryPath(), { durability: 'none' })]
];

export interface TestAgent<TAgent extends CoordinatorAgent> {
  readonly agent: TAgent;
  readonly clock: SimulatedClock;
  readonly store: Store;
  /** Another process on the same store, after the end of this one. */
  restart(): Promise<TestAgent<TAgent>>;
}

/** A started coordinator on simulated time. */
export function startAgent(options?: CoordinatorOptions): Promise<TestAgent<CoordinatorAgent>>;
export function startAgent<TAgent extends CoordinatorAgent>(
  options: CoordinatorOptions,
  Agent: new (options: CoordinatorOptions) => TAgent
): Promise<TestAgent<TAgent>>;
export async function startAgent(
  options: CoordinatorOptions = {},
  Agent: new (options: CoordinatorOptions) => CoordinatorAgent = CoordinatorAgent
): Promise<TestAgent<CoordinatorAgent>> {
  const clock = (options.clock as SimulatedClock | undefined) ?? new SimulatedClock();
  const store = options.store ?? memoryStore();
  const agent = new Agent({ ...options, clock, store });
  await agent.start();
  return {
    agent,
    clock,
    store,
    async restart() {
      await agent.stop();
      return startAgent({ ...options, clock, store }, Agent);
    }
  };
}
