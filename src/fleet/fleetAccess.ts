import type { BatchStatus } from '../../machines/batch.ts';
import type { TaskResult } from '../../machines/task.ts';
import type { WorkerFilter, WorkerInfo } from '../agents/workerViews.ts';
import type { DataOf, Handlers, ResultOf } from '../handlers/handler.ts';
import type { BatchOptions } from '../submission/submitTasks.ts';
import type { SingleTaskOptions } from '../submission/task.ts';
import type { TaskFor } from '../submission/taskFor.ts';
import type { BatchFilter, ResultFilter, TaskFilter, TaskRef } from './fleetReader.ts';
import type { StreamOptions } from './settlements.ts';
import type { TaskView } from './views.ts';
import type { WaitOptions } from './waiting.ts';

/**
 * What is asked of a fleet in the same words wherever it runs: of a `FleetManager` in its own process, of a `FleetClient` in
 * any other.
 *
 * Every promise resolves after the commit that made its answer true.
 */
export interface FleetAccess<THandlers extends Handlers = Handlers> {
  /** Submits tasks as one batch. Resolves when they are durable, not when they are done. @returns The batch's id. */
  submitBatch(
    tasks: Iterable<TaskFor<THandlers>> | AsyncIterable<TaskFor<THandlers>>,
    options?: BatchOptions
  ): Promise<string>;

  /** @throws {NotFoundError} */
  getBatchStatus(batchId: string): Promise<BatchStatus>;

  /** In order of settling. @throws {NotFoundError} */
  getBatchResults<TResult = unknown>(batchId: string, filter?: ResultFilter): Promise<TaskResult<TResult>[]>;

  /**
   * The results that are there, then each as it comes, until the batch has settled. Each has its `settledSeq`: who begins
   * anew passes the last one that it has dealt with as `afterSettledSeq`.
   *
   * @throws {NotFoundError} also when the batch is removed before all of them were read.
   */
  streamBatchResults<TResult = unknown>(
    batchId: string,
    options?: StreamOptions
  ): AsyncGenerator<TaskResult<TResult>, void, undefined>;

  /**
   * Waits until the batch has settled.
   *
   * @throws {TimeoutError} which leaves it running. @throws {NotFoundError} @throws {SelfAwaitError} in a handler of
   * one of its tasks, where the fleet runs in this process.
   */
  waitForBatch(batchId: string, options?: WaitOptions): Promise<BatchStatus>;

  /** Nothing of the batch starts any more; running handlers are aborted. @returns `false`: unknown or settled. */
  cancelBatch(batchId: string): Promise<boolean>;

  /** None of the batch's tasks is started until {@link FleetAccess.resumeBatch}. @throws {NotFoundError} @throws {ConflictError} */
  pauseBatch(batchId: string): Promise<void>;

  /** @throws {NotFoundError} */
  resumeBatch(batchId: string): Promise<void>;

  /**
   * Submits copies of the tasks of a settled batch that did not complete, as a new batch. They depend on each other as
   * the originals did; what completed there is depended on no more. Idempotency keys stay with the originals.
   *
   * @returns The new batch's id.
   */
  retryBatch(batchId: string, options?: Pick<BatchOptions, 'batchId'>): Promise<string>;

  listBatches(filter?: BatchFilter): Promise<BatchStatus[]>;
  listTasks(filter?: TaskFilter): Promise<TaskView[]>;

  /** @throws {NotFoundError} */
  getTask(ref: TaskRef): Promise<TaskView>;

  /**
   * Runs one task; where another one has its idempotency key, type and data, waits for that one.
   *
   * @returns What its handler returned. @throws {TaskFailedError} @throws {TaskCancelledError}
   * @throws {ConflictError} for another type or other data under a taken id or idempotency key.
   */
  submit<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options?: SingleTaskOptions & Pick<WaitOptions, 'signal'>
  ): Promise<ResultOf<THandlers[TType]>>;

  /** Submits one task. Resolves when it is durable. @returns The task, or that which has its idempotency key. */
  submitAsync<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options?: SingleTaskOptions
  ): Promise<TaskView>;

  /**
   * Waits until the task has settled.
   *
   * @returns What its handler returned.
   * @throws {TimeoutError} @throws {TaskFailedError} @throws {TaskCancelledError} @throws {SelfAwaitError} in its own
   * handler, where the fleet runs in this process.
   */
  waitFor<TResult = unknown>(ref: TaskRef, options?: WaitOptions): Promise<TResult>;

  /** @returns `false`: unknown or settled. */
  cancelTask(ref: TaskRef): Promise<boolean>;

  /**
   * Submits a copy of a task that did not complete, as a single task, which depends on nothing. The original keeps its
   * idempotency key. A full queue is waited for, or refuses it, as with any other submission.
   *
   * @returns The copy's key.
   */
  retryTask(ref: TaskRef, options?: { readonly id?: string }): Promise<string>;

  /** The workers that exist, idle ones too; with `status`, also those that ended. @throws {ValidationError} */
  getWorkers(filter?: WorkerFilter): Promise<WorkerInfo[]>;

  /**
   * Sets the fleet-wide number of workers. Obeyed at once; workers too many finish what they hold.
   *
   * @throws {ConflictError} where workers come by themselves: start or end worker processes instead.
   */
  scaleWorkers(count: number): Promise<void>;

  /** Nothing new is dispatched until {@link FleetAccess.resume}, restarts included. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}
