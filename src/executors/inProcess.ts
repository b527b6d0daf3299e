import type { AttemptRef, Json, Outcome, TaskError } from '../../machines/task.ts';
import { systemClock } from '../clock.ts';
import { outsideAttempts, runInAttempt, type CurrentAttempt } from '../currentAttempt.ts';
import { NonRetryableError } from '../errors.ts';
import type { AbortCause, Attempt, Executor, ExecutorReports, Reattachment } from '../executor.ts';
import type { Handler, HandlerContext, HandlerTask, Handlers } from '../handler.ts';
import { HandlerRegistry } from '../handlerRegistry.ts';
import { parseJson } from '../jsonText.ts';
import { limits } from '../limits.ts';
import { failedOutcome, outcomeOf, type ShouldRetry } from '../outcome.ts';
import { quote, show } from '../show.ts';
import { assertText, jsonTextOf } from '../validation.ts';
import { watchDetachedErrors } from './detachedErrors.ts';

// Captured when the library loads: a handler may replace them.
const resolvePromise = Promise.resolve.bind(Promise);
// oxlint-disable-next-line typescript/unbound-method -- it is bound to each promise that it is called with
const then = Function.prototype.call.bind(Promise.prototype.then) as (
  promise: Promise<unknown>,
  onFulfilled: (value: unknown) => void,
  onRejected: (error: unknown) => void
) => Promise<void>;

/**
 * What becomes of an error that a handler's detached code throws, in a promise that it forgot or in a timer.
 *
 * `isolate`: it fails the attempt that it comes from. Where that is over it is counted as a late outcome, told as
 * `task.detachedError`, and the first one of each type of task is a warning of the process. `exit`: it goes the
 * way of any error that nobody handles, which ends the process unless that listens for them; handlers are not
 * told apart then, which spares Node 20 and 22 a microsecond or two for each task, and a handler that waits for
 * itself waits until its timeout.
 */
export type DetachedErrorPolicy = 'isolate' | 'exit';

export interface InProcessOptions {
  /** Decides whether another attempt may help. Defaults to always, but for a `NonRetryableError`. */
  readonly shouldRetry?: ShouldRetry | undefined;
  /** Defaults to `isolate`. */
  readonly onDetachedError?: DetachedErrorPolicy | undefined;
}

/**
 * Runs handlers in this process, on its event loop: the default.
 *
 * It can abort a handler but not end it: one that ignores its signal runs on, and one that blocks the event
 * loop blocks the fleet. Attempts die with the process, so `reattach` calls all of them lost. What detached code
 * of a handler throws is told from other errors of the process as long as the executor runs, see
 * {@link DetachedErrorPolicy}; after its stop it is an error like any other.
 */
export function inProcess(handlers: Handlers | HandlerRegistry, options: InProcessOptions = {}): Executor {
  const registry = handlers instanceof HandlerRegistry ? handlers : new HandlerRegistry(handlers);
  return new InProcessExecutor(registry, options);
}

class InProcessExecutor implements Executor {
  readonly types: ReadonlySet<string>;
  readonly #handlers: HandlerRegistry;
  readonly #shouldRetry: ShouldRetry;
  readonly #isolates: boolean;
  readonly #running = new Map<number, RunningAttempt>();
  /** Types of tasks whose detached errors were warned of. */
  readonly #warnedOf = new Set<string>();
  #reports: ExecutorReports | null = null;
  #watch: Disposable | null = null;

  constructor(handlers: HandlerRegistry, { shouldRetry, onDetachedError }: InProcessOptions) {
    this.#handlers = handlers;
    this.types = handlers.types;
    this.#shouldRetry = shouldRetry ?? (() => true);
    this.#isolates = onDetachedError !== 'exit';
  }

  start(reports: ExecutorReports): Promise<void> {
    this.#reports = reports;
    if (this.#isolates) this.#watch ??= watchDetachedErrors();
    return Promise.resolve();
  }

  startWorker(): Promise<void> {
    return Promise.resolve();
  }

  stopWorker(): Promise<void> {
    return Promise.resolve();
  }

  dispatch(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) this.#run(attempt);
  }

  abort({ seq, attempt }: AttemptRef, cause: AbortCause): void {
    const running = this.#running.get(seq);
    if (running?.attempt.attempt === attempt) running.abort(cause);
  }

  reattach(attempts: readonly AttemptRef[]): Promise<readonly Reattachment[]> {
    return Promise.resolve(attempts.map(() => ({ status: 'lost' })));
  }

  async stop(): Promise<void> {
    for (const running of this.#running.values()) {
      running.abort({ kind: 'stopped', message: 'The fleet stopped' });
    }
    this.#running.clear();
    this.#reports = null;
    const watch = this.#watch;
    this.#watch = null;
    // What the aborts make detached code throw is still the handlers'.
    await new Promise<void>((resolve) => systemClock.setSoon(resolve));
    watch?.[Symbol.dispose]();
  }

  #run(attempt: Attempt): void {
    const running = new RunningAttempt(this, attempt, this.#reports!, (error) =>
      this.#takeDetached(running, error)
    );
    this.#running.set(attempt.seq, running);
    try {
      const handler = this.#handlers.get(attempt.type) ?? missingHandler(attempt.type);
      const data: unknown = parseJson(attempt.data);
      const returned = this.#isolates
        ? runInAttempt(running, call, handler, data, running.context)
        : call(handler, data, running.context);
      if (!(returned instanceof Returned)) return this.#complete(running, returned);
      void then(
        returned.promise,
        (value) => this.#complete(running, value),
        (error) => this.#fail(running, error)
      );
    } catch (error) {
      this.#fail(running, error);
    }
  }

  #complete(running: RunningAttempt, returned: unknown): void {
    this.#settle(running, outcomeOf(returned, this.#shouldRetry));
  }

  #fail(running: RunningAttempt, thrown: unknown): void {
    this.#settle(running, failedOutcome(thrown, this.#shouldRetry));
  }

  #settle(running: RunningAttempt, outcome: Outcome): void {
    const { attempt } = running;
    running.isRunning = false;
    if (this.#running.get(attempt.seq) === running) this.#running.delete(attempt.seq);
    this.#reports?.settled(attempt, outcome);
  }

  /** Fails the attempt; one that is over hears of it late, which is counted. */
  #takeDetached(running: RunningAttempt, thrown: unknown): boolean {
    if (!this.#isolates) return false;
    const { attempt, isRunning } = running;
    const outcome = failedOutcome(thrown, this.#shouldRetry);
    const { error } = outcome;
    this.#settle(running, outcome);
    this.#reports?.detached(attempt, error, isRunning);
    if (isRunning) running.abort({ kind: 'failed', message: 'Detached code of the handler threw' });
    else this.#warn(attempt, error);
    return true;
  }

  #warn({ type, key, attempt }: Attempt, { name, message }: TaskError): void {
    if (this.#warnedOf.has(type)) return;
    this.#warnedOf.add(type);
    process.emitWarning(
      `Code that the handler of task ${quote(key)} left behind threw when attempt ${attempt} was over: ` +
        `${show(name)} ${show(message)}. More of it from tasks of type ${quote(type)} is only counted, as ` +
        'late outcomes, and told as task.detachedError. Let handlers await all they begin'
    );
  }
}

/** A promise of what a handler returns, told apart from a value that is one. */
class Returned {
  readonly promise: Promise<unknown>;

  constructor(promise: Promise<unknown>) {
    this.promise = promise;
  }
}

/** Calls a handler, and the `then` of what it returns, as code of its attempt. */
function call(handler: Handler, data: unknown, context: HandlerContext): unknown {
  const returned: unknown = handler(data, context);
  return typeof returned === 'object' && returned !== null
    ? new Returned(resolvePromise(returned))
    : returned;
}

/** One attempt under way. What its handler may not ask for, such as a signal, is made when it asks. */
class RunningAttempt implements CurrentAttempt {
  readonly executor: Executor;
  readonly attempt: Attempt;
  readonly context: HandlerContext;
  readonly takeDetached: (thrown: unknown) => boolean;
  isRunning = true;
  #controller: AbortController | null = null;
  #cause: AbortCause | null = null;

  constructor(
    executor: Executor,
    attempt: Attempt,
    reports: ExecutorReports,
    takeDetached: (thrown: unknown) => boolean
  ) {
    this.executor = executor;
    this.attempt = attempt;
    this.takeDetached = takeDetached;
    this.context = new Context(attempt, reports, () => this.#signal());
  }

  abort(cause: AbortCause): void {
    this.#cause ??= cause;
    this.#controller?.abort(abortError(cause));
  }

  #signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#cause !== null) this.#controller.abort(abortError(this.#cause));
    }
    return this.#controller.signal;
  }
}

class Context implements HandlerContext {
  readonly #attempt: Attempt;
  readonly #reports: ExecutorReports;
  readonly #signal: () => AbortSignal;

  constructor(attempt: Attempt, reports: ExecutorReports, signal: () => AbortSignal) {
    this.#attempt = attempt;
    this.#reports = reports;
    this.#signal = signal;
  }

  get key(): string {
    return this.#attempt.key;
  }

  get attempt(): number {
    return this.#attempt.attempt;
  }

  get workerId(): string {
    return this.#attempt.workerId;
  }

  get signal(): AbortSignal {
    return this.#signal();
  }

  get task(): HandlerTask {
    const { taskId, key, batchId, type, metadata } = this.#attempt;
    return { id: taskId, key, batchId, type, metadata: parse(metadata) };
  }

  // Getters, so that a handler may take them out of the context.
  get progress(): (value: Json) => void {
    return (value) => {
      const copy = parse(jsonTextOf('progress', value));
      outsideAttempts(() => this.#reports.progress(this.#attempt, copy));
    };
  }

  get log(): (line: string) => void {
    return (line) => {
      assertText('line', line);
      outsideAttempts(() => this.#reports.log(this.#attempt, line.slice(0, limits.logLine)));
    };
  }
}

function parse(text: string | null): Json {
  return text === null ? null : (parseJson(text) as Json);
}

function missingHandler(type: string): never {
  throw new NonRetryableError(`No handler for tasks of type ${quote(type)} is registered`);
}

/** The reason of the handler's signal: an `AbortError`, as fetch and timers throw it on. */
function abortError({ message }: AbortCause): Error {
  return new DOMException(message, 'AbortError');
}
