import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Executor } from '../executor.ts';
import { isolateEntry, type FromIsolate, type OpenChannel } from './channel.ts';
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
  return new IsolatedExecutor('processes', options, openProcess);
}

function openProcess(maxOldGenerationSizeMb?: number): OpenChannel {
  return (setup, listener) => {
    const { url, preload } = isolateEntry();
    const child = fork(fileURLToPath(url), [JSON.stringify(setup)], {
      // Not what this process was started with: a debugger's or a loader's flags are not for its children.
      execArgv: [
        ...(preload === null ? [] : ['--import', preload]),
        ...(maxOldGenerationSizeMb === undefined ? [] : [`--max-old-space-size=${maxOldGenerationSizeMb}`])
      ],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc']
    });
    let how: string | null = null;
    let isOpen = true;
    const end = (): void => {
      // What it told last may come after its end is known.
      if (how !== null && !isOpen) listener.ended(how);
    };
    child.on('message', (message) => listener.receive(message as FromIsolate));
    child.once('exit', (code, signal) => {
      how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
      end();
    });
    child.once('disconnect', () => {
      isOpen = false;
      // One that cut the line itself cannot be told anything any more.
      child.kill('SIGKILL');
      end();
    });
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      listener.ended(`could not be started: ${error.message}`);
    });
    return {
      post: (message) => void child.send(message, () => {}),
      terminate: () => void child.kill('SIGKILL')
    };
  };
}
