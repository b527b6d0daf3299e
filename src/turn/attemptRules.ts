import type { AttemptRef, FinalTaskStatus, TaskError } from '../../machines/task.ts';
import type { TaskContext, TaskEvent } from '../../machines/taskMachine.ts';
import type { DispatchLane, Offer } from '../ledger/dispatchQueue.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isBefore } from '../ledger/priorityQueue.ts';
import { attemptKey, type Place } from '../ledger/roster.ts';
import type { TaskRow } from '../store.ts';
import { Everything } from './everything.ts';
import type { Turn } from './turn.ts';
import type { AttemptLost, AttemptReturned, AttemptSettled, AttemptStarted } from './turnInput.ts';

/** Takes in that a remote worker has begun an attempt, whose time begins with that. */
export function startAttempt(turn: Turn, { seq, attempt }: Pick<AttemptStarted, 'seq' | 'attempt'>): void {
  const row = turn.task(seq);
  if (row?.state !== 'dispatched') return;
  const after = turn.stepTask(row, { type: 'attempt.started', attempt, at: turn.context.at });
  if (after !== row) turn.begun.push(seq);
}

/** Takes in how a handler ended. An attempt that is not the current one any more changes nothing. */
export function settleAttempt(turn: Turn, ledger: Ledger, input: AttemptSettled): void {
  const { seq, attempt, outcome, commandId } = input;
  endLate(turn, ledger, input);
  // That it began may have been told to nobody.
  startAttempt(turn, input);
  const row = turn.task(seq);
  const { at } = turn.context;
  const after =
    row === undefined
      ? undefined
      : outcome.status === 'completed'
        ? turn.stepTask(row, { type: 'attempt.completed', attempt, at }, outcome.result)
        : turn.stepTask(row, failure(turn, 'attempt.failed', attempt, outcome.error));
  const isLate = row === undefined || after === row;
  if (commandId !== undefined) turn.replies.push({ commandId, value: isLate ? null : after!.state });
  if (isLate) {
    turn.stats.lateOutcomes += 1;
    return;
  }
  recordEnd(turn, row, after!);
}

/** Takes in that an attempt died with its worker or process. */
export function loseAttempt(turn: Turn, ledger: Ledger, { seq, attempt, reason }: AttemptLost): void {
  endLate(turn, ledger, { seq, attempt });
  const row = turn.task(seq);
  if (row === undefined) return;
  const error: TaskError = { name: 'LostAttemptError', message: reason, retryable: true };
  if (turn.stepTask(row, failure(turn, 'attempt.lost', attempt, error)) === row) return;
  turn.stats.lostAttempts += 1;
  // Where nobody hears it, it may run on, or be about to begin: it is told when it is heard again.
  if (turn.context.isRemote) turn.aborts.push({ seq, attempt, cause: { kind: 'lost', message: reason } });
  if (row.context.workerId !== null) turn.worker(row.context.workerId);
}

/** Takes in that nobody runs an attempt: it goes back to the queue, and what was over is waited for no longer. */
export function returnAttempt(turn: Turn, ledger: Ledger, { seq, attempt }: AttemptReturned): void {
  endLate(turn, ledger, { seq, attempt });
  const row = turn.task(seq);
  if (row !== undefined) turn.stepTask(row, { type: 'attempt.released', attempt, at: turn.context.at });
}

/** Gives every attempt back to the queue: the fleet stops. */
export function releaseAttempts(turn: Turn, ledger: Ledger): void {
  const { at } = turn.context;
  for (const place of ledger.roster.all()) {
    // A copy: what is released leaves the place.
    for (const { seq, attempt } of [...place.attempts]) {
      const row = turn.task(seq);
      if (row === undefined) continue;
      turn.stepTask(row, { type: 'attempt.released', attempt, at });
      turn.worker(place.workerId);
      turn.aborts.push({ seq, attempt, cause: { kind: 'stopped', message: 'The fleet stops' } });
    }
  }
}

/** Times out what ran too long, and ends the grace of what ignored its abort. */
export function enforceDeadlines(turn: Turn, ledger: Ledger): void {
  const { activeNow } = turn.context;
  for (const seq of ledger.attemptDeadlines.takeDue(activeNow)) {
    const row = turn.task(seq);
    if (row?.state === 'running') timeOut(turn, row);
    else if (row?.state === 'cancelling') endGrace(turn, row);
  }
  for (const key of ledger.lingerDeadlines.takeDue(activeNow)) ledger.overdue.add(key);
  for (const key of ledger.overdue) giveUp(turn, ledger, key);
}

/** Queues the tasks whose time has come. */
export function queueDue(turn: Turn, ledger: Ledger, budget: number): void {
  const { at, config } = turn.context;
  ledger.followWallClock(at, config.retry.maxMs);
  for (let left = budget; left > 0; left--) {
    const due = ledger.due.popDue(at);
    if (due === undefined) return;
    const { seq, dueAt } = due;
    const row = turn.task(seq);
    if (row?.context.dueAt === dueAt) turn.stepTask(row, { type: 'task.due', at: Math.max(at, dueAt) });
  }
  turn.isCutShort = true;
}

/** Gives queued tasks to workers with room or a request, by priority and age, until either runs out. */
export function claimTasks(turn: Turn, ledger: Ledger, budget: number): void {
  const { activeNow, config, types, isRemote } = turn.context;
  const { queue, typeUse } = ledger;
  queue.configure(config.ageingMs, config.typeLimits);
  typeUse.configure(config.typeLimits);
  ledger.queueHandled(types);
  const isOpen = (type: string): boolean => typeUse.isOpen(type, activeNow);
  queueWanted(turn, ledger);
  const most = isRemote ? Infinity : config.maxConcurrentWorkers * config.workerConcurrency;
  for (let left = budget; left > 0; left--) {
    // Draining workers count too: after scaling down, what still runs has to end before more begins.
    if (turn.held + ledger.lingering.size >= most) return;
    const match = nextMatch(ledger, isOpen);
    if (match === null) return;
    const { lane, place } = match;
    const seq = queue.pop(lane);
    const row = turn.task(seq);
    if (row?.state !== 'queued') continue;
    if (queue.isMisplaced(lane, row.context.type)) {
      queue.push(row.context);
      continue;
    }
    if (!isClaimable(turn, ledger, row)) continue;
    const request = place === undefined ? ledger.requests.next(row.context.type) : undefined;
    const workerId = (place ?? request)?.workerId;
    if (workerId === undefined) {
      ledger.unwanted.push(row.context);
      continue;
    }
    if (request !== undefined) turn.takeRequest(request, seq);
    turn.startTask(row, workerId);
    typeUse.claim(row.context.type);
    turn.worker(workerId);
  }
  turn.isCutShort = true;
}

interface Match {
  readonly lane: DispatchLane;
  /** `undefined`: it is for one of the requests. */
  readonly place: Place | undefined;
}

/** Whoever asks for tasks says himself which ones. */
const anything: Offer = { key: 'anything\n', tags: new Everything(), types: null };

/** The task that goes first of those that anybody with room can take, and who of these can do least besides. */
function nextMatch({ queue, roster, requests }: Ledger, isOpen: (type: string) => boolean): Match | null {
  let match: Match | null = null;
  for (const offer of roster.offers) {
    const place = offer.ready.first;
    const lane = place === null ? undefined : queue.best(offer, isOpen);
    if (place === null || lane === undefined) continue;
    if (match === null || isBefore(lane.tasks.head!, match.lane.tasks.head!)) match = { lane, place };
  }
  if (match !== null || requests.size === 0) return match;
  const lane = queue.best(anything, isOpen);
  return lane === undefined ? null : { lane, place: undefined };
}

/**
 * A cancelled batch's tasks wait for the sweep that settles them, a paused one's for its resumption, and those of a
 * type without a handler, which an earlier process had, until one is registered.
 */
function isClaimable(turn: Turn, ledger: Ledger, { context }: TaskRow): boolean {
  if (turn.context.types?.has(context.type) === false) {
    waitForHandler(turn, ledger, context);
    return false;
  }
  if (context.batchId === null) return true;
  const state = turn.batch(context.batchId)?.state;
  if (state === 'paused') {
    const parked = ledger.parked.get(context.batchId);
    if (parked) parked.push(context);
    else ledger.parked.set(context.batchId, [context]);
  }
  return state !== 'paused' && state !== 'cancelling';
}

/** Puts as many tasks back as are wanted now that were not: the first of each type. */
function queueWanted(turn: Turn, ledger: Ledger): void {
  for (const type of ledger.unwanted.types) {
    let wanted = ledger.requests.count(type);
    while (wanted > 0) {
      const seq = ledger.unwanted.pop(type);
      if (seq === undefined) break;
      const row = turn.task(seq);
      if (row?.state !== 'queued') continue;
      ledger.queue.push(row.context);
      wanted -= 1;
    }
  }
}

function waitForHandler(turn: Turn, ledger: Ledger, context: TaskContext): void {
  const waiting = ledger.unhandled.get(context.type);
  if (waiting !== undefined) return void waiting.push(context);
  ledger.unhandled.set(context.type, [context]);
  turn.facts.push({ type: 'handler.missing', taskType: context.type });
}

function timeOut(turn: Turn, row: TaskRow): void {
  const { seq, attempt, timeoutMs } = row.context;
  const message = `Took longer than its limit of ${timeoutMs ?? turn.context.config.workerTimeout} ms`;
  const error: TaskError = { name: 'TaskTimeoutError', message, code: 'ERR_TASK_TIMEOUT', retryable: true };
  const after = turn.stepTask(row, failure(turn, 'attempt.timedOut', attempt, error));
  turn.aborts.push({ seq, attempt, cause: { kind: 'timeout', message } });
  turn.linger(row);
  recordEnd(turn, row, after);
}

function endGrace(turn: Turn, row: TaskRow): void {
  const { attempt } = row.context;
  const after = turn.stepTask(row, { type: 'grace.ended', attempt, at: turn.context.at });
  turn.linger(row);
  recordEnd(turn, row, after);
}

/**
 * A handler ignored its abort for the whole grace: its worker is replaced. Where that does not end the handler,
 * only as long as few of them hang: beyond that it keeps its place until it ends, or until one of the others does. In a
 * process elsewhere, which nobody can replace, it keeps it all that time.
 */
function giveUp(turn: Turn, ledger: Ledger, key: string): void {
  const { config, canEndHandlers, isRemote } = turn.context;
  if (isRemote) return;
  const { maxStuck, maxConcurrentWorkers } = config;
  if (canEndHandlers || ledger.givenUp.size < (maxStuck ?? maxConcurrentWorkers))
    turn.giveUp(ledger.lingering.get(key)!);
}

/** A handler that was waited for no longer has ended after all. */
function endLate(turn: Turn, ledger: Ledger, ref: AttemptRef): void {
  if (ledger.lingering.size + ledger.givenUp.size === 0) return;
  const key = attemptKey(ref);
  const attempt = ledger.lingering.get(key);
  ledger.givenUp.delete(key);
  if (attempt === undefined) return;
  ledger.endLingering(attempt);
  turn.worker(attempt.workerId);
}

function failure(
  turn: Turn,
  type: 'attempt.failed' | 'attempt.timedOut' | 'attempt.lost',
  attempt: number,
  error: TaskError
): TaskEvent {
  const { at, random, config, canEndHandlers, isRemote } = turn.context;
  return {
    type,
    attempt,
    at,
    random: random(),
    policy: {
      maxRetries: config.maxRetries,
      maxRecoveries: config.maxRecoveries,
      retry: config.retry,
      isIsolated: canEndHandlers || isRemote
    },
    error: config.retryFailedTasks ? error : { ...error, retryable: false }
  };
}

/** Counts the end of an attempt for its worker, and tells of a retry. */
function recordEnd(turn: Turn, before: TaskRow, { state, context }: TaskRow): void {
  const change = turn.worker(before.context.workerId!);
  if ((state as FinalTaskStatus) === 'completed') change.completed += 1;
  else if (state !== 'cancelled') change.failed += 1;
  if (state === 'backingOff') {
    turn.stats.retriedAttempts += 1;
    if (!turn.context.tellsTasks) return;
    turn.facts.push({
      type: 'task.retrying',
      key: context.key,
      batchId: context.batchId,
      attempt: context.attempt,
      retryAt: context.dueAt!,
      error: context.error!
    });
  }
}
