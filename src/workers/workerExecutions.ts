import type { Outcome, TaskError, TaskResult } from '../../machines/task.ts';
import type { WorkDone } from '../../machines/workerMachine.ts';
import type { Clock } from '../clock.ts';
import type { AbortCause, Attempt } from '../executor.ts';
import { AttemptRunner, type AttemptReports } from '../executors/attemptRunner.ts';
import type { HandlerContext } from '../handlers/handler.ts';
import type { ShouldRetry } from '../handlers/outcome.ts';
import { parseJson } from '../validation/jsonText.ts';
import { prepareAttempt, workerTaskOf, type ExecutableTask, type WorkerTask } from './workerTask.ts';

export interface WorkerExecutionsOptions<TData, TResult> {
  readonly workerId: string;
  readonly clock: Clock;
  readonly shouldRetry: ShouldRetry;
  /** Limit for a task that has none of its own, ms, where no fleet sets it. */
  readonly timeoutMs: number;
  /** Does the work. */
  readonly process: (task: WorkerTask<TData>, context: HandlerContext) => unknown;
  /** Told of each result once, before whoever waits for it. */
  readonly onSettled: (task: WorkerTask<TData>, result: TaskResult<TResult>) => void;
  readonly onProgress: (task: WorkerTask<TData>, value: Parameters<HandlerContext['progress']>[0]) => void;
  readonly onLog: (task: WorkerTask<TData>, line: string) => void;
  /** Told what code threw that a task left behind. */
  readonly onLateError: (error: TaskError) => void;
  readonly onBusy: () => void;
  readonly onIdle: (done: WorkDone) => void;
}

/** A task whose code runs. */
interface Execution<TResult> {
  readonly attempt: Attempt;
  /** Of the fleet's attempt that it is part of; `null`: the worker stands alone. */
  readonly context: HandlerContext | null;
  readonly startedAt: number;
  readonly resolve: (result: TaskResult<TResult>) => void;
  /** What waits for its end. */
  readonly cleanups: (() => void)[];
  isSettled: boolean;
}

/** How a task ended: by its code, its time limit or a stop. */
type Ending =
  | { readonly status: 'completed'; readonly result: string | null }
  | { readonly status: 'failed' | 'timedOut' | 'cancelled'; readonly error: TaskError };

/** The tasks that one worker executes. Each has one result, and keeps its place until its code has ended. */
export class WorkerExecutions<TData, TResult> {
  readonly #options: WorkerExecutionsOptions<TData, TResult>;
  readonly #runner: AttemptRunner;
  /** By the number of the execution. */
  readonly #executions = new Map<number, Execution<TResult>>();
  readonly #since = { completed: 0, failed: 0 };
  #executed = 0;
  #settled = 0;
  #completed = 0;
  #failed = 0;

  constructor(options: WorkerExecutionsOptions<TData, TResult>) {
    this.#options = options;
    this.#runner = new AttemptRunner({ owner: this, shouldRetry: options.shouldRetry, isolates: true });
    this.#runner.start(this.#reports());
  }

  /** Tasks whose code runs. */
  get size(): number {
    return this.#executions.size;
  }

  get completed(): number {
    return this.#completed;
  }

  /** Failed and timed-out tasks. */
  get failed(): number {
    return this.#failed;
  }

  /** @throws {ValidationError} at once, before anything is started. */
  execute(task: ExecutableTask<TData>, context: HandlerContext | null): Promise<TaskResult<TResult>> {
    const { clock, workerId, timeoutMs: defaultMs } = this.#options;
    const seq = this.#executed + 1;
    const origin = { seq, attempt: context?.attempt ?? 1, workerId };
    const { attempt, timeoutMs } = prepareAttempt(task, origin);
    this.#executed = seq;
    return new Promise((resolve) => {
      const startedAt = clock.monotonic();
      const execution = { attempt, context, startedAt, resolve, cleanups: [], isSettled: false };
      this.#executions.set(seq, execution);
      if (this.#executions.size === 1) this.#options.onBusy();
      if (context !== null) this.#follow(execution, context.signal);
      else this.#limit(execution, timeoutMs ?? defaultMs);
      const process = (data: TData, own: HandlerContext): unknown =>
        this.#options.process({ ...own.task, data }, own);
      this.#runner.run(attempt, process, context !== null);
    });
  }

  /** Aborts what runs and settles it as cancelled. Its code keeps no place any more. */
  abandon(cause: AbortCause): void {
    const error = { name: 'AbortError', message: cause.message, retryable: true };
    for (const execution of this.#executions.values()) {
      this.#settle(execution, { status: 'cancelled', error });
      this.#runner.abort(execution.attempt, cause);
    }
    if (this.#executions.size === 0) return;
    this.#executions.clear();
    this.#becomeIdle();
  }

  #reports(): AttemptReports {
    return {
      settled: ({ seq }, outcome) => this.#end(seq, outcome),
      progress: ({ seq }, value) =>
        this.#tell(
          seq,
          ({ progress }) => progress(value),
          (task) => this.#options.onProgress(task, value)
        ),
      log: ({ seq }, line) =>
        this.#tell(
          seq,
          ({ log }) => log(line),
          (task) => this.#options.onLog(task, line)
        ),
      detached: (_, error, hasFailed) => {
        if (!hasFailed) this.#options.onLateError(error);
      }
    };
  }

  /** Hands what a task tells to its fleet, or to the worker's own hook. */
  #tell(
    seq: number,
    toFleet: (context: HandlerContext) => void,
    toWorker: (task: WorkerTask<TData>) => void
  ): void {
    const execution = this.#executions.get(seq);
    if (execution === undefined || execution.isSettled) return;
    if (execution.context !== null) toFleet(execution.context);
    else toWorker(workerTaskOf<TData>(execution.attempt));
  }

  /** Aborts the task with the fleet's attempt. */
  #follow({ attempt, cleanups }: Execution<TResult>, signal: AbortSignal): void {
    const onAbort = (): void =>
      this.#runner.abort(attempt, { kind: 'cancelled', message: messageOf(signal.reason) });
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    cleanups.push(() => signal.removeEventListener('abort', onAbort));
  }

  #limit(execution: Execution<TResult>, limitMs: number): void {
    const alarm = this.#options.clock.setAlarm(() => this.#timeOut(execution, limitMs), limitMs);
    execution.cleanups.push(() => alarm[Symbol.dispose]());
  }

  #timeOut(execution: Execution<TResult>, limitMs: number): void {
    const message = `Took longer than its limit of ${limitMs} ms`;
    const error = { name: 'TaskTimeoutError', message, code: 'ERR_TASK_TIMEOUT', retryable: true };
    this.#settle(execution, { status: 'timedOut', error });
    this.#runner.abort(execution.attempt, { kind: 'timeout', message });
  }

  /** Its code has ended. */
  #end(seq: number, outcome: Outcome): void {
    const execution = this.#executions.get(seq);
    if (execution === undefined) return;
    this.#settle(execution, outcome);
    this.#executions.delete(seq);
    if (this.#executions.size === 0) this.#becomeIdle();
  }

  /** Gives its result. A task that has one keeps it. */
  #settle(execution: Execution<TResult>, ending: Ending): void {
    if (execution.isSettled) return;
    execution.isSettled = true;
    for (const cleanup of execution.cleanups) cleanup();
    if (ending.status === 'completed') this.#count('completed');
    else if (ending.status !== 'cancelled') this.#count('failed');
    const result = this.#resultOf(execution, ending);
    this.#options.onSettled(workerTaskOf<TData>(execution.attempt), result);
    execution.resolve(result);
  }

  #count(total: 'completed' | 'failed'): void {
    if (total === 'completed') this.#completed += 1;
    else this.#failed += 1;
    this.#since[total] += 1;
  }

  #resultOf({ attempt, startedAt }: Execution<TResult>, ending: Ending): TaskResult<TResult> {
    const { clock } = this.#options;
    const { taskId, key, batchId, type, workerId } = attempt;
    const isCompleted = ending.status === 'completed';
    return {
      taskId,
      key,
      batchId,
      type,
      success: isCompleted,
      status: ending.status,
      ...(isCompleted && ending.result !== null && { result: parseJson(ending.result) as TResult }),
      ...(!isCompleted && { error: ending.error.message, failure: ending.error }),
      duration: Math.max(0, clock.monotonic() - startedAt),
      timestamp: clock.now(),
      attempts: attempt.attempt,
      workerId,
      settledSeq: ++this.#settled
    };
  }

  #becomeIdle(): void {
    const done = { taken: this.#executed, ...this.#since };
    Object.assign(this.#since, { completed: 0, failed: 0 });
    this.#options.onIdle(done);
  }
}

/** Why a fleet aborted: an `AbortError`, as it makes them. */
function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : 'The attempt was aborted';
}
