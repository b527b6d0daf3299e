import type { FinalBatchState } from '../../machines/batch.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { TaskError, TaskResult } from '../../machines/task.ts';
import type { HandlerContext } from '../handlers/handler.ts';
import type { StoredResult } from '../store.ts';
import { isExternalKey } from '../submission/taskKey.ts';
import type { WorkerTask } from '../workers/workerTask.ts';
import type { Hooks } from './hooks.ts';
import { taskResultOf } from './views.ts';

/** An attempt that failed or timed out. */
export interface FailedAttempt {
  readonly key: string;
  readonly batchId: string | null;
  /** Integer >= 1. */
  readonly attempt: number;
  /** Whether another attempt follows. */
  readonly willRetry: boolean;
}

/** Hooks of a fleet that a subclass has. One that it has not costs nothing. */
export interface FleetHookMethods {
  readonly onBeforeTask?: (task: WorkerTask, context: HandlerContext) => unknown;
  readonly onAfterTask?: (result: TaskResult) => unknown;
  readonly onTaskError?: (attempt: FailedAttempt, error: TaskError) => unknown;
  readonly onBatchSettled?: (batchId: string, status: FinalBatchState) => unknown;
}

/** Calls the hooks of a fleet; those that follow an attempt or a batch, after the commit that made it true. */
export class FleetHooks {
  readonly #hooks: Hooks;
  readonly #methods: FleetHookMethods;
  readonly #follows: boolean;

  constructor(hooks: Hooks, methods: FleetHookMethods) {
    this.#hooks = hooks;
    this.#methods = methods;
    const { onAfterTask, onTaskError, onBatchSettled } = methods;
    this.#follows = [onAfterTask, onTaskError, onBatchSettled].some((method) => method !== undefined);
  }

  /** What is awaited before each attempt; `null`: nothing. */
  get before(): ((data: unknown, context: HandlerContext) => Promise<void>) | null {
    const { onBeforeTask } = this.#methods;
    if (onBeforeTask === undefined) return null;
    return (data, context) =>
      this.#hooks.call('onBeforeTask', () => onBeforeTask({ ...context.task, data }, context));
  }

  /** Whether facts about single tasks are wanted. */
  get wantsTaskFacts(): boolean {
    return this.#methods.onTaskError !== undefined;
  }

  /** Tells of a committed turn. */
  released(results: readonly StoredResult[], facts: readonly FleetFact[]): void {
    if (!this.#follows) return;
    for (const result of results) {
      if (!isExternalKey(result.key)) this.#settled(result);
    }
    for (const fact of facts) this.#happened(fact);
  }

  #settled(stored: StoredResult): void {
    const { onAfterTask, onTaskError } = this.#methods;
    const { key, batchId, attempts: attempt, status, failure } = stored;
    if (status === 'completed' && onAfterTask !== undefined) {
      void this.#hooks.call('onAfterTask', () => onAfterTask(taskResultOf(stored)));
    }
    if (status === 'cancelled' || failure === undefined || onTaskError === undefined) return;
    void this.#hooks.call('onTaskError', () =>
      onTaskError({ key, batchId, attempt, willRetry: false }, failure)
    );
  }

  #happened(fact: FleetFact): void {
    const { onTaskError, onBatchSettled } = this.#methods;
    if (fact.type === 'task.retrying' && onTaskError !== undefined) {
      const { key, batchId, attempt, error } = fact;
      void this.#hooks.call('onTaskError', () =>
        onTaskError({ key, batchId, attempt, willRetry: true }, error)
      );
    }
    if (fact.type === 'batch.settled' && onBatchSettled !== undefined) {
      void this.#hooks.call('onBatchSettled', () => onBatchSettled(fact.batchId, fact.status));
    }
  }
}
