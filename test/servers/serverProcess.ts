import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Program } from './program.ts';

/** A server that runs on the loopback address, with all that it keeps in a folder of its own. */
export interface Server extends AsyncDisposable {
  /** For its clients; without a password. */
  readonly url: string;
  /** As the server tells it. */
  readonly version: string;
  /** Ends it and removes its folder. Calling it again waits for the same end. */
  stop(): Promise<void>;
}

export interface ServerProcessOptions {
  readonly args: readonly string[];
  /** What it prints when it may be connected to. */
  readonly readyText: string;
  /** Who it runs as. Defaults to who we are. */
  readonly user?: User | undefined;
  /** The signal that ends it in order. */
  readonly stopSignal: NodeJS.Signals;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** How long an end in order may take, ms; then it is killed. */
const stopMs = 10_000;

/**
 * Starts a program and resolves when it is ready, to a function that ends it.
 *
 * @throws {Error} when it ends before, with what it had printed.
 */
export async function startProcess(
  { path, env }: Program,
  { args, readyText, user, stopSignal }: ServerProcessOptions
): Promise<() => Promise<void>> {
  const child = spawn(path, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    ...user
  });
  const exited = once(child, 'exit').then(() => {});
  await readiness(child, path, readyText);
  return async () => {
    child.kill(stopSignal);
    const kill = setTimeout(() => child.kill('SIGKILL'), stopMs);
    await exited;
    clearTimeout(kill);
  };
}

/** A port of the loopback address that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function readiness(child: ChildProcess, path: string, readyText: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const read = (chunk: Buffer): void => {
      printed += String(chunk);
      if (printed.includes(readyText)) resolve();
      // What is printed later is read too, so that the server never waits for it, and forgotten.
      if (printed.length > 100_000) printed = '';
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${path} ended with ${code} as it started: ${printed}`)));
  });
}
