import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { compiledModule } from '../../../reliability/compiled.ts';
import { faultyDisk, setFault, type DiskFault } from '../../../reliability/disk/faultyDisk.ts';
import type { SqliteOptions } from '../../../src/stores/sqlite.ts';
import type { Calls, Event, Message, Reply, Request, Wait } from './fleetProcess.ts';

/** What became of a submission. `outcome` is of a `StoreError`. */
export type Submission =
  | { readonly accepted: true }
  | { readonly accepted: false; readonly code: string; readonly outcome: string | null };

const program = new URL('fleetProcess.ts', import.meta.url);

/** A process of `fleetProcess.ts`, whose disk behaves as the test says. */
export class RemoteFleet {
  readonly #process: ChildProcess;
  readonly #control: string;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  readonly #listeners = new Set<() => void>();
  readonly #exit: Promise<unknown[]>;
  #events: Event[] = [];
  #lastId = 0;
  #errors = '';

  /** @param directory - Where the stores are, and nothing else. */
  constructor(directory: string) {
    this.#control = `${directory}.fault`;
    const env = faultyDisk({ path: `${directory}/`, control: this.#control });
    this.#process = fork(compiledModule(program), { env, execArgv: [], silent: true });
    this.#process.on('message', (message: Message) => this.#receive(message));
    this.#process.stderr!.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#exit = once(this.#process, 'exit');
  }

  /** What the fleet that was started last has told so far. */
  get events(): readonly Event[] {
    return this.#events;
  }

  disk(fault: DiskFault | null): void {
    setFault(this.#control, fault);
  }

  /** Starts a fleet above a store at `path`. Resolves with the code of the error when that fails. */
  async start(path: string, options: SqliteOptions = {}): Promise<'started' | string> {
    this.#events = [];
    const reply = await this.#call('start', path, options);
    return 'error' in reply ? reply.error.code : 'started';
  }

  async submit(batchId: string, type: 'quick' | 'held' = 'quick'): Promise<Submission> {
    const reply = await this.#call('submit', batchId, type);
    return 'error' in reply ? { accepted: false, ...reply.error } : { accepted: true };
  }

  async submitWatched(batchId: string): Promise<Wait> {
    return this.#require<Wait>('submitWatched', batchId);
  }

  /** Ends the handler of a batch that was submitted as `held`. */
  async release(batchId: string): Promise<void> {
    await this.#require('release', batchId);
  }

  /** Resolves with the status in which the batch settled. */
  waitFor(batchId: string): Promise<string> {
    return this.#require<string>('waitFor', batchId);
  }

  async stop(): Promise<void> {
    await this.#require('stop');
  }

  /** Resolves when the fleet has told it, now or before. */
  heard(type: Event['type'], key?: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.#events.some((event) => event.type === type && (!('key' in event) || event.key === key)))
          return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  /** Lets the process end by itself. `errors`: what it wrote to stderr. */
  async end(): Promise<{ code: unknown; errors: string }> {
    if (this.#process.connected) this.#process.disconnect();
    const [code] = await this.#exit;
    return { code, errors: this.#errors };
  }

  /** Resolves with the signal that ended the process. */
  async killed(): Promise<unknown> {
    const [, signal] = await this.#exit;
    return signal;
  }

  /** After a test, however it ended. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async #require<T>(call: keyof Calls, ...args: readonly unknown[]): Promise<T> {
    const reply = await this.#call(call, ...args);
    if ('error' in reply) throw new Error(`${call}: ${reply.error.code}`);
    return reply.value as T;
  }

  #call(call: keyof Calls, ...args: readonly unknown[]): Promise<Reply> {
    this.#lastId += 1;
    const request: Request = { id: this.#lastId, call, args };
    return new Promise((resolve, reject) => {
      this.#replies.set(request.id, resolve);
      this.#process.send(request, (error) => error && reject(error));
    });
  }

  #receive(message: Message): void {
    if ('event' in message) {
      this.#events.push(message.event);
      for (const look of this.#listeners) look();
      return;
    }
    this.#replies.get(message.id)?.(message);
    this.#replies.delete(message.id);
  }
}
