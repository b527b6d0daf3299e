import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { compiledModule } from '../../../reliability/compiled.ts';
import { ended, type EndedProcess } from '../../endedProcess.ts';

const script = new URL('storeProcess.ts', import.meta.url);

/** Starts `storeProcess.ts`. It is killed after the test. */
export function startProcess(
  path: string,
  then: string,
  owner = 'me'
): ChildProcessByStdio<Writable, Readable, Readable> {
  const child = spawn(process.execPath, [compiledModule(script), path, then, owner], { stdio: 'pipe' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Starts it, and resolves when it has committed its first task and holds on to the store. */
export async function startOwner(path: string, owner: string) {
  const child = startProcess(path, 'hold on', owner);
  await once(child.stdout, 'data');
  return child;
}

/** Runs it to its end. */
export function runProcess(path: string, then: string): Promise<EndedProcess> {
  return ended(startProcess(path, then));
}
