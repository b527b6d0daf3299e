import { createActor, fromPromise, waitFor, type ActorRefFrom } from 'xstate';
import { noTags } from '../../machines/tags.ts';
import type { Json, TaskError, TaskResult } from '../../machines/task.ts';
import { workerMachine } from '../../machines/workerMachine.ts';
import { workerStatusOf, type WorkerStatus } from '../agents/workerViews.ts';
import { NonRetryableError, WorkerUnavailableError } from '../errors.ts';
import { watchDetachedErrors } from '../executors/detachedErrors.ts';
import { Hooks } from '../fleet/hooks.ts';
import { readStopOptions, type StopOptions } from '../fleet/stopOptions.ts';
import { outsideAttempts } from '../handlers/currentAttempt.ts';
import type { HandlerContext } from '../handlers/handler.ts';
import { HandlerRegistry, type RegisterOptions } from '../handlers/handlerRegistry.ts';
import { quote } from '../validation/show.ts';
import { WorkerExecutions } from './workerExecutions.ts';
import { resolveWorkerOptions, type ResolvedWorkerOptions, type WorkerOptions } from './workerOptions.ts';
import type { ExecutableTask, WorkerTask } from './workerTask.ts';

/** A worker of any tasks. */
// oxlint-disable-next-line typescript/no-explicit-any -- whoever makes it says what its tasks are
export type AnyWorkerAgent = WorkerAgent<any, any>;

/** A worker at a glance. Totals count over stops and starts. */
export interface WorkerAgentInfo {
  readonly id: string;
  readonly status: WorkerStatus;
  readonly tags: readonly string[];
  /** Tasks whose code runs. */
  readonly currentTasks: number;
  readonly totalCompleted: number;
  /** Failed and timed-out tasks. */
  readonly totalFailed: number;
  /** Since it was started, ms; 0 while it is stopped. */
  readonly uptime: number;
  /** Whether `executeTask` would take a task now. */
  readonly isAvailable: boolean;
}

/**
 * A worker: executes tasks, alone or as one of a fleet's.
 *
 * Override {@link WorkerAgent.processTask}, or register a handler for each type of task. Its life is an actor of
 * `workerMachine`, like a place in a fleet; its tasks are run by the code that runs a fleet's. What a hook throws
 * goes to `onHookError` and changes no result; one that hangs is waited for 5 s.
 */
export abstract class WorkerAgent<TData = unknown, TResult = unknown> {
  readonly #options: ResolvedWorkerOptions;
  readonly #handlers = new HandlerRegistry();
  readonly #hooks: Hooks;
  readonly #executions: WorkerExecutions<TData, TResult>;
  readonly #actor: ActorRefFrom<typeof workerMachine>;
  /** Hooks that follow a result and have not ended. */
  readonly #following = new Set<Promise<void>>();
  #hasBegun = false;
  /** What `prepare` threw last. */
  #startError: unknown = null;
  #ending: Promise<void> | null = null;
  #watch: Disposable | null = null;

  constructor(options: WorkerOptions) {
    this.#options = resolveWorkerOptions(options);
    const { id, tags, concurrency, clock, onHookError, shouldRetry, timeoutMs } = this.#options;
    this.#hooks = new Hooks(clock, onHookError);
    this.#executions = new WorkerExecutions<TData, TResult>({
      workerId: id,
      clock,
      shouldRetry,
      timeoutMs,
      process: (task, context) => this.#process(task, context),
      onSettled: (task, result) => this.#follow(task, result),
      onProgress: (task, value) => void this.#hooks.call('onProgress', () => this.onProgress(task, value)),
      onLog: (task, line) => void this.#hooks.call('onLog', () => this.onLog(task, line)),
      onLateError: (error) => this.#hooks.report(error),
      onBusy: () => this.#actor.send({ type: 'attempts.begun' }),
      onIdle: (done) => this.#actor.send({ type: 'attempts.ended', ...done })
    });
    const machine = workerMachine.provide({
      actors: {
        startWorker: fromPromise(async () => {
          await this.#prepare();
          return { at: clock.now(), tags: noTags };
        }),
        stopWorker: fromPromise(() => this.#cleanUp())
      }
    });
    const limits = { concurrency: concurrency ?? 1, tasksPerWorker: null };
    const input = { slot: id, ...limits, tags, restored: null };
    this.#actor = createActor(machine, { input });
  }

  /**
   * Makes it ready. Idempotent; a worker that was stopped begins anew, with its handlers and totals.
   *
   * @throws what `prepare` throws; it may be started again then. @throws {WorkerUnavailableError} when it is
   * stopped meanwhile.
   */
  start(): Promise<void> {
    return outsideAttempts(() => this.#start());
  }

  /**
   * Ends it, and calls `cleanup`. Idempotent.
   *
   * @param options - Gracefully, running tasks finish until `timeoutMs` is over. Then, or else at once, their
   * signals are aborted and they are cancelled, whatever becomes of them.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    const { graceful, timeoutMs } = readStopOptions(options);
    if (!graceful) this.#abandon();
    using _ = this.#options.clock.setAlarm(() => this.#abandon(), timeoutMs);
    await this.drain();
  }

  /** Takes no task from now on, finishes those that run, and stops. Resolves when it has. */
  drain(): Promise<void> {
    if (!this.#hasBegun) return Promise.resolve();
    this.#ending ??= outsideAttempts(() => this.#end());
    return this.#ending;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Executes a task. Whatever its code does is in the result; this rejects only for what was not begun.
   *
   * @param context - Of the fleet's attempt that the task is part of, whose signal, progress, log and time limit are
   * the task's then. Absent for a worker that stands alone.
   * @throws {ValidationError} @throws {WorkerUnavailableError} for one task too many, or unless it was started.
   */
  async executeTask(task: ExecutableTask<TData>, context?: HandlerContext): Promise<TaskResult<TResult>> {
    const limit = this.concurrency ?? (context === undefined ? 1 : Infinity);
    const obstacle = this.#obstacle(limit);
    if (obstacle !== null) throw new WorkerUnavailableError(this.#options.id, ...obstacle);
    return this.#executions.execute(task, context ?? null);
  }

  /**
   * Adds the handler of a type of task, which `processTask` calls.
   *
   * @throws {ValidationError} @throws {ConflictError} for a type that has one, unless `replace` is set.
   */
  handler(
    type: string,
    handler: (data: TData, context: HandlerContext) => unknown,
    options: RegisterOptions = {}
  ): void {
    this.#handlers.add(type, handler, options);
  }

  getWorkerId(): string {
    return this.#options.id;
  }

  getStatus(): WorkerStatus {
    return this.#hasBegun ? workerStatusOf(this.#actor.getSnapshot()) : 'stopped';
  }

  get info(): WorkerAgentInfo {
    const { id, tags, clock } = this.#options;
    const { spawnedAt } = this.#actor.getSnapshot().context;
    return {
      id,
      status: this.getStatus(),
      tags,
      currentTasks: this.#executions.size,
      totalCompleted: this.#executions.completed,
      totalFailed: this.#executions.failed,
      uptime: spawnedAt === null ? 0 : Math.max(0, clock.now() - spawnedAt),
      isAvailable: this.#obstacle(this.concurrency ?? 1) === null
    };
  }

  get tags(): readonly string[] {
    return this.#options.tags;
  }

  /** Tasks at once; `null` where it was not said: 1 alone, and as many as a fleet wants. */
  get concurrency(): number | null {
    return this.#options.concurrency;
  }

  /** The actor of its life: to look at. */
  get actor(): ActorRefFrom<typeof workerMachine> {
    return this.#actor;
  }

  /**
   * Does the work of a task; the handler of its type, unless this is overridden.
   *
   * @returns The result: plain JSON. `{ success: false, error }` fails the task like a throw.
   */
  protected processTask(task: WorkerTask<TData>, context: HandlerContext): unknown {
    const handler = this.#handlers.get(task.type);
    if (handler !== undefined) return handler(task.data, context);
    const worker = `Worker ${quote(this.#options.id)}`;
    throw new NonRetryableError(`${worker} has no handler for tasks of type ${quote(task.type)}`);
  }

  /** Called when it starts, before it takes a task. What it throws ends the start. */
  protected prepare(): void | Promise<void> {}

  /** Called once when it stops, after the hooks of its last task. */
  protected cleanup(): void | Promise<void> {}

  /** Called before each task, and waited for. */
  protected onBeforeTask(_task: WorkerTask<TData>): void | Promise<void> {}

  /** Called after a task that completed. */
  protected onAfterTask(_task: WorkerTask<TData>, _result: TaskResult<TResult>): void | Promise<void> {}

  /** Called after a task that failed or timed out, or was cancelled by a stop. */
  protected onError(_task: WorkerTask<TData>, _error: TaskError): void | Promise<void> {}

  /** Called exactly once for each task that was begun, after `onAfterTask` or `onError`. */
  protected reportResult(_result: TaskResult<TResult>): void | Promise<void> {}

  /** Called with what a task tells of its progress, where no fleet hears it. */
  protected onProgress(_task: WorkerTask<TData>, _value: Json): void {}

  /** Called with each line that a task logs, where no fleet hears it. */
  protected onLog(_task: WorkerTask<TData>, _line: string): void {}

  async #start(): Promise<void> {
    await this.#ending;
    this.#watch ??= watchDetachedErrors();
    if (this.#hasBegun) this.#actor.send({ type: 'worker.start' });
    else this.#actor.start();
    this.#hasBegun = true;
    const snapshot = await waitFor(this.#actor, (state) => !state.hasTag('starting'));
    if (snapshot.matches('error')) {
      this.#unwatch();
      throw this.#startError;
    }
    if (!snapshot.hasTag('accepting')) {
      throw new WorkerUnavailableError(this.#options.id, this.getStatus(), 'it was stopped as it started');
    }
  }

  async #end(): Promise<void> {
    this.#actor.send({ type: 'worker.drain' });
    await waitFor(this.#actor, (state) => state.matches('stopped'));
    this.#unwatch();
    this.#ending = null;
  }

  #unwatch(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
  }

  #abandon(): void {
    this.#executions.abandon({ kind: 'stopped', message: 'The worker stopped' });
  }

  /** Why it takes no task: its state, and what helps. `null`: it takes one. */
  #obstacle(limit: number): [state: string, remedy: string] | null {
    const status = this.getStatus();
    if (status === 'draining') return [status, 'start it again when it has stopped'];
    if (status !== 'idle' && status !== 'busy') return [status, 'call start() first'];
    if (this.#executions.size < limit) return null;
    return [status, `it has as many as its concurrency of ${limit} allows, wait for one of them`];
  }

  async #prepare(): Promise<void> {
    try {
      await this.prepare();
    } catch (error) {
      this.#startError = error;
      throw error;
    }
  }

  async #process(task: WorkerTask<TData>, context: HandlerContext): Promise<unknown> {
    await this.#hooks.call('onBeforeTask', () => this.onBeforeTask(task));
    return this.processTask(task, context);
  }

  /** Calls the hooks that follow a result. Whoever waits for that does not wait for them; `cleanup` does. */
  #follow(task: WorkerTask<TData>, result: TaskResult<TResult>): void {
    const following = this.#callFollowing(task, result).finally(() => this.#following.delete(following));
    this.#following.add(following);
  }

  async #callFollowing(task: WorkerTask<TData>, result: TaskResult<TResult>): Promise<void> {
    const { failure } = result;
    if (failure === undefined) await this.#hooks.call('onAfterTask', () => this.onAfterTask(task, result));
    else await this.#hooks.call('onError', () => this.onError(task, failure));
    await this.#hooks.call('reportResult', () => this.reportResult(result));
  }

  async #cleanUp(): Promise<void> {
    await Promise.all(this.#following);
    await this.#hooks.call('cleanup', () => this.cleanup());
  }
}
