import type { Executor } from '../executor.ts';
import { IsolatedExecutor, type IsolatedOptions } from './isolated.ts';

/**
 * Runs the handlers of a module in a process for each worker.
 *
 * Nothing that a handler does reaches further than its own worker, which is replaced: not `process.abort`, a fault
 * of native code or a kill by the system either.
 *
 * @throws {ValidationError} for options that are not allowed, an object of functions among them.
 */
export function processes(options: IsolatedOptions): Executor {
  return new IsolatedExecutor(
    'processes',
    options,
    async () => (await import('./processChannel.ts')).openProcess
  );
}
