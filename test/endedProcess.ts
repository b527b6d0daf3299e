import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

/** How a process ended, and what it printed. */
export interface EndedProcess {
  /** `null`: a signal ended it. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Resolves when it has ended. It is killed after the test. */
export async function ended(
  child: ChildProcess & { readonly stdout: Readable; readonly stderr: Readable }
): Promise<EndedProcess> {
  onTestFinished(() => void child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output, errors };
}
