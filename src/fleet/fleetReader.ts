import type { SnapshotFrom } from 'xstate';
import { batchStates, type BatchState, type BatchStatus } from '../../machines/batch.ts';
import { taskStatuses, type TaskResult, type TaskStatus } from '../../machines/task.ts';
import type { taskMachine } from '../../machines/taskMachine.ts';
import { NotFoundError } from '../errors.ts';
import { taskLifecycle } from '../ledger/lifecycles.ts';
import type { BatchQuery, StoreReader, StoredResult, StoredTask, TaskQuery } from '../store.ts';
import { taskIdOf, taskKey } from '../submission/taskKey.ts';
import {
  assertBoolean,
  assertId,
  assertIdWithoutSlash,
  assertInteger,
  assertOneOf,
  assertKey,
  readFields,
  readOptions,
  refuse
} from '../validation/validation.ts';
import { batchStatusOf, taskResultOf, taskViewOf, type TaskView } from './views.ts';

/** Names a task: its key, or its batch and its id. */
export type TaskRef = string | { readonly batchId: string; readonly id: string };

export interface ResultFilter {
  readonly success?: boolean;
  /** Integer >= 1. Defaults to all. */
  readonly limit?: number;
  /** Integer >= 0. */
  readonly offset?: number;
}

export interface BatchFilter {
  readonly status?: BatchState;
  /** Integer in [1, 1,000]. Defaults to 100. */
  readonly limit?: number;
  /** Id of the last batch of the page before. */
  readonly after?: string;
}

export interface TaskFilter {
  readonly batchId?: string;
  readonly status?: TaskStatus;
  readonly type?: string;
  /** Integer in [1, 1,000]. Defaults to 100. */
  readonly limit?: number;
  /** `seq` of the last task of the page before. */
  readonly after?: number;
}

/** Rows that are read from the store at once, and that a list has at most. */
export const pageSize = 1_000;

/** Reads a fleet from its store: in the process that owns it, or beside it. Sees what is committed, no more. */
export class FleetReader {
  readonly #store: StoreReader;
  readonly #scope: string;

  constructor(store: StoreReader, scope: string) {
    this.#store = store;
    this.#scope = scope;
  }

  /** @throws {NotFoundError} */
  async getBatchStatus(batchId: string): Promise<BatchStatus> {
    assertIdWithoutSlash('batchId', batchId);
    const row = await this.#store.readBatch(this.#scope, batchId);
    if (row === null) throw new NotFoundError('batch', batchId);
    return batchStatusOf(row);
  }

  /** In order of creation. */
  async listBatches(filter: BatchFilter = {}): Promise<BatchStatus[]> {
    const { limit = 100, after, status } = readOptions('filter', filter, ['status', 'limit', 'after']);
    if (after !== undefined) assertIdWithoutSlash('after', after);
    assertInteger('limit', limit, 1, pageSize);
    if (status !== undefined) assertOneOf('status', status, batchStates);
    const query: BatchQuery = { limit, ...(after !== undefined && { after }), ...(status && { status }) };
    return (await this.#store.listBatches(this.#scope, query)).map(batchStatusOf);
  }

  /** In order of submission. */
  async listTasks(filter: TaskFilter = {}): Promise<TaskView[]> {
    const read = readOptions('filter', filter, ['batchId', 'status', 'type', 'limit', 'after']);
    const { limit = 100, after, status, batchId, type } = read;
    if (batchId !== undefined) assertIdWithoutSlash('batchId', batchId);
    if (type !== undefined) assertId('type', type);
    assertInteger('limit', limit, 1, pageSize);
    if (after !== undefined) assertInteger('after', after, 0, Number.MAX_SAFE_INTEGER);
    if (status !== undefined) assertOneOf('status', status, taskStatuses);
    const query: TaskQuery = {
      limit,
      ...(after !== undefined && { after }),
      ...(status && { status }),
      ...(batchId !== undefined && { batchId }),
      ...(type !== undefined && { type })
    };
    return (await this.#store.listTasks(this.#scope, query)).map(taskViewOf);
  }

  /** @throws {NotFoundError} */
  async getTask(ref: TaskRef): Promise<TaskView> {
    return taskViewOf(await this.#readTask(ref));
  }

  /** The task's machine as it stands: a snapshot for `createActor(taskMachine, { snapshot })`. */
  async getTaskSnapshot(ref: TaskRef): Promise<SnapshotFrom<typeof taskMachine>> {
    return taskLifecycle.toSnapshot((await this.#readTask(ref)).row);
  }

  /** Ids of tasks of a batch that completed and on which some of its tasks depend. */
  async completedDependencies(batchId: string, tasks: readonly TaskView[]): Promise<ReadonlySet<string>> {
    const ids = [...new Set(tasks.flatMap(({ dependsOn = [] }) => dependsOn))];
    const completed = new Set<string>();
    for (let from = 0; from < ids.length; from += pageSize) {
      const keys = ids.slice(from, from + pageSize).map((id) => taskKey(batchId, id));
      for (const { state, context } of await this.#store.readTaskRows(this.#scope, { keys })) {
        if (state === 'completed') completed.add(taskIdOf(context.key, batchId));
      }
    }
    return completed;
  }

  /** In order of settling. @throws {NotFoundError} */
  async getBatchResults<TResult = unknown>(
    batchId: string,
    filter: ResultFilter = {}
  ): Promise<TaskResult<TResult>[]> {
    const read = readOptions('filter', filter, ['success', 'limit', 'offset']);
    const { success, limit = Infinity, offset = 0 } = read;
    if (limit !== Infinity) assertInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER);
    assertInteger('offset', offset, 0, Number.MAX_SAFE_INTEGER);
    if (success !== undefined) assertBoolean('success', success);
    const { settledAt } = await this.getBatchStatus(batchId);

    const results: TaskResult<TResult>[] = [];
    let skip = offset;
    let afterSettledSeq = 0;
    while (results.length < limit) {
      const page = await this.#store.readResults(this.#scope, {
        batchId,
        ...(success !== undefined && { success }),
        afterSettledSeq,
        offset: skip,
        limit: Math.min(pageSize, limit - results.length)
      });
      for (const stored of page) results.push(taskResultOf<TResult>(stored));
      if (page.length < Math.min(pageSize, limit)) break;
      afterSettledSeq = page.at(-1)!.settledSeq;
      skip = 0;
    }
    // It may have been removed meanwhile: then this need not be all.
    if (settledAt !== undefined) await this.getBatchStatus(batchId);
    return results;
  }

  /** Results of a batch after a position in the order of settling, a page at most. */
  readResultsAfter(batchId: string, afterSettledSeq: number): Promise<readonly StoredResult[]> {
    return this.#store.readResults(this.#scope, { batchId, afterSettledSeq, limit: pageSize });
  }

  /** `null` until the task settled. */
  readResult(key: string): Promise<StoredResult | null> {
    return this.#store.readResult(this.#scope, key);
  }

  /** Whether the task is known, settled or not. */
  async hasTask(key: string): Promise<boolean> {
    return (await this.#store.readTasks(this.#scope, [key])).length > 0;
  }

  async #readTask(ref: TaskRef): Promise<StoredTask> {
    const key = keyOf(ref);
    const [task] = await this.#store.readTasks(this.#scope, [key]);
    if (task === undefined) throw new NotFoundError('task', key);
    return task;
  }
}

export function keyOf(ref: TaskRef): string {
  if (typeof ref === 'string') {
    assertKey('task', ref);
    return ref;
  }
  if (typeof ref !== 'object' || ref === null) return refuse('task', ref, 'a key, or { batchId, id }');
  const { batchId, id } = readFields('task', ref);
  assertIdWithoutSlash('task.batchId', batchId);
  assertId('task.id', id);
  return taskKey(batchId, id);
}
