import type { FinalBatchState } from '../machines/batch.ts';
import type { FleetCommand, FleetFact, LedgerCommand, NewTask } from '../machines/fleet.ts';
import { problemOf } from '../machines/problem.ts';
import type { TaskError } from '../machines/task.ts';
import { ConflictError, NotFoundError, QueueFullError, ValidationError } from './errors.ts';
import { batchLifecycle, isHeld, taskLifecycle, type Ledger } from './ledger.ts';
import { quote, show } from './show.ts';
import type { BatchRow, TaskRow } from './store.ts';
import type { Turn } from './turn.ts';
import { externalKey, submittedResultKey, type CommandInput } from './turnInput.ts';

type CommandOf<TType extends LedgerCommand['type']> = Extract<LedgerCommand, { type: TType }>;

/** What `batch.submit` is answered. */
export interface SubmitReply {
  /** Tasks that the batch holds now. */
  readonly totalTasks: number;
  /** Tasks of this submission that were not there before. */
  readonly added: number;
}

/** Carries a command out and stages its reply. A refused command changes nothing. */
export function carryOut(turn: Turn, ledger: Ledger, input: CommandInput): void {
  try {
    const value = dispatch(turn, ledger, input);
    if (value !== deferred) reply(turn, input, { value });
  } catch (error) {
    reply(turn, input, { error: error as Error });
  }
}

/** The command waits for a later turn. */
const deferred = Symbol('deferred');

function reply(turn: Turn, input: CommandInput, answer: { value: unknown } | { error: Error }): void {
  const { command, commandId } = input;
  if (commandId !== undefined) turn.replies.push({ commandId, ...answer });
  else if ('error' in answer) turn.facts.push(refusalOf(command, answer.error));
}

/** The refusal of a command that nobody waits for by its id: an event that was sent to the fleet's actor. */
export function refusalOf(command: FleetCommand, error: Error): FleetFact {
  return {
    type: 'command.refused',
    command: command.type,
    batchId: 'batchId' in command ? command.batchId : null,
    ...problemOf(error)
  };
}

function dispatch(turn: Turn, ledger: Ledger, input: CommandInput): unknown {
  const { command } = input;
  switch (command.type) {
    case 'batch.submit':
      return submitBatch(turn, input, command);
    case 'batch.cancel':
      return cancelBatch(turn, command);
    case 'batch.pause':
      return pauseBatch(turn, command);
    case 'batch.resume':
      return resumeBatch(turn, ledger, command);
    case 'batch.remove':
      return removeBatch(turn, command);
    case 'task.submit':
      return submitTask(turn, input, command);
    case 'task.cancel':
      return cancelTask(turn, command.key);
    case 'task.retry':
      return retryTask(turn, command);
    case 'result.submit':
      return submitResult(turn, command);
    default:
      // The fleet machine has carried it out; its snapshot is committed with this turn.
      return undefined;
  }
}

/** Settles the tasks of cancelled batches, as many as the budget allows. */
export function sweepCancelled(turn: Turn, ledger: Ledger, budget: number): void {
  let left = budget;
  for (const [id, from] of ledger.sweeps) {
    const batch = turn.batch(id);
    const lastSeq = batch?.state === 'cancelling' ? batch.context.lastSeq : 0;
    let seq = from;
    for (; seq > 0 && seq <= lastSeq && left > 0; seq++, left--) {
      const row = turn.task(seq);
      if (row?.context.batchId === id && !taskLifecycle.isFinal(row.state)) cancelRow(turn, row);
    }
    if (seq === 0 || seq > lastSeq) ledger.sweeps.delete(id);
    else ledger.sweeps.set(id, seq);
  }
}

/** Adds the tasks that are new. The same tasks again change nothing; other tasks under a taken id conflict. */
function submitBatch(turn: Turn, input: CommandInput, command: CommandOf<'batch.submit'>): unknown {
  const { batchId, tasks, seal, total, metadata, fresh, exclusive, announced } = command;
  const existing = turn.batch(batchId);
  const added = fresh && existing === undefined ? tasks : tasks.filter((task) => !isThere(turn, task));
  if (!fresh) assertDistinct(added);
  const held = existing?.context.totalTasks ?? 0;
  const isAlone = exclusive && total !== null && held === total - tasks.length;
  if (isAlone && added.length < tasks.length) {
    const repeated = tasks.find((task) => !added.includes(task))!;
    throw new ConflictError('task', repeated.key, 'is in its batch already');
  }
  assertRunnable(turn, added);
  if (existing !== undefined && existing.state !== 'accepting') {
    if (added.length > 0) {
      throw new ConflictError('batch', batchId, `is ${existing.state} and has no task ${quoted(added[0]!)}`);
    }
    if (seal) assertTotal(batchId, held, total);
    if (input.commandId === undefined && batchLifecycle.isFinal(existing.state)) {
      // An app that was restored from before the settlement submits again, and waits for it.
      turn.facts.push({ type: 'batch.settled', batchId, status: existing.state as FinalBatchState });
    }
    return {
      totalTasks: existing.context.totalTasks,
      added: 0
    } satisfies SubmitReply;
  }
  if (seal) assertTotal(batchId, held + added.length, total);
  if (!hasRoom(turn, added.length, announced)) {
    turn.deferred.push(input);
    return deferred;
  }

  let batch = existing ?? turn.createBatch(batchId, metadata);
  if (added.length > 0) {
    const seqs = added.map((task) => turn.addTask(task, batchId).context.seq);
    batch = turn.stepBatch(batch, {
      type: 'tasks.added',
      count: added.length,
      firstSeq: seqs[0]!,
      lastSeq: seqs.at(-1)!
    });
  }
  if (seal) {
    turn.facts.push({ type: 'batch.accepted', batchId, totalTasks: batch.context.totalTasks });
    turn.stepBatch(batch, { type: 'batch.seal', at: turn.context.at });
  }
  return { totalTasks: batch.context.totalTasks, added: added.length } satisfies SubmitReply;
}

function cancelBatch(turn: Turn, { batchId }: CommandOf<'batch.cancel'>): boolean {
  const batch = turn.batch(batchId);
  if (batch === undefined || batchLifecycle.isFinal(batch.state)) return false;
  turn.stepBatch(batch, { type: 'batch.cancel', at: turn.context.at });
  return true;
}

function pauseBatch(turn: Turn, { batchId }: CommandOf<'batch.pause'>): void {
  const batch = requireBatch(turn, batchId);
  if (batch.state === 'paused') return;
  if (turn.stepBatch(batch, { type: 'batch.pause' }) === batch) {
    throw new ConflictError('batch', batchId, `is ${batch.state} and cannot be paused`);
  }
}

function resumeBatch(turn: Turn, ledger: Ledger, { batchId }: CommandOf<'batch.resume'>): void {
  const batch = requireBatch(turn, batchId);
  if (batch.state !== 'paused') return;
  turn.stepBatch(batch, { type: 'batch.resume' });
  for (const entry of ledger.parked.get(batchId) ?? []) ledger.queue.push(entry);
  ledger.parked.delete(batchId);
}

function removeBatch(turn: Turn, { batchId }: CommandOf<'batch.remove'>): void {
  const batch = requireBatch(turn, batchId);
  if (!batchLifecycle.isFinal(batch.state)) {
    throw new ConflictError('batch', batchId, `is ${batch.state}; cancel it before removing it`);
  }
  turn.removeBatch(batchId);
}

function submitTask(turn: Turn, input: CommandInput, { task }: CommandOf<'task.submit'>): unknown {
  if (isThere(turn, task)) return task.key;
  assertRunnable(turn, [task]);
  if (!hasRoom(turn, 1, 1)) {
    turn.deferred.push(input);
    return deferred;
  }
  turn.addTask(task, null);
  return task.key;
}

function cancelTask(turn: Turn, key: string): boolean {
  const row = turn.taskByKey(key);
  return row !== undefined && !taskLifecycle.isFinal(row.state) && cancelRow(turn, row);
}

/** Asks the handler of a held task to stop; settles a waiting one at once. */
function cancelRow(turn: Turn, row: TaskRow): boolean {
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

/** Submits a copy of a task that did not complete; the original stays as it is. */
function retryTask(turn: Turn, { key, newKey }: CommandOf<'task.retry'>): string {
  const copied = turn.taskByKey(newKey);
  if (copied?.context.retryOf === key) return newKey;
  if (copied !== undefined) throw new ConflictError('task', newKey, 'exists and is no copy of it');
  const row = turn.taskByKey(key);
  const payload = turn.payloadByKey(key);
  if (row === undefined || payload === undefined) throw new NotFoundError('task', key);
  if (row.state === 'completed' || !taskLifecycle.isFinal(row.state)) {
    throw new ConflictError('task', key, `is ${row.state}; only what failed or was cancelled can be retried`);
  }
  const { type, priority, timeoutMs, maxRetries } = row.context;
  const copy: NewTask = {
    id: newKey,
    key: newKey,
    type,
    priority,
    timeoutMs,
    maxRetries,
    startAfter: null,
    retryOf: key,
    ...payload
  };
  assertRunnable(turn, [copy]);
  turn.addTask(copy, null);
  return newKey;
}

/** Takes a result in once for each worker, task and attempt. */
function submitResult(turn: Turn, { workerId, result }: CommandOf<'result.submit'>): boolean {
  const { taskId, type, success, duration, timestamp, attempt, error } = result;
  if (turn.context.found.results.has(submittedResultKey(workerId, taskId, attempt))) return false;
  const isInThisTurn = turn.results.some(
    (other) => other.workerId === workerId && other.taskId === taskId && other.attempts === attempt
  );
  if (isInThisTurn) return false;
  turn.addResult({
    taskId,
    key: externalKey(workerId, taskId),
    batchId: null,
    type,
    success,
    status: success ? 'completed' : 'failed',
    result: result.result,
    ...(error && { error: error.message, failure: error }),
    duration,
    timestamp,
    attempts: attempt,
    workerId
  });
  return true;
}

/** Whether the very same task is there already. */
function isThere(turn: Turn, task: NewTask): boolean {
  const row = turn.taskByKey(task.key);
  const payload = turn.payloadByKey(task.key);
  if (row === undefined || payload === undefined) return false;
  const { type, priority, timeoutMs, maxRetries } = row.context;
  const isSame =
    type === task.type &&
    priority === task.priority &&
    timeoutMs === task.timeoutMs &&
    maxRetries === task.maxRetries &&
    payload.data === task.data &&
    payload.metadata === task.metadata;
  if (isSame) return true;
  throw new ConflictError('task', task.key, 'exists with another type, data or options');
}

function assertDistinct(tasks: readonly NewTask[]): void {
  const keys = new Set<string>();
  for (const task of tasks) {
    if (keys.has(task.key)) throw new ValidationError('id of a task', quoted(task), 'unique in its batch');
    keys.add(task.key);
  }
}

/** @param announced - Tasks that have to fit in all, where a full queue rejects; 0: they were let in before. */
function hasRoom(turn: Turn, count: number, announced: number): boolean {
  const { maxQueueSize, onQueueFull } = turn.context.config;
  if (maxQueueSize === null || count === 0) return true;
  const isRejecting = onQueueFull === 'reject' && turn.waiting + announced > maxQueueSize;
  if (count > maxQueueSize || (announced > 0 && isRejecting)) throw new QueueFullError(maxQueueSize);
  return turn.waiting + count <= maxQueueSize;
}

function assertRunnable(turn: Turn, tasks: readonly NewTask[]): void {
  const { types } = turn.context;
  const unknown = tasks.find(({ type }) => !types.has(type));
  if (unknown === undefined) return;
  throw new ValidationError(`type of task ${quoted(unknown)}`, show(unknown.type), oneOf(types));
}

/** What a task's type may be. */
export function oneOf(types: ReadonlySet<string>): string {
  return `one of the types that have a handler: ${[...types].map((type) => quote(type)).join(', ')}`;
}

function assertTotal(batchId: string, held: number, submitted: number | null): void {
  if (submitted === null || submitted === held) return;
  throw new ConflictError('batch', batchId, `holds ${held} tasks, this submission of it ${submitted}`);
}

function requireBatch(turn: Turn, id: string): BatchRow {
  const batch = turn.batch(id);
  if (batch === undefined) throw new NotFoundError('batch', id);
  return batch;
}

function quoted({ id }: NewTask): string {
  return quote(id);
}
