import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isolateEntry, type FromIsolate, type OpenChannel } from './channel.ts';

/** Opens a process. @param maxOldGenerationSizeMb - Its heap, MiB. Defaults to Node's limit. */
export function openProcess(maxOldGenerationSizeMb?: number): OpenChannel {
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
