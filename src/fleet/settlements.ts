import type { BatchStatus } from '../../machines/batch.ts';
import type { TaskResult } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import { NotFoundError, SelfAwaitError, TaskCancelledError, TaskFailedError } from '../errors.ts';
import type { Executor } from '../executor.ts';
import { currentAttempt } from '../handlers/currentAttempt.ts';
import type { Waiter } from '../journal/waiters.ts';
import type { StoredResult } from '../store.ts';
import { assertIdWithoutSlash, assertInteger, assertSignal, readOptions } from '../validation/validation.ts';
import { ExpectedResult } from './expectedResult.ts';
import { keyOf, pageSize, type FleetReader, type TaskRef } from './fleetReader.ts';
import { taskResultOf } from './views.ts';
import { readWaitOptions, waitWithin, type WaitOptions } from './waiting.ts';
import { withResolvers } from './withResolvers.ts';

export interface SettlementsOptions {
  readonly clock: Clock;
  /** Whose attempts may not wait for themselves; `null`: they run in other processes. */
  readonly executor: Executor | null;
  readonly reader: FleetReader;
  /** Of the fleet that runs now. */
  readonly news: () => SettlementNews;
  /** Throws where nothing is waited for. @param command - What is called. */
  readonly assertOpen: (command: string) => void;
}

/** Tells what has settled, after the commit. */
export interface SettlementNews {
  /** The task's result. */
  onTask(key: string, waiter: Waiter<StoredResult>): Disposable;
  /** A result of the batch, or its settlement. */
  onBatch(id: string, waiter: Waiter<void>): Disposable;
  /** The settlement of the batch, maybe with news of others. */
  onBatchSettled(id: string, waiter: Waiter<void>): Disposable;
}

/** Where a stream of results begins, and what ends it before its batch has settled. */
export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Only results after this position in the order of settling. Integer >= 0. Defaults to 0: all. */
  readonly afterSettledSeq?: number;
}

/** Waits for tasks and batches to settle, and hands results out as they come. */
export class Settlements {
  readonly #options: SettlementsOptions;

  constructor(options: SettlementsOptions) {
    this.#options = options;
  }

  /** @returns What the task's handler returned. @throws {TaskFailedError} @throws {TaskCancelledError} and others */
  async waitForTask<TResult>(ref: TaskRef, options: WaitOptions): Promise<TResult> {
    const { news, assertOpen, clock } = this.#options;
    const bounds = readWaitOptions(options);
    const key = keyOf(ref);
    assertOpen('waitFor');
    this.#selfAwaitGuard('task', key)();
    const stored = await waitWithin<StoredResult>(`Task ${key}`, bounds, clock, (resolve, reject) => {
      const subscription = news().onTask(key, { onNews: resolve, onStop: reject });
      this.#findResult(key).then((result) => result && resolve(result), reject);
      return subscription;
    });
    return valueOf<TResult>(stored);
  }

  /**
   * The same for a task that is submitted now: one that is new is listened to from before the fleet knows it, and
   * nothing is read for it.
   *
   * @param submit - Calls `onNew` with a key that nobody else can have, before it submits the task. @returns Its key.
   */
  async submitAndWait<TResult>(
    submit: (onNew: (key: string) => void) => Promise<string>,
    options: WaitOptions
  ): Promise<TResult> {
    const { news, clock } = this.#options;
    using expected = new ExpectedResult(news);
    const key = await submit((newKey) => expected.listen(newKey));
    if (!expected.isComing) return await this.waitForTask<TResult>(key, options);
    const stored = await waitWithin<StoredResult>(`Task ${key}`, options, clock, (resolve, reject) => {
      expected.result.then(resolve, reject);
      return expected;
    });
    return valueOf<TResult>(stored);
  }

  async waitForBatch(batchId: string, options: WaitOptions): Promise<BatchStatus> {
    const { news, assertOpen, reader, clock } = this.#options;
    assertIdWithoutSlash('batchId', batchId);
    const bounds = readWaitOptions(options);
    assertOpen('waitForBatch');
    this.#selfAwaitGuard('batch', batchId)();
    return waitWithin(`Batch ${batchId}`, bounds, clock, (resolve, reject) => {
      const look = (): void => {
        reader.getBatchStatus(batchId).then((status) => {
          if (status.settledAt !== undefined) resolve(status);
        }, reject);
      };
      const subscription = news().onBatchSettled(batchId, { onNews: look, onStop: reject });
      look();
      return subscription;
    });
  }

  /** The results that are there, then each as it comes, until the batch has settled. */
  async *streamResults<TResult>(
    batchId: string,
    options: StreamOptions
  ): AsyncGenerator<TaskResult<TResult>, void, undefined> {
    const { assertOpen, reader } = this.#options;
    const read = readOptions('options', options, ['signal', 'afterSettledSeq']);
    const { signal, afterSettledSeq = 0 } = read;
    if (signal !== undefined) assertSignal(signal);
    assertInteger('afterSettledSeq', afterSettledSeq, 0, Number.MAX_SAFE_INTEGER);
    assertOpen('streamBatchResults');
    const refuseSelf = this.#selfAwaitGuard('batch', batchId);
    let position = afterSettledSeq;
    for (;;) {
      // Listens before it reads, so that nothing that comes in between is missed.
      using news = this.#listenToBatch(batchId, signal);
      const status = await reader.getBatchStatus(batchId);
      const page = await reader.readResultsAfter(batchId, position);
      for (const stored of page) {
        yield taskResultOf<TResult>(stored);
        position = stored.settledSeq;
      }
      if (page.length === pageSize) continue;
      if (status.settledAt !== undefined) {
        // It may have been removed since: then what was read need not be all.
        await reader.getBatchStatus(batchId);
        return;
      }
      if (unsettledTasks(status) === 1) refuseSelf();
      await news.come;
    }
  }

  /** Throws, when it is called, if the caller of this is a handler that `id` waits for. */
  #selfAwaitGuard(kind: 'batch' | 'task', id: string): () => void {
    const own = currentAttempt();
    const isSelf =
      own !== undefined &&
      own.owner === this.#options.executor &&
      (kind === 'task' ? own.attempt.key : own.attempt.batchId) === id;
    return () => {
      // Code that a handler left behind may wait: its attempt is over.
      if (isSelf && own.isRunning) throw new SelfAwaitError(kind, id);
    };
  }

  async #findResult(key: string): Promise<StoredResult | null> {
    const { reader } = this.#options;
    const result = await reader.readResult(key);
    if (result === null && !(await reader.hasTask(key))) throw new NotFoundError('task', key);
    return result;
  }

  /** News of a batch, once. Nothing is left of it when it is disposed of. */
  #listenToBatch(
    batchId: string,
    signal: AbortSignal | undefined
  ): Disposable & { readonly come: Promise<void> } {
    const { promise: come, resolve, reject } = withResolvers<void>();
    // Waited for only when there is nothing left to read.
    come.catch(() => {});
    const onAbort = (): void => reject(signal!.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
    const subscription = this.#options.news().onBatch(batchId, { onNews: resolve, onStop: reject });
    return {
      come,
      [Symbol.dispose]() {
        subscription[Symbol.dispose]();
        signal?.removeEventListener('abort', onAbort);
      }
    };
  }
}

/** What the handler returned. @throws {TaskFailedError} @throws {TaskCancelledError} */
function valueOf<TResult>(stored: StoredResult): TResult {
  const result = taskResultOf<TResult>(stored);
  if (result.status === 'completed') return result.result as TResult;
  throw result.status === 'cancelled' ? new TaskCancelledError(result) : new TaskFailedError(result);
}

/** Tasks of a batch that have not settled; Infinity while more of them may come. */
function unsettledTasks(batch: BatchStatus): number {
  if (batch.status === 'accepting') return Infinity;
  return batch.totalTasks - batch.completedTasks - batch.failedTasks - batch.cancelledTasks;
}
