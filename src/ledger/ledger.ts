import type { AttemptRef, TaskStatus } from '../../machines/task.ts';
import { ScheduleBook } from '../schedules/scheduleBook.ts';
import type { BatchRow, LedgerHead, Payload, TaskRow } from '../store.ts';
import { BatchTable } from './batchTable.ts';
import { Deadlines } from './deadlines.ts';
import { Dependents } from './dependents.ts';
import { DispatchQueue, type DispatchEntry } from './dispatchQueue.ts';
import { DueQueue } from './dueQueue.ts';
import { NumberedMap } from './numberedMap.ts';
import { QueuedKinds, type QueuedKind } from './queuedKinds.ts';
import { attemptKey, Roster } from './roster.ts';
import { noStats } from './stats.ts';
import { TaskRequests } from './taskRequests.ts';
import { TaskTable } from './taskTable.ts';
import { TypeUse } from './typeUse.ts';
import { UnwantedTasks } from './unwantedTasks.ts';

/** How many payloads are kept in memory; those of other queued tasks are read when they are dispatched. */
const maxPayloads = 20_000;
/** How long they may be together, characters. */
const maxPayloadLength = 32 * 1024 * 1024;
/** So many entries of a queue are not worth tidying. */
const fewEntries = 1_000;

/** An attempt that is over while its handler still runs. */
export interface LingeringAttempt extends AttemptRef {
  readonly workerId: string;
  readonly type: string;
}

/** `interrupted`: the store failed, and the batch may be half removed. It is tried again. */
export type RemovalState = 'underway' | 'interrupted';

/** What a row's change of state means for the time that its attempt has left, ms. */
export interface AttemptLimits {
  /** Active time now. */
  readonly activeNow: number;
  /** When a backoff is over at the latest, epoch ms. */
  readonly latestRetryAt: number;
  readonly workerTimeout: number;
  readonly cancelGraceMs: number;
}

/**
 * The committed rows of everything that has not settled, and what is derived from them.
 *
 * Settled rows live in the store alone. Rows are never changed in place: a turn stages new ones, and they take
 * the place of the old ones when it was committed. All derived structures (queue, due times, deadlines, who
 * holds what, who waits for whom) follow through {@link Ledger.move}, which also undoes a turn: it is the same move, backwards.
 */
export class Ledger {
  readonly tasks = new TaskTable();
  readonly batches = new BatchTable();
  readonly schedules = new ScheduleBook();
  head: LedgerHead = { turn: 0, seq: 0, settledSeq: 0, stats: noStats };
  /** Last number given to a task of a turn that was undone: what is left of it in the queues names no other. */
  undoneSeq = 0;

  readonly queue: DispatchQueue;
  readonly queuedKinds = new QueuedKinds();
  readonly due = new DueQueue();
  readonly dependents = new Dependents();
  readonly roster = new Roster();
  readonly requests = new TaskRequests();
  readonly typeUse = new TypeUse();
  /** Timeouts of running tasks and graces of those being cancelled, by `seq`, in active time. */
  readonly attemptDeadlines = new Deadlines<number>();
  /** Graces of lingering attempts, by attempt, in active time. */
  readonly lingering = new Map<string, LingeringAttempt>();
  readonly lingerDeadlines = new Deadlines<string>();
  /** When workers that could not be made are tried again, by slot, in active time. */
  readonly workerDeadlines = new Deadlines<string>();
  /** Lingering attempts whose grace is over. They keep their places. */
  readonly overdue = new Set<string>();
  /** Attempts whose handler was given up and still runs. Its worker was replaced. */
  readonly givenUp = new Map<string, LingeringAttempt>();

  /** Queued tasks of paused batches, taken out of the queue until the batch goes on. */
  readonly parked = new Map<string, DispatchEntry[]>();
  /** Queued tasks whose type has no handler, by type, taken out of the queue until it has one. */
  readonly unhandled = new Map<string, DispatchEntry[]>();
  /** Queued tasks of types that no worker with a request takes, taken out of the queue until one does. */
  readonly unwanted = new UnwantedTasks();
  /** Batches that are being cancelled, with the `seq` to go on from. */
  readonly sweeps = new Map<string, number>();
  /** Settled batches that are being removed: their ids are not free yet. */
  readonly removing = new Map<string, RemovalState>();

  readonly #payloads = new NumberedMap<Payload>();
  #payloadLength = 0;
  /** What the wall clock showed in the last turn, epoch ms. */
  #lastNow = -Infinity;
  readonly #areTypesApart: boolean;

  /** @param areTypesApart - Workers differ in the types that they have handlers for. */
  constructor(areTypesApart = false) {
    this.#areTypesApart = areTypesApart;
    this.queue = new DispatchQueue(areTypesApart);
  }

  /** Puts a row in that is committed already. */
  load(row: TaskRow, limits: AttemptLimits): void {
    this.tasks.set(row);
    this.move(undefined, row, limits);
  }

  loadBatch(row: BatchRow): void {
    this.batches.set(row.context.id, row);
    if (row.state === 'cancelling') this.sweeps.set(row.context.id, row.context.firstSeq);
  }

  /** Lets everything derived follow a row from one version to another. */
  move(before: TaskRow | undefined, after: TaskRow | undefined, limits: AttemptLimits): void {
    const seq = (after ?? before)!.context.seq;
    const held = before !== undefined && isHeld(before.state);
    const holds = after !== undefined && isHeld(after.state);

    if (held && !holds) {
      this.roster.drop(before);
      this.typeUse.end(before.context.type);
      this.attemptDeadlines.delete(seq);
    }
    if (holds && !held) {
      this.roster.hold(after);
      this.typeUse.begin(after.context.type);
    }
    if (before !== undefined && before.context.settledAt !== null) this.dependents.unsettle(seq);
    if (before?.state === 'queued') this.queuedKinds.count(before.context, -1);
    if (after?.state === 'queued') this.queuedKinds.count(after.context, 1);
    if (after === undefined || after.state === before?.state) return;

    if (after.state === 'queued') this.queue.push(after.context);
    else if (after.state === 'blocked') this.dependents.add(after.context);
    else if (after.context.settledAt !== null) this.dependents.settle(after);
    else if (after.state === 'running') {
      this.attemptDeadlines.set(seq, limits.activeNow + (after.context.timeoutMs ?? limits.workerTimeout));
    } else if (after.state === 'cancelling') {
      this.attemptDeadlines.set(seq, limits.activeNow + limits.cancelGraceMs);
    } else if (after.context.dueAt !== null) {
      // The clock by which it was put off may have been ahead.
      const latestAt = after.state === 'backingOff' ? limits.latestRetryAt : Infinity;
      this.due.push(seq, after.context.dueAt, latestAt);
    }
  }

  /** Once a turn: if the wall clock was set back, backoffs still last no longer than their policy says. */
  followWallClock(now: number, maxBackoffMs: number): void {
    if (now < this.#lastNow) {
      this.due.hurry(now + maxBackoffMs, (seq) => this.tasks.get(seq)?.state === 'backingOff');
    }
    this.#lastNow = now;
  }

  /** Queued tasks that no worker that is there can take, by type and tags. O(kinds in use). */
  unroutable(): QueuedKind[] {
    return this.queuedKinds.unservedKinds(this.roster.offers, this.#areTypesApart);
  }

  /** Begins the time of attempts that are about to start: that of their limits, and of their type's rate. */
  arm(rows: readonly TaskRow[], limits: AttemptLimits): void {
    this.armTimeouts(rows, limits);
    for (const { context } of rows) this.typeUse.start(context.type, limits.activeNow);
  }

  /** Begins the time of attempts that run. One that waits in its worker has none yet. */
  armTimeouts(rows: readonly TaskRow[], { activeNow, workerTimeout }: AttemptLimits): void {
    for (const { state, context } of rows) {
      if (state !== 'running') continue;
      this.attemptDeadlines.set(context.seq, activeNow + (context.timeoutMs ?? workerTimeout));
    }
  }

  /** Begins the graces of attempts that are about to be aborted. */
  armGraces(attempts: readonly AttemptRef[], { activeNow, cancelGraceMs }: AttemptLimits): void {
    for (const { seq, attempt } of attempts) {
      const key = attemptKey({ seq, attempt });
      if (this.lingering.has(key)) this.lingerDeadlines.set(key, activeNow + cancelGraceMs);
      if (this.tasks.get(seq)?.state === 'cancelling') {
        this.attemptDeadlines.set(seq, activeNow + cancelGraceMs);
      }
    }
  }

  /** An attempt is over while its handler still runs: it keeps its place for the grace. */
  linger(attempt: LingeringAttempt, limits: AttemptLimits): void {
    const key = attemptKey(attempt);
    if (!this.lingering.has(key)) this.typeUse.begin(attempt.type);
    this.lingering.set(key, attempt);
    this.lingerDeadlines.set(key, limits.activeNow + limits.cancelGraceMs);
    this.roster.linger(attempt.workerId, attempt);
  }

  /** The handler of an attempt that was over has ended, or is given up. */
  endLingering(attempt: LingeringAttempt): void {
    const key = attemptKey(attempt);
    if (this.lingering.delete(key)) this.typeUse.end(attempt.type);
    this.lingerDeadlines.delete(key);
    this.overdue.delete(key);
    this.roster.forget(attempt.workerId, attempt);
  }

  /** A handler hangs: it keeps its place no longer, and its worker takes nothing more. */
  giveUp(attempt: LingeringAttempt): void {
    this.givenUp.set(attemptKey(attempt), attempt);
    this.endLingering(attempt);
    this.roster.setAccepting(attempt.workerId, false);
  }

  /** Undoes {@link Ledger.giveUp}: the turn was not committed. */
  takeBack(attempt: LingeringAttempt, wasAccepting: boolean, limits: AttemptLimits): void {
    this.givenUp.delete(attemptKey(attempt));
    this.linger(attempt, limits);
    this.roster.setAccepting(attempt.workerId, wasAccepting);
  }

  /** A batch has settled: its row lives in the store alone. */
  forgetBatch(id: string): void {
    this.batches.delete(id);
    this.sweeps.delete(id);
    this.parked.delete(id);
  }

  /** Queues the tasks again that were parked for a batch by the turn that paused it, which was not committed. */
  unparkStray(): void {
    for (const [id, entries] of this.parked) {
      const batch = this.batches.get(id);
      if (batch?.state === 'paused' || batch?.state === 'cancelling') continue;
      if (batch !== undefined) for (const entry of entries) this.queue.push(entry);
      this.parked.delete(id);
    }
  }

  /** Queues the tasks again whose type has a handler now. @param types - `null`: all of them. */
  queueHandled(types: ReadonlySet<string> | null): void {
    for (const [type, entries] of this.unhandled) {
      if (types !== null && !types.has(type)) continue;
      for (const entry of entries) this.queue.push(entry);
      this.unhandled.delete(type);
    }
  }

  /** Sweeps go over a batch from its start again; what is settled is passed over. */
  restartSweeps(): void {
    this.sweeps.clear();
    for (const [id, row] of this.batches)
      if (row.state === 'cancelling') this.sweeps.set(id, row.context.firstSeq);
  }

  /** Lets go of what settled before its turn or its time came, once there is more of it than of what waits. */
  tidy(): void {
    const { scheduled, backingOff, queued } = this.head.stats.counts;
    if (this.due.size > fewEntries + 2 * (scheduled + backingOff)) {
      this.due.retain((seq, dueAt) => {
        const row = this.tasks.get(seq);
        return row !== undefined && isWaiting(row.state) && row.context.dueAt === dueAt;
      });
    }
    const isQueued = (seq: number): boolean => this.tasks.get(seq)?.state === 'queued';
    if (this.queue.size > fewEntries + 2 * queued) this.queue.retain(isQueued);
    if (this.unwanted.size > fewEntries + 2 * queued) this.unwanted.retain(isQueued);
  }

  keepPayload(seq: number, payload: Payload): void {
    const length = lengthOf(payload);
    if (this.#payloads.size >= maxPayloads || this.#payloadLength + length > maxPayloadLength) return;
    this.#payloads.set(seq, payload);
    this.#payloadLength += length;
  }

  payload(seq: number): Payload | undefined {
    return this.#payloads.get(seq);
  }

  dropPayload(seq: number): void {
    const payload = this.#payloads.get(seq);
    if (payload === undefined) return;
    this.#payloads.delete(seq);
    this.#payloadLength -= lengthOf(payload);
  }
}

function lengthOf({ data, metadata, dependsOn }: Payload): number {
  return data.length + (metadata?.length ?? 0) + (dependsOn?.length ?? 0);
}

/** Whether the task waits for a time. */
function isWaiting(state: TaskStatus): boolean {
  return state === 'scheduled' || state === 'backingOff';
}

/** Whether a worker holds the task. */
export function isHeld(state: TaskStatus): boolean {
  return state === 'running' || state === 'dispatched' || state === 'cancelling';
}
