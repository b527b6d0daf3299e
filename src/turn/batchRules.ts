import type { FinalBatchState } from '../../machines/batch.ts';
import type { LedgerCommandOf, NewTask } from '../../machines/fleetCommand.ts';
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { batchLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { BatchRow } from '../store.ts';
import { quote } from '../validation/show.ts';
import { assertRunnable, isLeaving, isThere, quoted, roomFor } from './admission.ts';
import { defer, deferred, withdraw } from './commandReplies.ts';
import { addDependent, assertDependencies } from './dependencyRules.ts';
import { cancelRow } from './taskRules.ts';
import type { Turn } from './turn.ts';
import type { BatchesExpired, CommandInput } from './turnInput.ts';

/** What `batch.submit` is answered. */
export interface SubmitReply {
  /** Tasks that the batch holds now. */
  readonly totalTasks: number;
  /** Tasks of this submission that were not there before. */
  readonly added: number;
}

/** Adds the tasks that are new. The same tasks again change nothing; other tasks under a taken id conflict. */
export function submitBatch(
  turn: Turn,
  input: CommandInput,
  command: LedgerCommandOf<'batch.submit'>
): unknown {
  const { batchId, tasks, seal, total, metadata, traceparent, fresh, exclusive, announced } = command;
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

  let batch = existing ?? turn.createBatch(batchId, metadata, traceparent);
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
export function cancelBatch(turn: Turn, { batchId }: LedgerCommandOf<'batch.cancel'>): boolean {
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

/** None of its tasks is started any more. */
export function pauseBatch(turn: Turn, { batchId }: LedgerCommandOf<'batch.pause'>): void {
  const batch = requireBatch(turn, batchId);
  if (batch.state === 'paused') return;
  if (turn.stepBatch(batch, { type: 'batch.pause' }) === batch) {
    throw new ConflictError('batch', batchId, `is ${batch.state} and cannot be paused`);
  }
}

/** Puts the tasks back into the queue that were parked meanwhile. */
export function resumeBatch(turn: Turn, ledger: Ledger, { batchId }: LedgerCommandOf<'batch.resume'>): void {
  const batch = requireBatch(turn, batchId);
  if (batch.state !== 'paused') return;
  turn.stepBatch(batch, { type: 'batch.resume' });
  for (const entry of ledger.parked.get(batchId) ?? []) ledger.queue.push(entry);
  ledger.parked.delete(batchId);
}

/** Lets a settled batch go. Whoever asks for one that is being removed waits for the same end. */
export function removeBatch(
  turn: Turn,
  input: CommandInput,
  { batchId }: LedgerCommandOf<'batch.remove'>
): unknown {
  if (turn.removalOf(batchId) === undefined) {
    const batch = requireBatch(turn, batchId);
    if (!batchLifecycle.isFinal(batch.state)) {
      throw new ConflictError('batch', batchId, `is ${batch.state}; cancel it before removing it`);
    }
  }
  turn.removals.push({ batchId, asker: input });
  return deferred;
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

function assertTotal(batchId: string, held: number, submitted: number | null): void {
  if (submitted === null || submitted === held) return;
  throw new ConflictError('batch', batchId, `holds ${held} tasks, this submission of it ${submitted}`);
}

function requireBatch(turn: Turn, id: string): BatchRow {
  const batch = turn.batch(id);
  if (batch === undefined) throw new NotFoundError('batch', id);
  return batch;
}
