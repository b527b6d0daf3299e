import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AttemptRef, Outcome, TaskError } from '../../machines/task.ts';
import { systemClock } from '../clock.ts';
import { HandlerModuleError, ValidationError } from '../errors.ts';
import type { AbortCause, Attempt, Executor, ExecutorReports, Reattachment } from '../executor.ts';
import { attemptKey } from '../ledger/roster.ts';
import { show } from '../validation/show.ts';
import {
  assertFunction,
  assertInteger,
  assertOneOf,
  readFields,
  readOptions,
  refuse
} from '../validation/validation.ts';
import type { IsolateSetup, OpenChannel } from './channel.ts';
import type { DetachedErrorPolicy } from './inProcess.ts';
import { Isolate, type IsolateListener, type IsolateNews } from './isolate.ts';
import { IsolatedSchemas } from './isolatedSchemas.ts';

/** What `threads` and `processes` are made of. */
export interface IsolatedOptions {
  /**
   * URL of the module of handlers, `new URL('./handlers.js', import.meta.url)`: the functions that it exports by
   * name, or those of its default export or of its export `handlers`. TypeScript is loaded through `tsx`. Those that
   * have a schema cost one more thread or process, in which it is asked.
   */
  readonly module: URL | string;
  /**
   * Decides whether another attempt may help. It runs here, so it gets the error as data. Defaults to always, but
   * for a `NonRetryableError`.
   */
  readonly shouldRetry?: ((error: TaskError) => boolean) | undefined;
  /**
   * What becomes of an error that a handler's detached code throws. `exit` ends the thread or process that it comes
   * from, and loses what runs there. Defaults to `isolate`.
   */
  readonly onDetachedError?: DetachedErrorPolicy | undefined;
  /** Heap of one worker, MiB. Integer >= 1. What needs more ends its worker. Defaults to Node's limit. */
  readonly maxOldGenerationSizeMb?: number | undefined;
}

const optionNames = [
  'module',
  'shouldRetry',
  'onDetachedError',
  'maxOldGenerationSizeMb'
] satisfies (keyof IsolatedOptions)[];

/**
 * Runs the handlers of a module in one thread or process for each worker.
 *
 * What a worker runs when its thread or process ends is lost, and so reported; what ended it cannot be told apart
 * from what ran beside it.
 */
export class IsolatedExecutor implements Executor, IsolateListener {
  /** Known while it runs: another start may find another module. */
  types: ReadonlySet<string> = new Set();
  readonly #setup: IsolateSetup;
  readonly #load: () => Promise<(maxOldGenerationSizeMb?: number) => OpenChannel>;
  readonly #maxOldGenerationSizeMb: number | undefined;
  /** From the first start on. */
  #open: OpenChannel | null = null;
  readonly #shouldRetry: (error: TaskError) => boolean;
  readonly #isolates = new Set<Isolate>();
  readonly #workers = new Map<string, Isolate>();
  /** Who runs an attempt, by {@link attemptKey}. */
  readonly #runners = new Map<string, Isolate>();
  /** What the module was tried in: it becomes the first worker, unless there are schemas. */
  #spare: Isolate | null = null;
  readonly #schemas = new IsolatedSchemas({
    open: () => {
      if (this.#reports === null) throw new Error('the executor has stopped');
      return this.#isolate();
    },
    clock: systemClock
  });
  #reports: ExecutorReports | null = null;

  /** @param load - Loads what opens a thread or process, given the limit of its heap: nobody needs it before a start. */
  constructor(
    argument: string,
    options: IsolatedOptions,
    load: () => Promise<(maxOldGenerationSizeMb?: number) => OpenChannel>
  ) {
    const { module, shouldRetry, onDetachedError, maxOldGenerationSizeMb } = readIsolated(argument, options);
    this.#setup = {
      module: String(module),
      onDetachedError: onDetachedError ?? 'isolate',
      parent: process.pid
    };
    this.#shouldRetry = shouldRetry ?? (() => true);
    this.#load = load;
    this.#maxOldGenerationSizeMb = maxOldGenerationSizeMb;
  }

  /** @throws {HandlerModuleError} when the module cannot be used. */
  async start(reports: ExecutorReports): Promise<void> {
    this.#reports = reports;
    this.#open ??= (await this.#load())(this.#maxOldGenerationSizeMb);
    if (this.#reports === null) {
      throw new HandlerModuleError(this.#setup.module, 'it was stopped before it was loaded');
    }
    const isolate = (this.#spare ??= this.#isolate());
    const { types, schemaTypes } = await isolate.ready;
    // A stop came meanwhile.
    if (this.#spare !== isolate) return;
    this.types = new Set(types);
    const hasSchemas = schemaTypes.length > 0;
    this.#schemas.begin(schemaTypes, hasSchemas ? isolate : null);
    if (hasSchemas) this.#spare = null;
  }

  /** Known while it runs. What it validates goes to an isolate. */
  schemaOf(type: string): StandardSchemaV1 | undefined {
    return this.#reports === null ? undefined : this.#schemas.of(type);
  }

  async startWorker(workerId: string): Promise<void> {
    // One that is replaced while the fleet stops would never be stopped itself.
    if (this.#reports === null) throw new Error(`Worker ${workerId} is not made: its executor has stopped`);
    const isolate = this.#spare ?? this.#isolate();
    this.#spare = null;
    isolate.workerId = workerId;
    this.#workers.set(workerId, isolate);
    await isolate.ready;
  }

  async stopWorker(workerId: string): Promise<void> {
    await this.#workers.get(workerId)?.stop();
  }

  dispatch(attempts: readonly Attempt[]): void {
    const byIsolate = new Map<Isolate, Attempt[]>();
    for (const attempt of attempts) {
      const isolate = this.#workers.get(attempt.workerId);
      if (isolate === undefined || isolate.isStopping) {
        this.#reports?.lost(attempt, `Worker ${attempt.workerId} has ended`);
        continue;
      }
      this.#runners.set(attemptKey(attempt), isolate);
      const own = byIsolate.get(isolate);
      if (own) own.push(attempt);
      else byIsolate.set(isolate, [attempt]);
    }
    for (const [isolate, own] of byIsolate) isolate.run(own);
  }

  abort({ seq, attempt }: AttemptRef, cause: AbortCause): void {
    this.#runners
      .get(attemptKey({ seq, attempt }))
      ?.post({ type: 'abort', attempt: { seq, attempt }, cause });
  }

  /** Threads and processes end with the one that made them. */
  reattach(attempts: readonly AttemptRef[]): Promise<readonly Reattachment[]> {
    return Promise.resolve(attempts.map(() => ({ status: 'lost' })));
  }

  probe(workerId: string): void {
    this.#workers.get(workerId)?.probe();
  }

  async stop(): Promise<void> {
    this.#reports = null;
    this.types = new Set();
    this.#spare = null;
    this.#schemas.stop();
    await Promise.all(Array.from(this.#isolates, (isolate) => isolate.stop()));
  }

  receive(isolate: Isolate, news: IsolateNews): void {
    switch (news.type) {
      case 'settled':
        for (const { seq, attempt, outcome } of news.ends) this.#settle(isolate, { seq, attempt }, outcome);
        return;
      case 'progress':
        return this.#reports?.progress(news, news.value);
      case 'log':
        return this.#reports?.log(news, news.line);
      case 'detached':
        return this.#reports?.detached(news.of, news.error, news.hasFailed);
      case 'validated':
        return this.#schemas.take(isolate, news.id, news.answer);
      case 'heartbeat':
        if (isolate.workerId !== null) this.#reports?.heartbeat(isolate.workerId);
    }
  }

  ended(isolate: Isolate, reason: string): void {
    const { workerId, running, isReady, isStopping } = isolate;
    this.#isolates.delete(isolate);
    if (this.#spare === isolate) this.#spare = null;
    if (workerId !== null) this.#workers.delete(workerId);
    this.#schemas.ended(isolate, reason);
    const problem = `Worker ${workerId} ${reason}`;
    for (const [key, attempt] of running) {
      this.#runners.delete(key);
      this.#reports?.lost(attempt, problem);
    }
    if (workerId !== null && isReady && !isStopping) this.#reports?.workerLost(workerId, problem);
  }

  #isolate(): Isolate {
    const isolate = new Isolate(this.#open!, this.#setup, this);
    this.#isolates.add(isolate);
    return isolate;
  }

  /** A second outcome is what detached code threw after the attempt was over: it is reported as such a late one. */
  #settle(isolate: Isolate, ref: AttemptRef, outcome: Outcome): void {
    const key = attemptKey(ref);
    isolate.running.delete(key);
    this.#runners.delete(key);
    this.#reports?.settled(ref, this.#judged(outcome));
  }

  #judged(outcome: Outcome): Outcome {
    if (outcome.status === 'completed' || !outcome.error.retryable) return outcome;
    try {
      if (this.#shouldRetry(outcome.error)) return outcome;
    } catch {
      // A hook that fails must not decide that a task is lost.
      return outcome;
    }
    return { status: 'failed', error: { ...outcome.error, retryable: false } };
  }
}

/** @throws {ValidationError} */
function readIsolated(argument: string, options: IsolatedOptions): IsolatedOptions {
  const fields: IsolatedOptions & { readonly handlers?: unknown } = readFields(argument, options);
  if ('handlers' in fields) refuseFunctions(`${argument}.handlers`, fields.handlers);
  const given = readOptions(argument, fields, optionNames);
  const { module, shouldRetry, onDetachedError, maxOldGenerationSizeMb } = given;
  if (!isModuleUrl(module)) {
    if (typeof module === 'object' && module !== null) refuseFunctions(`${argument}.module`, module);
    refuse(`${argument}.module`, module, moduleUrl);
  }
  if (shouldRetry !== undefined) assertFunction(`${argument}.shouldRetry`, shouldRetry);
  if (onDetachedError !== undefined) {
    assertOneOf(`${argument}.onDetachedError`, onDetachedError, ['isolate', 'exit']);
  }
  if (maxOldGenerationSizeMb !== undefined) {
    assertInteger(`${argument}.maxOldGenerationSizeMb`, maxOldGenerationSizeMb, 1, 2 ** 20);
  }
  return given;
}

const moduleUrl = "the URL of a module, such as new URL('./handlers.js', import.meta.url)";

function isModuleUrl(module: unknown): module is URL | string {
  try {
    return module instanceof URL || (typeof module === 'string' && URL.canParse(module));
  } catch {
    // A Proxy that throws.
    return false;
  }
}

function refuseFunctions(argument: string, value: unknown): never {
  const remedy = `${moduleUrl}, which exports them: functions cannot cross into a thread or process`;
  throw new ValidationError(argument, show(value), remedy);
}
