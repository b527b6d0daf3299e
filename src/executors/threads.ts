import { Worker, type WorkerOptions } from 'node:worker_threads';
import type { Executor } from '../executor.ts';
import { isolateEntry, type FromIsolate, type OpenChannel } from './channel.ts';
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
  return new IsolatedExecutor('threads', options, openThread);
}

function openThread(maxOldGenerationSizeMb?: number): OpenChannel {
  return (setup, listener) => {
    const thread = start({
      argv: [JSON.stringify(setup)],
      // Not what the process was started with: a debugger's or a loader's flags are not for this thread.
      execArgv: [],
      ...(maxOldGenerationSizeMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb } })
    });
    let cause = '';
    thread.on('message', (message: FromIsolate) => listener.receive(message));
    thread.on('error', (error) => (cause = `: ${error instanceof Error ? error.message : String(error)}`));
    thread.on('exit', (code) => listener.ended(`ended with code ${code}${cause}`));
    return {
      post: (message) => thread.postMessage(message),
      terminate: () => void thread.terminate()
    };
  };
}

function start(options: WorkerOptions): Worker {
  const { url, preload } = isolateEntry();
  if (preload === null) return new Worker(url, options);
  return new Worker(`import('${preload}').then(() => import('${url.href}'))`, { ...options, eval: true });
}
