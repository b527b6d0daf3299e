import { Worker, type WorkerOptions } from 'node:worker_threads';
import { isolateEntry, type FromIsolate, type OpenChannel } from './channel.ts';

/** Opens a thread. @param maxOldGenerationSizeMb - Its heap, MiB. Defaults to Node's limit. */
export function openThread(maxOldGenerationSizeMb?: number): OpenChannel {
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
