import type { TaskError } from '../../machines/task.ts';
import { systemClock } from '../clock.ts';
import { HandlerModuleError } from '../errors.ts';
import type { Attempt } from '../executor.ts';
import { errorOf } from '../handlers/outcome.ts';
import { attemptKey } from '../ledger/roster.ts';
import type { Channel, FromIsolate, IsolateSetup, LoadedModule, OpenChannel, ToIsolate } from './channel.ts';

/** How long an isolate that is asked to end may take before it is ended, ms. */
const partingMs = 1_000;

/** What an isolate tells once it is ready. */
export type IsolateNews = Exclude<FromIsolate, { readonly type: 'ready' | 'unfit' }>;

/** Who hears what an isolate tells: the executor that made it. */
export interface IsolateListener {
  receive(isolate: Isolate, news: IsolateNews): void;
  /** It ended. @param reason - How. What it was running is in {@link Isolate.running} still. */
  ended(isolate: Isolate, reason: string): void;
}

/** One thread or process, seen from the outside: it loads its module, runs attempts, ends. */
export class Isolate {
  /** Rejects with a {@link HandlerModuleError} when its module cannot be used. */
  readonly ready: Promise<LoadedModule>;
  /** By {@link attemptKey}. */
  readonly running = new Map<string, Attempt>();
  /** The worker that it is; `null`: none yet, or none at all. */
  workerId: string | null = null;
  isReady = false;
  isStopping = false;
  /** It owes a heartbeat. */
  isAsked = false;

  readonly #module: string;
  readonly #channel: Channel;
  readonly #ended: Promise<void>;
  #accept!: (loaded: LoadedModule) => void;
  #refuse!: (error: Error) => void;
  #end!: () => void;

  constructor(open: OpenChannel, setup: IsolateSetup, listener: IsolateListener) {
    this.#module = setup.module;
    this.ready = new Promise((accept, refuse) => {
      this.#accept = accept;
      this.#refuse = refuse;
    });
    // Whoever waits for it hears of it; it may end when nobody does.
    this.ready.catch(() => {});
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#channel = open(setup, {
      receive: (message) => this.#receive(message, listener),
      ended: (reason) => {
        const problem = this.isStopping ? 'it was stopped before it was loaded' : `what loads it ${reason}`;
        this.#refuse(new HandlerModuleError(this.#module, problem));
        listener.ended(this, reason);
        this.#end();
      }
    });
  }

  run(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) this.running.set(attemptKey(attempt), attempt);
    this.post({ type: 'run', attempts });
  }

  probe(): void {
    this.isAsked = true;
    this.post({ type: 'probe' });
  }

  post(message: ToIsolate): void {
    this.#channel.post(message);
  }

  /** Ends it: it is asked to, unless it would not hear that. Resolves when it has ended. Idempotent. */
  async stop(): Promise<void> {
    if (!this.isStopping) {
      this.isStopping = true;
      if (this.isReady && !this.isAsked) {
        this.post({ type: 'stop' });
        const alarm = systemClock.setAlarm(() => this.#channel.terminate(), partingMs);
        void this.#ended.then(() => alarm[Symbol.dispose]());
      } else this.#channel.terminate();
    }
    await this.#ended;
  }

  #receive(message: FromIsolate, listener: IsolateListener): void {
    // Handlers may post to the same port.
    if (typeof message !== 'object' || message === null) return;
    if (message.type === 'ready') {
      this.isReady = true;
      this.#accept(message);
    } else if (message.type === 'unfit') {
      this.#refuse(unfit(this.#module, message.error));
      this.#channel.terminate();
    } else {
      if (message.type === 'heartbeat') this.isAsked = false;
      listener.receive(this, message);
    }
  }
}

function unfit(module: string, error: TaskError | null): HandlerModuleError {
  if (error === null) {
    return new HandlerModuleError(module, 'it exports no handlers; export a function for each task type');
  }
  return new HandlerModuleError(module, `${error.name}: ${error.message}`, { cause: errorOf(error) });
}
