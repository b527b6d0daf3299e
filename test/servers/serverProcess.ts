import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { signalTree } from './processTree.ts';
import type { Program } from './program.ts';

/** A server that runs on the loopback address, with all that it keeps in a folder of its own. */
export interface Server extends AsyncDisposable {
  /** For its clients; without a password. Stays the same when it is started again. */
  readonly url: string;
  /** As the server tells it. */
  readonly version: string;
  /** Ends it and removes its folder. Calling it again waits for the same end. */
  stop(): Promise<void>;

  /** Ends it with SIGKILL, all its processes, and leaves its folder as it is. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Stops all its processes where they are: connections stay, and nothing is answered until {@link Server.thaw}. */
  freeze(): void;
  thaw(): void;
  /**
   * Starts it again on its port, killed before or not: with the same data, or with none. Resolves when it may be connected
   * to.
   */
  restart(options?: { readonly isEmpty?: boolean }): Promise<void>;
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

/** A process of a server that is ready. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #stopSignal: NodeJS.Signals;
  readonly #exited: Promise<void>;

  private constructor(child: ChildProcess, stopSignal: NodeJS.Signals) {
    this.#child = child;
    this.#stopSignal = stopSignal;
    this.#exited = once(child, 'exit').then(() => {});
  }

  /**
   * Starts a program and resolves when it is ready.
   *
   * @throws {Error} when it ends before, with what it had printed.
   */
  static async start(
    { path, env }: Program,
    { args, readyText, user, stopSignal }: ServerProcessOptions
  ): Promise<ServerProcess> {
    const child = spawn(path, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      ...user
    });
    const started = new ServerProcess(child, stopSignal);
    await readiness(child, path, readyText);
    return started;
  }

  /** In order, whatever was done to it before. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.signal('SIGCONT');
    this.#child.kill(this.#stopSignal);
    const kill = setTimeout(() => this.signal('SIGKILL'), stopMs);
    await this.#exited;
    clearTimeout(kill);
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** To it and to all its processes. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#hasEnded && this.#child.pid !== undefined) signalTree(this.#child.pid, signal);
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
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
