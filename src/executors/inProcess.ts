import type { AttemptRef, Json, Outcome } from '../../machines/task.ts';
import type { AbortCause, Attempt, Executor, ExecutorReports, Reattachment } from '../executor.ts';
import type { Handler, HandlerContext, HandlerTask, Handlers } from '../handler.ts';
import { failedOutcome, outcomeOf, type ShouldRetry } from '../outcome.ts';
import { NonRetryableError } from '../errors.ts';
import { jsonTextOf } from '../validation.ts';

/** The longest line that a handler may log. */
const maxLogLine = 4_096;

/**
 * Runs handlers in this process, on its event loop: the default.
 *
 * It can abort a handler but not end it: one that ignores its signal runs on, and one that blocks the event
 * loop blocks the fleet. Attempts die with the process, so `reattach` calls all of them lost.
 */
export function inProcess(handlers: Handlers, shouldRetry: ShouldRetry = () => true): Executor {
  return new InProcessExecutor(handlers, shouldRetry);
}

class InProcessExecutor implements Executor {
  readonly types: ReadonlySet<string>;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #shouldRetry: ShouldRetry;
  readonly #running = new Map<number, RunningAttempt>();
  #reports: ExecutorReports | null = null;

  constructor(handlers: Handlers, shouldRetry: ShouldRetry) {
    this.#handlers = new Map(Object.entries(handlers));
    this.types = new Set(this.#handlers.keys());
    this.#shouldRetry = shouldRetry;
  }

  start(reports: ExecutorReports): Promise<void> {
    this.#reports = reports;
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

  stop(): Promise<void> {
    for (const running of this.#running.values()) {
      running.abort({ kind: 'stopped', message: 'The fleet stopped' });
    }
    this.#running.clear();
    this.#reports = null;
    return Promise.resolve();
  }

  #run(attempt: Attempt): void {
    const running = new RunningAttempt(attempt, this.#reports!);
    this.#running.set(attempt.seq, running);
    try {
      const handler = this.#handlers.get(attempt.type) ?? missingHandler(attempt.type);
      const returned: unknown = handler(JSON.parse(attempt.data), running.context);
      if (typeof returned !== 'object' || returned === null) return this.#complete(running, returned);
      Promise.resolve(returned).then(
        (value) => this.#complete(running, value),
        (error: unknown) => this.#fail(running, error)
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
    if (this.#running.get(attempt.seq) === running) this.#running.delete(attempt.seq);
    this.#reports?.settled(attempt, outcome);
  }
}

/** One attempt under way. What its handler may not ask for, such as a signal, is made when it asks. */
class RunningAttempt {
  readonly attempt: Attempt;
  readonly context: HandlerContext;
  #controller: AbortController | null = null;
  #cause: AbortCause | null = null;

  constructor(attempt: Attempt, reports: ExecutorReports) {
    this.attempt = attempt;
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
      this.#reports.progress(this.#attempt, parse(jsonTextOf('progress', value)));
    };
  }

  get log(): (line: string) => void {
    return (line) => this.#reports.log(this.#attempt, line.slice(0, maxLogLine));
  }
}

function parse(text: string | null): Json {
  return text === null ? null : (JSON.parse(text) as Json);
}

function missingHandler(type: string): never {
  throw new NonRetryableError(`No handler for tasks of type ${JSON.stringify(type)} is registered any more`);
}

/** The reason of the handler's signal: an `AbortError`, as fetch and timers throw it on. */
function abortError({ message }: AbortCause): Error {
  return new DOMException(message, 'AbortError');
}
