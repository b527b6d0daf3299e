import { activeTasks, waitingTasks, type FinalBatchState } from '../../machines/batch.ts';
import type { BatchEvent } from '../../machines/batchMachine.ts';
import type { NewTask } from '../../machines/fleetCommand.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { ScheduleEvent } from '../../machines/scheduleMachine.ts';
import type { FinalTaskStatus, Json } from '../../machines/task.ts';
import type { TaskEvent } from '../../machines/taskMachine.ts';
import type { AbortCause } from '../executor.ts';
import type { TurnNews } from '../journal/readModel.ts';
import type { RowStep } from '../journal/turnObserver.ts';
import type { Removal } from '../journal/removals.ts';
import type { Told } from '../ledger/dependents.ts';
import {
  isHeld,
  type AttemptLimits,
  type Ledger,
  type LingeringAttempt,
  type RemovalState
} from '../ledger/ledger.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { FleetStats } from '../ledger/stats.ts';
import type { TaskRequest } from '../ledger/taskRequests.ts';
import { StagedSchedules } from '../schedules/stagedSchedules.ts';
import type {
  BatchRow,
  Commit,
  LedgerHead,
  NewResult,
  Payload,
  ScheduleRow,
  StoredAgent,
  StoredTask,
  TaskRow
} from '../store.ts';
import type { Mutable } from '../mutable.ts';
import { payloadOf } from '../submission/task.ts';
import { taskIdOf } from '../submission/taskKey.ts';
import { StagedCounts } from './stagedCounts.ts';
import { StagedTasks } from './stagedTasks.ts';
import type { TurnContext } from './turnContext.ts';
import type { CommandInput } from './turnInput.ts';

export interface Abort {
  readonly seq: number;
  readonly attempt: number;
  readonly cause: AbortCause;
}

export interface Reply {
  readonly commandId: string;
  readonly value?: unknown;
  /** The command was refused. */
  readonly error?: Error;
}

/** What the turn did to one worker. */
export interface WorkerChange {
  completed: number;
  failed: number;
}

/**
 * One turn under way: rows that are staged over the ledger's, and the effects that leave once it is committed.
 *
 * No reader sees it. It is either applied whole, after the store has it, or undone.
 */
export class Turn {
  readonly context: TurnContext;

  /** Effects. None of these happens before the commit. */
  readonly started: TaskRow[] = [];
  /** Attempts that remote workers have begun, by the numbers of their tasks. */
  readonly begun: number[] = [];
  /** Requests that tasks were claimed for, by the task's `seq`. */
  readonly requests = new Map<number, TaskRequest>();
  readonly aborts: Abort[] = [];
  readonly replies: Reply[] = [];
  readonly facts: FleetFact[] = [];
  readonly results: NewResult[] = [];
  /** Those of {@link Turn.results} that came from outside, as {@link submittedResultKey}. */
  readonly submittedResults = new Set<string>();
  readonly workers = new Map<string, WorkerChange>();
  /** For those who follow the rows; empty where nobody does. */
  readonly steps: RowStep[] = [];
  /** How many there were, also where nobody follows them. */
  stepCount = 0;
  /** Workers whose handler was given up: they are to be replaced. */
  readonly wedgedWorkers: string[] = [];
  /** Submissions that wait for room in the queue, or for the end of a removal. */
  deferred: CommandInput[] = [];
  /** Settled batches to remove. */
  readonly removals: Removal[] = [];
  /** Who waits until the results from outside that were cleared are removed. */
  readonly clears: CommandInput[] = [];
  /** Retention's batches were looked at. */
  hasExpired = false;
  /** A budget ran out: there is more to do than this turn did. */
  isCutShort = false;
  readonly schedules: StagedSchedules;
  /** Counts that change by what happened, not by a task's state. */
  readonly stats: Mutable<FleetStats>;

  readonly #ledger: Ledger;
  readonly #limits: AttemptLimits;
  readonly #tasks = new StagedTasks();
  readonly #batches = new Map<string, BatchRow>();
  readonly #newKeyHolders = new Map<string, number>();
  readonly #lingering: LingeringAttempt[] = [];
  readonly #told: Told[] = [];
  readonly #givenUp: { readonly attempt: LingeringAttempt; readonly wasAccepting: boolean }[] = [];
  readonly #counts: StagedCounts;
  readonly #waitingBefore: number;
  #seq: number;
  #settledSeq: number;

  constructor(ledger: Ledger, context: TurnContext) {
    const { seq, settledSeq, stats } = ledger.head;
    this.context = context;
    this.#ledger = ledger;
    this.#limits = {
      activeNow: context.activeNow,
      latestRetryAt: context.at + context.config.retry.maxMs,
      workerTimeout: context.config.workerTimeout,
      cancelGraceMs: context.config.cancelGraceMs
    };
    this.#seq = Math.max(seq, ledger.undoneSeq);
    this.#settledSeq = settledSeq;
    this.schedules = new StagedSchedules(ledger.schedules);
    this.stats = { ...stats };
    this.#counts = new StagedCounts(stats.counts, (id) => this.batch(id)?.context.counts);
    this.#waitingBefore = this.waiting;
  }

  task(seq: number): TaskRow | undefined {
    return this.#tasks.get(seq) ?? this.#ledger.tasks.get(seq);
  }

  /** A task of any state: staged, live, or settled and found in the store. */
  taskByKey(key: string): TaskRow | undefined {
    const staged = this.#tasks.byKey(key);
    if (staged !== undefined) return staged.row;
    const { tasks, dependencies } = this.context.found;
    const stored = tasks.get(key)?.row ?? dependencies.get(key);
    return stored && (this.task(stored.context.seq) ?? stored);
  }

  /** What a task carries: staged, or found in the store. */
  payloadByKey(key: string): Payload | undefined {
    return (this.#tasks.byKey(key) ?? this.context.found.tasks.get(key))?.payload;
  }

  /** The task that has an idempotency key, with what it carries. */
  keyHolder(idempotencyKey: string): StoredTask | undefined {
    const seq = this.#newKeyHolders.get(idempotencyKey);
    if (seq === undefined) return this.context.found.keyHolders.get(idempotencyKey);
    return { row: this.task(seq)!, payload: this.#tasks.payload(seq)! };
  }

  /** What a live task carries, as far as memory has it. */
  payload(seq: number): Payload | undefined {
    return this.#tasks.payload(seq) ?? this.#ledger.payload(seq);
  }

  /** A batch of any state: staged, live, or settled and found in the store. */
  batch(id: string): BatchRow | undefined {
    return this.#batches.get(id) ?? this.#ledger.batches.get(id) ?? this.context.found.batches.get(id);
  }

  /** What a schedule submits: staged, or found in the store. */
  templateOf(scheduleId: string): string | undefined {
    return this.schedules.template(scheduleId) ?? this.context.found.templates.get(scheduleId);
  }

  /** How far the removal of a batch is; `undefined`: it is not to be removed. */
  removalOf(id: string): RemovalState | undefined {
    const isStaged = this.removals.some(({ batchId }) => batchId === id);
    return isStaged ? 'underway' : this.#ledger.removing.get(id);
  }

  /** Tasks that wait for a worker, for a time or for other tasks. */
  get waiting(): number {
    return waitingTasks(this.#counts.fleet);
  }

  /** Tasks that workers hold. */
  get held(): number {
    return activeTasks(this.#counts.fleet);
  }

  /** @param blockedBy - Numbers of the tasks that it waits for; `null`: for none. */
  addTask(task: NewTask, batchId: string | null, blockedBy: readonly number[] | null = null): TaskRow {
    const seq = ++this.#seq;
    const { key, type, priority, tags, timeoutMs, maxRetries, startAfter, retryOf, idempotencyKey } = task;
    const createdAt = this.context.at;
    const row = taskLifecycle.create({
      seq,
      key,
      batchId,
      type,
      priority,
      tags,
      timeoutMs,
      maxRetries,
      retryOf,
      createdAt,
      blockedBy,
      readyAt: startAfter ?? this.#readyAfterAll(createdAt),
      startAfter
    });
    this.#tasks.add(row, payloadOf(task));
    if (idempotencyKey !== null) this.#newKeyHolders.set(idempotencyKey, seq);
    this.#follow(undefined, row);
    this.#keepTaskStep(null, null, row);
    this.stats.totalTasks += 1;
    return row;
  }

  /**
   * Steps a task and keeps everything that depends on its state in step.
   *
   * @param result - JSON text of the handler's result, when the event completes it.
   * @returns The staged row, or `row` itself when its machine ignores the event.
   */
  stepTask(row: TaskRow, event: TaskEvent, result: string | null = null): TaskRow {
    const after = this.#stepRow(row, event);
    if (after === row) return row;
    this.#stage(row, after);
    if (taskLifecycle.isFinal(after.state)) this.#settle(after, result);
    return after;
  }

  /**
   * Claims a queued task for a worker, which is given it after the commit. One in this process starts what it is given: the
   * two steps are staged as one. A remote one tells when it does.
   */
  startTask(row: TaskRow, workerId: string): void {
    const claim: TaskEvent = { type: 'task.claim', workerId };
    if (this.context.isRemote) {
      this.started.push(this.stepTask(row, claim));
      return;
    }
    const start: TaskEvent = {
      type: 'attempt.started',
      attempt: row.context.attempt + 1,
      at: this.context.at
    };
    let started: TaskRow;
    if (this.context.keepsSteps) started = this.#stepRow(this.#stepRow(row, claim), start);
    else {
      started = taskLifecycle.stepTwice(row, claim, start);
      this.stepCount += 2;
    }
    this.#stage(row, started);
    this.started.push(started);
  }

  /** Takes the next task that is to hear of the settlement of one that it depends on. */
  tellNextDependent(): Told | undefined {
    const told = this.#ledger.dependents.tellNext();
    if (told !== undefined) this.#told.push(told);
    return told;
  }

  createBatch(id: string, metadata: Json, traceparent?: string): BatchRow {
    const row = batchLifecycle.create({ id, metadata, traceparent, createdAt: this.context.at });
    this.#batches.set(id, row);
    this.#keepStep({ kind: 'batch', event: null, before: null, after: row });
    this.stats.totalBatches += 1;
    return row;
  }

  stepBatch(row: BatchRow, event: BatchEvent): BatchRow {
    const after = batchLifecycle.step(row, event);
    if (after === row) return row;
    const { id } = after.context;
    this.#batches.set(id, after);
    this.#keepStep({ kind: 'batch', event, before: row, after });
    if (after.state === 'cancelling' && row.state !== 'cancelling') {
      this.#ledger.sweeps.set(id, after.context.firstSeq);
    }
    if (batchLifecycle.isFinal(after.state)) {
      this.facts.push({ type: 'batch.settled', batchId: id, status: after.state as FinalBatchState });
    }
    return after;
  }

  createSchedule(input: Parameters<typeof scheduleLifecycle.create>[0]): ScheduleRow {
    const row = scheduleLifecycle.create(input);
    this.#keepStep({ kind: 'schedule', event: null, before: null, after: row });
    return row;
  }

  stepSchedule(row: ScheduleRow, event: ScheduleEvent): ScheduleRow {
    const after = scheduleLifecycle.step(row, event);
    if (after !== row) this.#keepStep({ kind: 'schedule', event, before: row, after });
    return after;
  }

  /** Adds a result that no task of the fleet stands behind. */
  addResult(result: Omit<NewResult, 'seq' | 'settledSeq' | 'receivedAt'>): void {
    const settledSeq = ++this.#settledSeq;
    this.results.push({ ...result, seq: null, settledSeq, receivedAt: this.context.at });
  }

  /** The attempt of the row is over, but its handler may still run: it keeps its place for the grace. */
  linger({ context: { seq, attempt, workerId, type } }: TaskRow): void {
    const lingering = { seq, attempt, workerId: workerId!, type };
    this.#lingering.push(lingering);
    this.#ledger.linger(lingering, this.#limits);
  }

  /** A handler that hangs beyond its grace is waited for no longer: its worker is replaced. */
  giveUp(attempt: LingeringAttempt): void {
    const wasAccepting = this.#ledger.roster.get(attempt.workerId)?.accepting ?? false;
    this.#givenUp.push({ attempt, wasAccepting });
    this.#ledger.giveUp(attempt);
    this.worker(attempt.workerId);
    this.wedgedWorkers.push(attempt.workerId);
  }

  /** A task is claimed for a request. */
  takeRequest(request: TaskRequest, seq: number): void {
    this.requests.set(seq, request);
    this.#ledger.requests.take(request);
  }

  /** What this turn changed for a worker, to be added to. */
  worker(workerId: string): WorkerChange {
    let change = this.workers.get(workerId);
    if (change === undefined) this.workers.set(workerId, (change = { completed: 0, failed: 0 }));
    return change;
  }

  /** Steps the batches whose tasks moved. The last thing before {@link Turn.commit}. */
  finish(): void {
    for (const [id, counts] of this.#counts.batches) {
      const row = this.batch(id);
      if (row) this.stepBatch(row, { type: 'tasks.counted', counts, at: this.context.at });
    }
  }

  /** What the store is to write. */
  commit(scope: string, agents: readonly StoredAgent[]): Commit {
    return {
      scope,
      head: this.head(),
      newTasks: this.#tasks.added,
      tasks: this.#tasks.changed(),
      batches: [...this.#batches.values()],
      results: this.results,
      schedules: this.schedules.changes,
      agents
    };
  }

  /** The numbers of the fleet as the turn leaves them. */
  head(): LedgerHead {
    return {
      turn: this.#ledger.head.turn + 1,
      seq: this.#seq,
      settledSeq: this.#settledSeq,
      stats: { ...this.stats, counts: this.#counts.fleet }
    };
  }

  /** What the read model is told. */
  news(): TurnNews {
    return {
      stats: this.#ledger.head.stats,
      batches: [...this.#batches.values()],
      results: this.results
    };
  }

  /** Whether fewer tasks wait than before. */
  get hasMadeRoom(): boolean {
    return this.waiting < this.#waitingBefore;
  }

  /** Whether the turn leaves everything as it is, so that there is nothing to write. */
  get isIdle(): boolean {
    return (
      this.#tasks.isEmpty &&
      this.#batches.size === 0 &&
      this.results.length === 0 &&
      this.schedules.isEmpty &&
      this.stats.lateOutcomes === this.#ledger.head.stats.lateOutcomes
    );
  }

  /** Makes the staged rows the ledger's: the store has them. */
  apply(): void {
    for (const { row, payload } of this.#tasks.all()) {
      const { seq } = row.context;
      if (taskLifecycle.isFinal(row.state)) {
        this.#ledger.tasks.delete(seq);
        this.#ledger.dropPayload(seq);
        continue;
      }
      this.#ledger.tasks.set(row);
      if (payload !== null) this.#ledger.keepPayload(seq, payload);
    }
    for (const [id, row] of this.#batches) {
      if (!batchLifecycle.isFinal(row.state)) this.#ledger.batches.set(id, row);
      else this.#ledger.forgetBatch(id);
    }
    this.schedules.apply();
    this.#ledger.head = this.head();
    this.#ledger.tidy();
  }

  /** Brings everything derived back to the committed rows: the store refused the turn. */
  undo(): void {
    for (const row of this.started) this.#ledger.roster.restore(row);
    // Before the rows: what they are again is what they wait for.
    for (const told of this.#told.toReversed()) this.#ledger.dependents.untell(told);
    this.#ledger.requests.putBack(this.requests.values());
    for (const { row, deadlineAt } of this.#tasks.all()) {
      const { seq } = row.context;
      this.#unstage(seq, row);
      // Its attempt goes on with the time that it had left.
      if (deadlineAt !== null) this.#ledger.attemptDeadlines.set(seq, deadlineAt);
    }
    // What was given up first: with no grace, it may have begun to linger in this very turn.
    for (const { attempt, wasAccepting } of this.#givenUp) {
      this.#ledger.takeBack(attempt, wasAccepting, this.#limits);
    }
    for (const attempt of this.#lingering) this.#ledger.endLingering(attempt);
    this.#ledger.typeUse.forgetClaims();
    this.#ledger.restartSweeps();
    this.#ledger.unparkStray();
    this.#ledger.queueHandled(null);
    this.#ledger.undoneSeq = this.#seq;
  }

  /** Puts the committed row in the place of a staged one. */
  #unstage(seq: number, staged: TaskRow): void {
    const committed = this.#ledger.tasks.get(seq);
    this.#ledger.move(staged, undefined, this.#limits);
    if (committed === undefined) return this.#ledger.dependents.forget(seq);
    this.#ledger.move(undefined, committed, this.#limits);
    if (isHeld(committed.state)) this.#ledger.roster.retake(committed);
  }

  #stepRow(row: TaskRow, event: TaskEvent): TaskRow {
    const after = taskLifecycle.step(row, event);
    if (after !== row) this.#keepTaskStep(event, row, after);
    return after;
  }

  #stage(before: TaskRow, after: TaskRow): void {
    if (!this.#tasks.replace(after)) {
      const deadlineAt = isHeld(before.state) ? this.#deadlineOf(before) : null;
      this.#tasks.begin(after, deadlineAt);
    }
    this.#follow(before, after);
  }

  /** One that has come was taken out already; one that waits in its worker has none. */
  #deadlineOf({ state, context }: TaskRow): number | null {
    if (state === 'dispatched') return null;
    return this.#ledger.attemptDeadlines.get(context.seq) ?? this.context.activeNow;
  }

  /** Lets everything derived follow a row. */
  #follow(before: TaskRow | undefined, after: TaskRow): void {
    this.#ledger.move(before, after, this.#limits);
    if (before?.state !== after.state) {
      this.#counts.move(after.context.batchId, before?.state, after.state);
    }
  }

  /** Nothing is made of it where nobody follows the rows: there are four for each task. */
  #keepTaskStep(event: TaskEvent | null, before: TaskRow | null, after: TaskRow): void {
    if (this.context.keepsSteps) this.#keepStep({ kind: 'task', event, before, after });
    else this.stepCount += 1;
  }

  #keepStep(step: RowStep): void {
    this.stepCount += 1;
    if (this.context.keepsSteps) this.steps.push(step);
  }

  /** Where the clock was set back, who comes later still waits behind the others. */
  #readyAfterAll(createdAt: number): number | null {
    const { latestReadyAt } = this.#ledger.queue;
    return latestReadyAt > createdAt ? latestReadyAt : null;
  }

  #settle({ state, context }: TaskRow, result: string | null): void {
    const { seq, key, batchId, type, workerId, error, startedAt, attempt } = context;
    const status = state as FinalTaskStatus;
    const settledSeq = ++this.#settledSeq;
    const stored: Mutable<NewResult> = {
      seq,
      taskId: taskIdOf(key, batchId),
      key,
      batchId,
      type,
      success: status === 'completed',
      status,
      // What a handler still returned after its abort is discarded.
      result: status === 'completed' ? result : null,
      duration: startedAt === null ? 0 : Math.max(0, this.context.at - startedAt),
      timestamp: this.context.at,
      attempts: attempt,
      workerId,
      settledSeq,
      receivedAt: this.context.at
    };
    // Not spread into the literal, whose fields would be added one by one then: there is one for each task.
    if (error !== null) {
      stored.error = error.message;
      stored.failure = error;
    }
    this.results.push(stored);
    if (this.context.tellsTasks) {
      this.facts.push({ type: 'task.settled', key, batchId, status, workerId, settledSeq });
    }
  }
}
