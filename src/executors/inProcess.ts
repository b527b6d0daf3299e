import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { AttemptRef } from '../../machines/task.ts';
import { systemClock } from '../clock.ts';
import type { AbortCause, Attempt, Executor, Reattachment } from '../executor.ts';
import type { Handlers } from '../handlers/handler.ts';
import { HandlerRegistry } from '../handlers/handlerRegistry.ts';
import type { ShouldRetry } from '../handlers/outcome.ts';
import { AttemptRunner, type AttemptReports } from './attemptRunner.ts';
import { handlerSource, type AttemptSource } from './attemptSource.ts';
import { watchDetachedErrors } from './detachedErrors.ts';

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
  return inProcessOf(handlerSource(registry), options);
}

/** The same for whatever runs the attempts. */
export function inProcessOf(source: AttemptSource, options: InProcessOptions = {}): InProcessExecutor {
  return new InProcessExecutor(source, options);
}

/** It reports of attempts alone, so that whoever is no fleet can listen to it. */
export class InProcessExecutor implements Executor {
  readonly types: ReadonlySet<string> | null;
  readonly workersAreIds: boolean;
  readonly #source: AttemptSource;
  readonly #runner: AttemptRunner;
  readonly #isolates: boolean;
  #watch: Disposable | null = null;

  constructor(source: AttemptSource, { shouldRetry, onDetachedError }: InProcessOptions) {
    this.#source = source;
    this.types = source.types;
    this.workersAreIds = source.workersAreIds;
    this.#isolates = onDetachedError !== 'exit';
    this.#runner = new AttemptRunner({
      owner: this,
      shouldRetry: shouldRetry ?? (() => true),
      isolates: this.#isolates
    });
  }

  schemaOf(type: string): StandardSchemaV1 | undefined {
    return this.#source.schemaOf(type);
  }

  start(reports: AttemptReports): Promise<void> {
    this.#runner.start(reports);
    if (this.#isolates) this.#watch ??= watchDetachedErrors();
    return Promise.resolve();
  }

  startWorker(workerId: string): ReturnType<Executor['startWorker']> {
    return this.#source.startWorker(workerId);
  }

  stopWorker(workerId: string): Promise<void> {
    return this.#source.stopWorker(workerId);
  }

  dispatch(attempts: readonly Attempt[]): void {
    for (const attempt of attempts) this.#runner.run(attempt, this.#source.handlerOf(attempt));
  }

  abort(attempt: AttemptRef, cause: AbortCause): void {
    this.#runner.abort(attempt, cause);
  }

  reattach(attempts: readonly AttemptRef[]): Promise<readonly Reattachment[]> {
    return Promise.resolve(attempts.map(() => ({ status: 'lost' })));
  }

  async stop(): Promise<void> {
    this.#runner.stop({ kind: 'stopped', message: 'The fleet stopped' });
    await this.#source.stop();
    const watch = this.#watch;
    this.#watch = null;
    // What the aborts make detached code throw is still the handlers'.
    await new Promise<void>((resolve) => systemClock.setSoon(resolve));
    watch?.[Symbol.dispose]();
  }
}
