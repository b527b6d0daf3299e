import type { NewTask } from '../../machines/fleetCommand.ts';
import { ConflictError, QueueFullError, ValidationError } from '../errors.ts';
import type { StoredTask } from '../store.ts';
import { payloadOf } from '../submission/task.ts';
import { quote, show } from '../validation/show.ts';
import { tagsKey } from '../validation/tags.ts';
import type { Turn } from './turn.ts';

/** Whether the very same task is there already. */
export function isThere(turn: Turn, task: NewTask): boolean {
  const row = turn.taskByKey(task.key);
  const payload = turn.payloadByKey(task.key);
  if (row === undefined || payload === undefined) return false;
  const { type, priority, tags, timeoutMs, maxRetries } = row.context;
  const { data, metadata, dependsOn, idempotencyKey } = payloadOf(task);
  const isSame =
    type === task.type &&
    priority === task.priority &&
    tagsKey(tags) === tagsKey(task.tags) &&
    timeoutMs === task.timeoutMs &&
    maxRetries === task.maxRetries &&
    payload.data === data &&
    payload.metadata === metadata &&
    payload.dependsOn === dependsOn &&
    payload.idempotencyKey === idempotencyKey;
  if (isSame) return true;
  throw new ConflictError('task', task.key, 'exists with another type, data or options');
}

/**
 * Whether the task goes with its batch, which is being removed.
 *
 * @throws {ConflictError} when the store interrupted that.
 */
export function isLeaving(turn: Turn, { row, payload }: StoredTask): boolean {
  const { batchId, key } = row.context;
  const removal = batchId === null ? undefined : turn.removalOf(batchId);
  if (removal !== 'interrupted') return removal === 'underway';
  const reason = `is that of task ${quote(key)}, whose removal the store interrupted; remove its batch again`;
  throw new ConflictError('idempotencyKey', payload.idempotencyKey!, reason);
}

/**
 * How many of `count` tasks the queue takes now.
 *
 * @param announced - Tasks that have to fit in all, where a full queue rejects; 0: they were let in before.
 */
export function roomFor(turn: Turn, count: number, announced: number): number {
  const { maxQueueSize, onQueueFull } = turn.context.config;
  if (maxQueueSize === null || count === 0) return count;
  if (announced > 0 && onQueueFull === 'reject' && turn.waiting + announced > maxQueueSize) {
    throw new QueueFullError(maxQueueSize);
  }
  return Math.min(count, Math.max(0, maxQueueSize - turn.waiting));
}

/** @throws {ValidationError} for a task of a type that nothing here can run. */
export function assertRunnable(turn: Turn, tasks: readonly NewTask[]): void {
  const { types } = turn.context;
  if (types === null) return;
  const unknown = tasks.find(({ type }) => !types.has(type));
  if (unknown === undefined) return;
  throw new ValidationError(`type of task ${quoted(unknown)}`, show(unknown.type), oneOf(types));
}

/** What a task's type may be. */
export function oneOf(types: ReadonlySet<string>): string {
  const listed = [...types].map((type) => quote(type)).join(', ');
  return `one of the types that have a handler: ${listed || 'none is registered'}`;
}

/** A task in a message. */
export function quoted({ id }: NewTask): string {
  return quote(id);
}
