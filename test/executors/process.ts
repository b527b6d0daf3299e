import { spawn } from 'node:child_process';
import { compiledModule } from '../../reliability/compiled.ts';
import { ended, type EndedProcess } from '../endedProcess.ts';

const script = new URL('fleetProcess.ts', import.meta.url);

/** Runs `fleetProcess.ts` to its end. @param nodeOptions - For Node itself. */
export function runProcess(scenario: string, ...nodeOptions: readonly string[]): Promise<EndedProcess> {
  const child = spawn(
    process.execPath,
    [...nodeOptions, compiledModule(script), scenario],
    // What the test runner tells its own processes is not for this one.
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: undefined } }
  );
  return ended(child);
}
