import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { compiledModule } from '../../reliability/compiled.ts';

const script = new URL('fleetProcess.ts', import.meta.url);

/** Runs `fleetProcess.ts` to its end. @param nodeOptions - For Node itself. */
export async function runProcess(
  scenario: string,
  ...nodeOptions: readonly string[]
): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(
    process.execPath,
    [...nodeOptions, compiledModule(script), scenario],
    // What the test runner tells its own processes is not for this one.
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: undefined } }
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output, errors };
}
