import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { StoreError } from '../../errors.ts';
import type { InboxCommand } from '../../store.ts';
import { ExitGate } from './exitGate.ts';
import { errorOf, failureOf } from './failure.ts';
import type {
  CallMessage,
  CallName,
  DriverCalls,
  DriverMessage,
  DriverOptions,
  DriverSetup
} from './protocol.ts';

interface PendingCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The caller's end of the thread in which SQLite runs, so that a slow disk never blocks the event loop.
 *
 * The thread is started by the first call. It keeps the process alive while a call is under way, and only then.
 */
export class StoreThread {
  readonly #options: DriverOptions;
  readonly #pending = new Map<number, PendingCall>();
  readonly #watches = new Map<number, (command: InboxCommand) => void>();
  #worker: Worker | null = null;
  #lastId = 0;
  #closing: Promise<void> | null = null;
  /** Until a thread that was no more needed has ended. */
  #resting: Promise<void> = Promise.resolve();

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  /** @throws {FleetError} what the call failed with; `ERR_STORE_IO`, outcome unknown, when the thread died. */
  call<K extends CallName>(
    name: K,
    ...args: Parameters<DriverCalls[K]>
  ): Promise<ReturnType<DriverCalls[K]>> {
    if (this.#closing) {
      const message = `Store ${this.#options.path} was closed`;
      return Promise.reject(new StoreError('ERR_STORE_CLOSED', message, 'refused'));
    }
    return this.#post(name, args) as Promise<ReturnType<DriverCalls[K]>>;
  }

  /** Decodes what was read. @throws {FleetError} as if the call had failed, when it is damaged. */
  decode<T>(decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      throw errorOf(failureOf(error, this.#options.path));
    }
  }

  /** Calls back with commands until it is released, or the scope or the thread is. */
  watch(scope: string, onCommand: (command: InboxCommand) => void): Disposable {
    this.#lastId += 1;
    const watch = this.#lastId;
    this.#watches.set(watch, onCommand);
    const forget = (): void => void this.#watches.delete(watch);
    // A scope that is not open has no commands; that it is not is told by every other call.
    this.call('watch', watch, scope).catch(forget);
    return {
      [Symbol.dispose]: () => {
        if (this.#watches.delete(watch)) this.call('unwatch', watch).catch(forget);
      }
    };
  }

  /** Gives up a scope; nothing to do when the thread has ended. @returns Whether no scope is open any more. */
  async release(scope: string): Promise<boolean> {
    return !this.#worker || this.#closing !== null || (await this.call('release', scope));
  }

  /** Ends the thread, and with it all that it holds, unless a call is under way. The next call starts another. */
  async rest(): Promise<void> {
    if (this.#worker === null || this.#closing !== null || this.#pending.size > 0) return;
    const worker = this.#worker;
    this.#worker = null;
    this.#watches.clear();
    this.#resting = endOf(worker);
    await this.#resting;
  }

  /** Resolves when the thread has ended. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#resting;
    if (this.#worker) await endOf(this.#worker);
    this.#watches.clear();
  }

  #post(name: CallName, args: readonly unknown[]): Promise<unknown> {
    const worker = (this.#worker ??= this.#start());
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) worker.ref();
      this.#pending.set(id, { resolve, reject });
      const message: CallMessage = [id, name, args];
      worker.postMessage(message);
    });
  }

  #start(): Worker {
    const gate = new ExitGate();
    const worker = startDriver({ options: this.#options, memory: gate.memory });
    gate.guardExit();
    let cause: unknown = null;
    worker.unref();
    worker.on('message', (message: DriverMessage) => this.#receive(message));
    worker.on('error', (error) => (cause = error));
    // Not before: only now are the locks of the thread gone.
    worker.on('exit', () => {
      gate.release();
      if (this.#worker === worker) this.#lose(cause);
    });
    return worker;
  }

  #receive(message: DriverMessage): void {
    if (message[0] === 'commands') {
      for (const command of message[2]) this.#watches.get(message[1])?.(command);
      return;
    }
    const [id, failure] = message;
    const call = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0 && !this.#closing) this.#worker?.unref();
    if (failure) call?.reject(errorOf(failure));
    else call?.resolve(message[2]);
  }

  /** The thread has ended. What it was doing may be done or not; the next call starts another one. */
  #lose(cause: unknown): void {
    this.#worker = null;
    this.#watches.clear();
    const message = `Store ${this.#options.path}: its thread ended (${cause instanceof Error ? cause.message : 'no reason known'})`;
    for (const { reject } of this.#pending.values()) {
      reject(new StoreError('ERR_STORE_IO', message, 'unknown', { cause }));
    }
    this.#pending.clear();
  }
}

/** Resolves when the thread has carried out what it was asked, and has ended. */
async function endOf(worker: Worker): Promise<void> {
  const ended = new Promise((resolve) => {
    worker.once('exit', resolve);
  });
  worker.ref();
  const close: CallMessage = [nobody, 'close', []];
  worker.postMessage(close);
  await ended;
}

/** The id of a call whose end nobody waits for. */
const nobody = 0;

/** Starts the driver in the form in which this file was loaded: as TypeScript, or compiled. */
function startDriver(workerData: DriverSetup): Worker {
  // Not what the process was started with: a debugger's or a loader's flags are not for this thread.
  const settings: WorkerOptions = { workerData, execArgv: [] };
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./driver.js', import.meta.url), settings);
  const driver = new URL('./driver.ts', import.meta.url);
  if (nodeRunsTypeScript()) return new Worker(driver, settings);
  // A loader that the process has registered does not reach into a thread of Node 20.
  // One that only `require` goes through needs no thread of its own: it starts in half the time.
  const tsx = fileURLToPath(import.meta.resolve('tsx/cjs/api'));
  const bootstrap = `require(${JSON.stringify(tsx)}).register(); require(${JSON.stringify(fileURLToPath(driver))})`;
  return new Worker(bootstrap, { ...settings, eval: true });
}

function nodeRunsTypeScript(): boolean {
  const { typescript } = process.features as { typescript?: string | false };
  return Boolean(typescript);
}
