import type { LedgerCommandOf, NewTask } from '../../machines/fleetCommand.ts';
import type { TaskError } from '../../machines/task.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { isHeld } from '../ledger/ledger.ts';
import { taskLifecycle } from '../ledger/lifecycles.ts';
import type { TaskRow } from '../store.ts';
import { quote } from '../validation/show.ts';
import { assertRunnable, isLeaving, isThere, roomFor } from './admission.ts';
import { defer, withdraw } from './commandReplies.ts';
import type { Turn } from './turn.ts';
import type { CommandInput } from './turnInput.ts';

/** A task alone. Where another one has its idempotency key, type and data, that one's key is the answer. */
export function submitTask(
  turn: Turn,
  input: CommandInput,
  { task }: LedgerCommandOf<'task.submit'>
): unknown {
  if (isThere(turn, task)) return task.key;
  const holder = task.idempotencyKey === null ? undefined : turn.keyHolder(task.idempotencyKey);
  if (holder !== undefined) {
    if (isLeaving(turn, holder)) return defer(turn, input);
    const { type, key } = holder.row.context;
    if (type === task.type && holder.payload.data === task.data) return key;
    const reason = `is that of task ${quote(key)}, which has another type or other data`;
    throw new ConflictError('idempotencyKey', task.idempotencyKey!, reason);
  }
  if (!input.isScheduled) assertRunnable(turn, [task]);
  if (roomFor(turn, 1, 1) === 0) return defer(turn, input);
  turn.addTask(task, null);
  return task.key;
}

/** @returns `false`: unknown or settled. */
export function cancelTask(turn: Turn, key: string): boolean {
  const waited = withdraw(
    turn,
    ({ command }) =>
      (command.type === 'task.submit' && command.task.key === key) ||
      (command.type === 'task.retry' && command.newKey === key),
    new ConflictError('task', key, 'was cancelled before it was accepted')
  );
  if (waited) return true;
  const row = turn.taskByKey(key);
  return row !== undefined && !taskLifecycle.isFinal(row.state) && cancelRow(turn, row);
}

/** Asks the handler of a held task to stop; settles a waiting one at once. */
export function cancelRow(turn: Turn, row: TaskRow): boolean {
  if (turn.stepTask(row, { type: 'task.cancel', at: turn.context.at, error: cancelled }) === row)
    return false;
  const { seq, attempt } = row.context;
  if (isHeld(row.state)) {
    turn.aborts.push({ seq, attempt, cause: { kind: 'cancelled', message: cancelled.message } });
  }
  return true;
}

const cancelled: TaskError = {
  name: 'TaskCancelledError',
  message: 'The task was cancelled',
  code: 'ERR_TASK_CANCELLED',
  retryable: false
};

/**
 * Submits a copy of a task that did not complete; the original stays as it is, and keeps its idempotency key. The copy
 * depends on nothing: whoever retries it alone wants it to run.
 */
export function retryTask(
  turn: Turn,
  input: CommandInput,
  { key, newKey }: LedgerCommandOf<'task.retry'>
): unknown {
  const copied = turn.taskByKey(newKey);
  if (copied?.context.retryOf === key) return newKey;
  if (copied !== undefined) throw new ConflictError('task', newKey, 'exists and is no copy of it');
  const row = turn.taskByKey(key);
  const payload = turn.payloadByKey(key);
  if (row === undefined || payload === undefined) throw new NotFoundError('task', key);
  if (row.state === 'completed' || !taskLifecycle.isFinal(row.state)) {
    throw new ConflictError('task', key, `is ${row.state}; only what failed or was cancelled can be retried`);
  }
  const { type, priority, tags, timeoutMs, maxRetries } = row.context;
  const copy: NewTask = {
    id: newKey,
    key: newKey,
    type,
    priority,
    tags,
    timeoutMs,
    maxRetries,
    startAfter: null,
    retryOf: key,
    ...payload,
    dependsOn: null,
    idempotencyKey: null
  };
  assertRunnable(turn, [copy]);
  if (roomFor(turn, 1, 1) === 0) return defer(turn, input);
  turn.addTask(copy, null);
  return newKey;
}
