import type { Json } from '../../machines/task.ts';
import type { Attempt } from '../executor.ts';
import type { HandlerTask } from '../handlers/handler.ts';
import { parseJson } from '../validation/jsonText.ts';
import { assertDuration, assertId, assertKey, jsonTextOf, readFields } from '../validation/validation.ts';

/** A task as a worker gets it. */
export interface WorkerTask<TData = unknown> extends HandlerTask {
  /** The worker's own copy. */
  readonly data: TData;
}

/** A task that a worker is asked to execute. One of a batch is such a task; what only a fleet heeds is ignored. */
export interface ExecutableTask<TData = unknown> {
  readonly id: string;
  readonly type: string;
  readonly data: TData;
  /** Its idempotency key. Defaults to the id. */
  readonly key?: string;
  readonly batchId?: string | null;
  readonly metadata?: Json;
  /** Limit, ms. Finite, > 0. Defaults to the worker's. */
  readonly timeoutMs?: number;
}

/** Where an attempt comes from. */
type AttemptOrigin = Pick<Attempt, 'seq' | 'attempt' | 'workerId'>;

/** Validates a task and makes an attempt of it. @throws {ValidationError} naming the field and what is allowed. */
export function prepareAttempt(
  task: ExecutableTask,
  origin: AttemptOrigin
): { readonly attempt: Attempt; readonly timeoutMs: number | null } {
  const { id, type, data, key = id, batchId = null, metadata = null, timeoutMs } = readFields('task', task);
  assertId('task.id', id);
  assertId('task.type', type);
  assertKey('task.key', key);
  if (batchId !== null) assertId('task.batchId', batchId);
  if (timeoutMs !== undefined) assertDuration('task.timeoutMs', timeoutMs, Number.MIN_VALUE);
  const attempt = {
    ...origin,
    key,
    taskId: id,
    batchId,
    type,
    data: jsonTextOf('task.data', data),
    metadata: metadata === null ? null : jsonTextOf('task.metadata', metadata)
  };
  return { attempt, timeoutMs: timeoutMs ?? null };
}

/** What the worker's own code gets of an attempt. */
export function workerTaskOf<TData>({
  taskId: id,
  key,
  batchId,
  type,
  data,
  metadata
}: Attempt): WorkerTask<TData> {
  return {
    id,
    key,
    batchId,
    type,
    metadata: metadata === null ? null : (parseJson(metadata) as Json),
    data: parseJson(data) as TData
  };
}
