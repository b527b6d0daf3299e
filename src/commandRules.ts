import type { FinalBatchState } from '../machines/batch.ts';
import type { FleetCommand, LedgerCommand, NewTask } from '../machines/fleetCommand.ts';
import type { FleetFact } from '../machines/fleetFact.ts';
import { problemOf } from '../machines/problem.ts';
import type { TaskError } from '../machines/task.ts';
import { addDependent, assertDependencies } from './dependencyRules.ts';
import { ConflictError, NotFoundError, QueueFullError, ValidationError } from './errors.ts';
import { isHeld, type Ledger } from './ledger.ts';
import { batchLifecycle, taskLifecycle } from './lifecycles.ts';
import { pauseSchedule, putSchedule, removeSchedule, resumeSchedule } from './scheduleRules.ts';
import { quote, show } from './show.ts';
import type { BatchRow, StoredTask, TaskRow } from './store.ts';
import { tagsKey } from './tags.ts';
import { payloadOf, type Turn } from './turn.ts';
import { externalKey, submittedResultKey, type BatchesExpired, type CommandInput } from './turnInput.ts';

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

/** The command is answered later: by another turn, or when what it removes is gone. */
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
      return removeBatch(turn, input, command);
    case 'results.clear':
      turn.clears.push(input);
      return deferred;
    case 'task.submit':
      return submitTask(turn, input, command);
    case 'task.cancel':
      return cancelTask(turn, command.key);
    case 'task.retry':
      return retryTask(turn, command);
    case 'schedule.put':
      return putSchedule(turn, command);
    case 'schedule.remove':
      return removeSchedule(turn, command);
    case 'schedule.pause':
      return pauseSchedule(turn, command);
    case 'schedule.resume':
      return resumeSchedule(turn, command);
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

/** Lets the batches go that retention found, unless others have taken their names by now. */
export function expireBatches(turn: Turn, { batches }: BatchesExpired): void {
  turn.hasExpired = true;
  for (const { id, settledAt } of batches) {
    if (turn.removalOf(id) === 'underway' || turn.batch(id)?.context.settledAt !== settledAt) continue;
    turn.removals.push({ batchId: id, asker: null });
  }
}

/** Adds the tasks that are new. The same tasks again change nothing; other tasks under a taken id conflict. */
export function submitBatch(turn: Turn, input: CommandInput, command: CommandOf<'batch.submit'>): unknown {
  const { batchId, tasks, seal, total, metadata, fresh, exclusive, announced } = command;
  const removal = turn.removalOf(batchId);
  if (removal === 'interrupted') {
    throw new ConflictError(
      'batch',
      batchId,
      'is being removed, which the store interrupted; remove it again'
    );
  }
  if (removal === 'underway') return defer(turn, input);
  const existing = turn.batch(batchId);
  if (existing === undefined && (exclusive || input.admitted !== undefined)) {
    // Begun anew with what is left, it would never be whole, and take the name of what was there.
    throw new ConflictError('batch', batchId, 'has ended before all its tasks were accepted');
  }
  const added = fresh && existing === undefined ? tasks : tasks.filter((task) => !isThere(turn, task));
  if (!fresh) assertDistinct(added);
  const held = existing?.context.totalTasks ?? 0;
  const isAlone = exclusive && total !== null && held === total - tasks.length;
  if (isAlone && added.length < tasks.length) {
    const repeated = tasks.find((task) => !added.includes(task))!;
    throw new ConflictError('task', repeated.key, 'is in its batch already');
  }
  if (!input.isScheduled) assertRunnable(turn, added);
  assertDependencies(turn, batchId, added);
  if (!haveFreeKeys(turn, added)) return defer(turn, input);
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
      added: input.admitted ?? 0
    } satisfies SubmitReply;
  }
  if (seal) assertTotal(batchId, held + added.length, total);
  const room = roomFor(turn, added.length, announced);
  if (room === 0 && added.length > 0) return defer(turn, input);

  let batch = existing ?? turn.createBatch(batchId, metadata);
  if (added.length > 0) {
    const seqs = added.slice(0, room).map((task) => addDependent(turn, batchId, task).context.seq);
    batch = turn.stepBatch(batch, {
      type: 'tasks.added',
      count: seqs.length,
      firstSeq: seqs[0]!,
      lastSeq: seqs.at(-1)!
    });
  }
  const admitted = (input.admitted ?? 0) + room;
  if (room < added.length) {
    const rest = { ...command, tasks: added.slice(room), announced: 0 };
    return defer(turn, { ...input, command: rest, admitted });
  }
  if (seal) {
    turn.facts.push({ type: 'batch.accepted', batchId, totalTasks: batch.context.totalTasks });
    turn.stepBatch(batch, { type: 'batch.seal', at: turn.context.at });
  }
  return { totalTasks: batch.context.totalTasks, added: admitted } satisfies SubmitReply;
}

/** Whatever of it waits for room is answered, and never comes in. */
function cancelBatch(turn: Turn, { batchId }: CommandOf<'batch.cancel'>): boolean {
  const waited = withdraw(
    turn,
    ({ command }) => command.type === 'batch.submit' && command.batchId === batchId,
    new ConflictError('batch', batchId, 'was cancelled before all its tasks were accepted')
  );
  const batch = turn.batch(batchId);
  if (batch === undefined || batchLifecycle.isFinal(batch.state)) return waited;
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

/** Lets a settled batch go. Whoever asks for one that is being removed waits for the same end. */
function removeBatch(turn: Turn, input: CommandInput, { batchId }: CommandOf<'batch.remove'>): unknown {
  if (turn.removalOf(batchId) === undefined) {
    const batch = requireBatch(turn, batchId);
    if (!batchLifecycle.isFinal(batch.state)) {
      throw new ConflictError('batch', batchId, `is ${batch.state}; cancel it before removing it`);
    }
  }
  turn.removals.push({ batchId, asker: input });
  return deferred;
}

export function submitTask(turn: Turn, input: CommandInput, { task }: CommandOf<'task.submit'>): unknown {
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

function cancelTask(turn: Turn, key: string): boolean {
  const waited = withdraw(
    turn,
    ({ command }) => command.type === 'task.submit' && command.task.key === key,
    new ConflictError('task', key, 'was cancelled before it was accepted')
  );
  if (waited) return true;
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

/**
 * Submits a copy of a task that did not complete; the original stays as it is, and keeps its idempotency key. The copy
 * depends on nothing: whoever retries it alone wants it to run.
 */
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

function assertDistinct(tasks: readonly NewTask[]): void {
  const keys = new Set<string>();
  for (const task of tasks) {
    if (keys.has(task.key)) throw new ValidationError('id of a task', quoted(task), 'unique in its batch');
    keys.add(task.key);
  }
}

/**
 * Whether the idempotency keys of new tasks of a batch are free; not yet, while a task that has one is being removed.
 *
 * @throws {ConflictError} when another task has one. A batch names each of its tasks, so none of them can be taken for
 * another batch's.
 */
function haveFreeKeys(turn: Turn, tasks: readonly NewTask[]): boolean {
  const owners = new Map<string, string>();
  let areFree = true;
  for (const { key, idempotencyKey } of tasks) {
    if (idempotencyKey === null) continue;
    const holder = turn.keyHolder(idempotencyKey);
    const owner = owners.get(idempotencyKey) ?? holder?.row.context.key;
    if (holder !== undefined && isLeaving(turn, holder)) areFree = false;
    else if (owner !== undefined) {
      const reason = `of task ${quote(key)} is that of task ${quote(owner)} already`;
      throw new ConflictError('idempotencyKey', idempotencyKey, reason);
    }
    owners.set(idempotencyKey, key);
  }
  return areFree;
}

/**
 * Whether the task goes with its batch, which is being removed.
 *
 * @throws {ConflictError} when the store interrupted that.
 */
function isLeaving(turn: Turn, { row, payload }: StoredTask): boolean {
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
function roomFor(turn: Turn, count: number, announced: number): number {
  const { maxQueueSize, onQueueFull } = turn.context.config;
  if (maxQueueSize === null || count === 0) return count;
  if (announced > 0 && onQueueFull === 'reject' && turn.waiting + announced > maxQueueSize) {
    throw new QueueFullError(maxQueueSize);
  }
  return Math.min(count, Math.max(0, maxQueueSize - turn.waiting));
}

/** Has a submission wait for a later turn. It is taken up in its order, so nobody gets past it. */
function defer(turn: Turn, input: CommandInput): typeof deferred {
  turn.deferred.push(input);
  return deferred;
}

/** Answers submissions that wait, and forgets them. Says whether there were any. */
function withdraw(turn: Turn, isMeant: (input: CommandInput) => boolean, error: Error): boolean {
  const withdrawn = turn.deferred.filter(isMeant);
  turn.deferred = turn.deferred.filter((input) => !isMeant(input));
  for (const input of withdrawn) reply(turn, input, { error });
  return withdrawn.length > 0;
}

function assertRunnable(turn: Turn, tasks: readonly NewTask[]): void {
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
