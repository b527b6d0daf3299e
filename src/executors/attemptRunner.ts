import type { AttemptRef, Json, Outcome, TaskError } from '../../machines/task.ts';
import { NonRetryableError } from '../errors.ts';
import type { AbortCause, Attempt, ExecutorReports } from '../executor.ts';
import { outsideAttempts, runInAttempt, type CurrentAttempt } from '../handlers/currentAttempt.ts';
import type { Handler, HandlerContext, HandlerTask } from '../handlers/handler.ts';
import { failedOutcome, outcomeOf, type ShouldRetry } from '../handlers/outcome.ts';
import { NumberedMap } from '../ledger/numberedMap.ts';
import { parseJson } from '../validation/jsonText.ts';
import { limits } from '../validation/limits.ts';
import { quote, show } from '../validation/show.ts';
import { assertText, jsonTextOf } from '../validation/validation.ts';
import { callInTrace } from './attemptTrace.ts';

// Captured when the library loads: a handler may replace them.
const resolvePromise = Promise.resolve.bind(Promise);
// oxlint-disable-next-line typescript/unbound-method -- it is bound to each promise that it is called with
const then = Function.prototype.call.bind(Promise.prototype.then) as (
  promise: Promise<unknown>,
  onFulfilled: (value: unknown) => void,
  onRejected: (error: unknown) => void
) => Promise<void>;

/** What attempts report while they run. */
export type AttemptReports = Pick<ExecutorReports, 'settled' | 'progress' | 'log' | 'detached'>;

export interface AttemptRunnerOptions {
  /** Whose attempts they are: what tells one of its own handlers from another's. */
  readonly owner: object;
  readonly shouldRetry: ShouldRetry;
  /** Whether errors of detached code are given to their attempts: then somebody has to watch for them. */
  readonly isolates: boolean;
}

/**
 * Runs handlers on this process's event loop: every attempt in it, of a fleet or of a worker that stands alone.
 *
 * Nothing that a handler does throws out of it; each attempt is reported settled exactly once. Between `stop` and
 * the next `start` nothing is reported.
 */
export class AttemptRunner {
  readonly #options: AttemptRunnerOptions;
  readonly #running = new NumberedMap<RunningAttempt>();
  /** Types of tasks whose detached errors were warned of. */
  readonly #warnedOf = new Set<string>();
  #host: AttemptHost | null = null;

  constructor(options: AttemptRunnerOptions) {
    this.#options = options;
  }

  start(reports: AttemptReports): void {
    const { owner } = this.#options;
    this.#host = { owner, reports, takeDetached: (running, thrown) => this.#takeDetached(running, thrown) };
  }

  /** @param isNested - It is part of another attempt that runs here: that one's is what its code throws. */
  run(attempt: Attempt, handler: Handler | undefined, isNested = false): void {
    const running = new RunningAttempt(this.#host!, attempt);
    this.#running.set(attempt.seq, running);
    try {
      const known = handler ?? missingHandler(attempt.type);
      const data: unknown = parseJson(attempt.data);
      const returned =
        this.#options.isolates && !isNested
          ? runInAttempt(running, callTraced, known, data, running)
          : callTraced(known, data, running);
      if (!isPromise(returned)) return this.#complete(running, returned);
      void then(
        returned,
        (value) => this.#complete(running, value),
        (error) => this.#fail(running, error)
      );
    } catch (error) {
      this.#fail(running, error);
    }
  }

  /** Asks the handler to stop. An attempt that has settled is ignored. */
  abort({ seq, attempt }: AttemptRef, cause: AbortCause): void {
    const running = this.#running.get(seq);
    if (running?.attempt.attempt === attempt) running.abort(cause);
  }

  /** Aborts what runs, and reports nothing more. */
  stop(cause: AbortCause): void {
    for (const running of this.#running.values()) running.abort(cause);
    this.#running.clear();
    this.#host = null;
  }

  #complete(running: RunningAttempt, returned: unknown): void {
    this.#settle(running, outcomeOf(returned, this.#options.shouldRetry));
  }

  #fail(running: RunningAttempt, thrown: unknown): void {
    this.#settle(running, failedOutcome(thrown, this.#options.shouldRetry));
  }

  #settle(running: RunningAttempt, outcome: Outcome): void {
    const { attempt } = running;
    running.isRunning = false;
    if (this.#running.get(attempt.seq) === running) this.#running.delete(attempt.seq);
    this.#host?.reports.settled(attempt, outcome);
  }

  /** Fails the attempt; one that is over hears of it late, which is counted. */
  #takeDetached(running: RunningAttempt, thrown: unknown): boolean {
    if (!this.#options.isolates) return false;
    const { attempt, isRunning } = running;
    const outcome = failedOutcome(thrown, this.#options.shouldRetry);
    const { error } = outcome;
    this.#settle(running, outcome);
    this.#host?.reports.detached(attempt, error, isRunning);
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

/** What the attempts of a runner have in common, from one start to its stop. */
interface AttemptHost {
  readonly owner: object;
  readonly reports: AttemptReports;
  readonly takeDetached: (running: RunningAttempt, thrown: unknown) => boolean;
}

/**
 * Calls a handler, and the `then` of what it returns, as code of its attempt.
 *
 * @returns A promise for any object that it returns; otherwise the value.
 */
function call(handler: Handler, data: unknown, context: HandlerContext): unknown {
  const returned: unknown = handler(data, context);
  return typeof returned === 'object' && returned !== null ? resolvePromise(returned) : returned;
}

/** The same, as part of its trace, if it has one. */
function callTraced(handler: Handler, data: unknown, { attempt, context }: RunningAttempt): unknown {
  if (attempt.traceparent === undefined) return call(handler, data, context);
  return callInTrace(attempt, call, handler, data, context);
}

/** Of what {@link call} returns. */
function isPromise(called: unknown): called is Promise<unknown> {
  return typeof called === 'object' && called !== null;
}

/**
 * One attempt under way. What its handler may not ask for, such as a signal, is made when it asks, and what all
 * attempts share is the host's: with closures of its own it took 1.3 times the processor time.
 */
class RunningAttempt implements CurrentAttempt {
  readonly host: AttemptHost;
  readonly attempt: Attempt;
  readonly context: HandlerContext;
  isRunning = true;
  #controller: AbortController | null = null;
  #cause: AbortCause | null = null;

  constructor(host: AttemptHost, attempt: Attempt) {
    this.host = host;
    this.attempt = attempt;
    this.context = new Context(this);
  }

  get owner(): object {
    return this.host.owner;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#cause !== null) this.#controller.abort(abortError(this.#cause));
    }
    return this.#controller.signal;
  }

  takeDetached(thrown: unknown): boolean {
    return this.host.takeDetached(this, thrown);
  }

  abort(cause: AbortCause): void {
    this.#cause ??= cause;
    this.#controller?.abort(abortError(cause));
  }
}

/** What of a running attempt is its handler's to see. */
class Context implements HandlerContext {
  readonly #running: RunningAttempt;

  constructor(running: RunningAttempt) {
    this.#running = running;
  }

  get key(): string {
    return this.#running.attempt.key;
  }

  get attempt(): number {
    return this.#running.attempt.attempt;
  }

  get workerId(): string {
    return this.#running.attempt.workerId;
  }

  get signal(): AbortSignal {
    return this.#running.signal;
  }

  get task(): HandlerTask {
    const { taskId, key, batchId, type, metadata } = this.#running.attempt;
    return { id: taskId, key, batchId, type, metadata: parse(metadata) };
  }

  // Getters, so that a handler may take them out of the context.
  get progress(): (value: Json) => void {
    const { host, attempt } = this.#running;
    return (value) => {
      const copy = parse(jsonTextOf('progress', value));
      outsideAttempts(() => host.reports.progress(attempt, copy));
    };
  }

  get log(): (line: string) => void {
    const { host, attempt } = this.#running;
    return (line) => {
      assertText('line', line);
      outsideAttempts(() => host.reports.log(attempt, line.slice(0, limits.logLine)));
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
