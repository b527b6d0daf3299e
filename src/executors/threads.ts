import type { Executor } from '../executor.ts';
import { IsolatedExecutor, type IsolatedOptions } from './isolated.ts';

/**
 * Runs the handlers of a module in a thread for each worker.
 *
 * A handler that blocks, ends its thread with `process.exit`, or runs out of its heap takes down its own worker
 * alone, which is replaced. One that crashes the process (`process.abort`, a fault of native code) takes down
 * everything: use {@link processes} for such.
 *
 * @throws {ValidationError} for options that are not allowed, an object of functions among them.
 */
export function threads(options: IsolatedOptions): Executor {
  return new IsolatedExecutor(
    'threads',
    options,
    async () => (await import('./threadChannel.ts')).openThread
  );
}
