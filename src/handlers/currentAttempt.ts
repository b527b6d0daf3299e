import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attempt } from '../executor.ts';

/** An attempt whose handler is the origin of the code that runs now. */
export interface CurrentAttempt {
  /** What runs it: an executor, or a worker that stands alone. */
  readonly owner: object;
  readonly attempt: Attempt;
  /** It has not settled. */
  readonly isRunning: boolean;
  /**
   * Takes what code of the handler threw that nobody waits for.
   *
   * @returns `false`: it is not isolated, and goes the way of any error.
   */
  takeDetached(thrown: unknown): boolean;
}

const storage = new AsyncLocalStorage<CurrentAttempt | undefined>();

/** The attempt that the running code comes from, however many promises, timers and sockets lie between. */
export function currentAttempt(): CurrentAttempt | undefined {
  return storage.getStore();
}

/** Calls code of a handler: whatever it sets off is known to come from its attempt. */
export function runInAttempt<TArguments extends unknown[], TResult>(
  attempt: CurrentAttempt,
  callback: (...args: TArguments) => TResult,
  ...args: TArguments
): TResult {
  return storage.run(attempt, callback, ...args);
}

/**
 * Calls code of the fleet from where a handler may be the caller: what it sets off, such as a turn and the
 * subscribers that hear of it, is not the handler's.
 */
export function outsideAttempts<TResult>(callback: () => TResult): TResult {
  return storage.getStore() === undefined ? callback() : storage.run(undefined, callback);
}
