import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CaseContext, Figures } from '../case.ts';

const script = fileURLToPath(new URL('main.ts', import.meta.url));
const tsconfig = fileURLToPath(new URL('../tsconfig.json', import.meta.url));

/**
 * Runs a case once, in a process of its own.
 *
 * @throws {Error} when the process ends without figures, with what it had printed as an error.
 */
export async function runCase(name: string, context: CaseContext, signal?: AbortSignal): Promise<Figures> {
  const child = fork(script, [name, context.folder, context.serverUrl], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    env: { ...process.env, NODE_ENV: 'production', TSX_TSCONFIG_PATH: tsconfig },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    ...(signal && { signal })
  });
  let printed = '';
  child.stderr?.on('data', (chunk: Buffer) => (printed += String(chunk)));
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Figures));
    child.once('error', reject);
    child.once('close', (code) => {
      reject(new Error(`${name} ended with ${code} and no figures: ${printed.slice(-2_000)}`));
    });
  });
}
