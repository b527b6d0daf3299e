import {
  defaultFleetConfig,
  noTaskCounts,
  settledTasks,
  type BatchRow,
  type Commit,
  type FleetConfig,
  type ResultSummary,
  type StoredResult,
  type TaskCounts,
  type TaskRow,
  type TaskStatus
} from '../../src/index.ts';
import type { Findings } from './findings.ts';
import { ScheduleWitness } from './scheduleWitness.ts';

/** What held when a commit was made. */
export interface CommitMoment {
  /** Epoch ms. */
  readonly at: number;
  readonly config: FleetConfig;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * Sees every commit that took effect, recounts everything from the rows alone, and compares.
 *
 * It knows nothing of turns, queues or workers: rows and results are all it looks at.
 */
export class Witness {
  /** Every task that the store holds, by key. */
  readonly rows = new Map<string, TaskRow>();
  /** Those that have not settled. */
  readonly live = new Map<string, TaskRow>();
  readonly batches = new Map<string, BatchRow>();
  readonly removedBatches = new Set<string>();
  /** Last result of each task. */
  readonly results = new Map<string, StoredResult>();
  /** How many results the fleet ever had. */
  settled = 0;

  readonly schedules: ScheduleWitness;

  readonly #findings: Findings;
  /** Both ways: the key of the task that has it, and the other way round. */
  readonly #holders = new Map<string, string>();
  readonly #idempotencyKeys = new Map<string, string>();
  /** Keys of what tasks depend on, by key. */
  readonly #dependencies = new Map<string, readonly string[]>();
  readonly #moments = new Map<number, CommitMoment>();
  readonly #counts: Mutable<TaskCounts> = { ...noTaskCounts };
  readonly #batchCounts = new Map<string, Mutable<TaskCounts>>();
  readonly #limits = new Map<string, number>();
  #turn = 0;
  #tasks = 0;
  #successes = 0;
  #totalDuration = 0;
  #oldest = Infinity;
  #newest = -Infinity;

  constructor(findings: Findings) {
    this.#findings = findings;
    this.schedules = new ScheduleWitness(findings);
  }

  /** A commit is made. It may still fail. */
  announce({ head: { turn } }: Commit, moment: CommitMoment): void {
    this.#moments.set(turn, moment);
  }

  /** The commit took effect. */
  see(commit: Commit): void {
    const { turn } = commit.head;
    const moment = this.#moments.get(turn);
    if (moment === undefined) throw new Error(`Turn ${turn} was not announced`);
    this.#moments.delete(turn);
    if (turn !== this.#turn + 1) this.#findings.add('order', `turn ${turn} follows turn ${this.#turn}`);
    this.#turn = turn;

    const touched = new Set<string>();
    const claimed: TaskRow[] = [];
    for (const { row, payload } of commit.newTasks) {
      const { key, batchId } = row.context;
      const ids = JSON.parse(payload.dependsOn ?? '[]') as string[];
      this.#dependencies.set(
        key,
        ids.map((id) => `${batchId}/${id}`)
      );
      this.#takeIdempotencyKey(key, payload.idempotencyKey);
      if (this.rows.has(row.context.key)) this.#findings.add('duplicated', `${row.context.key} is new twice`);
      this.#tasks += 1;
      this.#take(undefined, row, moment, touched, claimed);
    }
    for (const row of commit.tasks) {
      const before = this.rows.get(row.context.key);
      if (before === undefined) this.#findings.add('lost', `${row.context.key} changed and was never new`);
      this.#take(before, row, moment, touched, claimed);
    }
    for (const row of commit.batches) {
      this.batches.set(row.context.id, row);
      this.removedBatches.delete(row.context.id);
    }
    for (const { row } of commit.newTasks) this.#checkDependencies(row);
    for (const row of commit.tasks) this.#checkDependencies(row);
    this.schedules.see(commit);
    for (const id of touched) this.checkBatch(id);
    for (const result of commit.results) this.#takeResult(result);
    this.#checkHead(commit);
    this.#checkPriorities(claimed);
  }

  /** The batch is gone. */
  remove(id: string): void {
    for (const [key, { state, context }] of this.rows) {
      if (context.batchId !== id) continue;
      if (this.live.delete(key)) this.#findings.add('lost', `${key} was removed while it was ${state}`);
      this.rows.delete(key);
      this.results.delete(key);
      this.#dependencies.delete(key);
      this.#holders.delete(this.#idempotencyKeys.get(key) ?? '');
      this.#idempotencyKeys.delete(key);
    }
    this.batches.delete(id);
    this.#batchCounts.delete(id);
    this.removedBatches.add(id);
  }

  /** Handlers that may run at once by the config under which the attempt was claimed. */
  limitOf(key: string, attempt: number): number {
    return this.#limits.get(attemptName(key, attempt)) ?? 0;
  }

  /** What the coordinator should say. */
  summary(): ResultSummary {
    const { settled } = this;
    return {
      totalResults: settled,
      successCount: this.#successes,
      failureCount: settled - this.#successes,
      averageDuration: settled === 0 ? 0 : this.#totalDuration / settled,
      oldestResult: settled === 0 ? null : this.#oldest,
      newestResult: settled === 0 ? null : this.#newest
    };
  }

  /** Tasks that the store ever took in. */
  get tried(): number {
    return this.#tasks;
  }

  /** Tasks by status, those of removed batches included. */
  get counts(): TaskCounts {
    return this.#counts;
  }

  checkBatch(id: string): void {
    const row = this.batches.get(id);
    const counts = this.#batchCounts.get(id) ?? noTaskCounts;
    if (row === undefined) return this.#findings.add('lost', `batch ${id} has tasks and no row`);
    this.#compare(`batch ${id}`, row.context.counts, counts);
    const total = sum(counts);
    if (row.context.totalTasks !== total) {
      this.#findings.add('count', `batch ${id} says it has ${row.context.totalTasks} tasks, it has ${total}`);
    }
    if (row.context.settledAt === null) return;
    const isWhole = counts.completed === total;
    const expected = isWhole ? 'completed' : counts.completed === 0 ? 'failed' : 'partial';
    if (row.state !== expected && row.state !== 'cancelled') {
      this.#findings.add('count', `batch ${id} is ${row.state}, by its tasks it is ${expected}`);
    }
    if (total !== settledTasks(counts)) this.#findings.add('count', `batch ${id} settled before its tasks`);
  }

  #take(
    before: TaskRow | undefined,
    after: TaskRow,
    moment: CommitMoment,
    touched: Set<string>,
    claimed: TaskRow[]
  ): void {
    const { key, batchId, attempt } = after.context;
    if (before !== undefined && isFinal(before.state)) {
      this.#findings.add('duplicated', `${key} was ${before.state} and became ${after.state}`);
    }
    if (attempt > (before?.context.attempt ?? 0)) {
      claimed.push(after);
      const { maxConcurrentWorkers, workerConcurrency } = moment.config;
      this.#limits.set(attemptName(key, attempt), maxConcurrentWorkers * workerConcurrency);
      const dueAt = before?.context.dueAt ?? 0;
      if (after.context.startedAt! < dueAt) {
        this.#findings.add('early', `${key} started ${dueAt - after.context.startedAt!} ms before its time`);
      }
    }
    if (after.state === 'backingOff' && before?.state !== 'backingOff') this.#checkBackoff(after, moment);
    this.rows.set(key, after);
    if (isFinal(after.state)) this.live.delete(key);
    else this.live.set(key, after);
    this.#count(this.#counts, before, after);
    if (batchId === null) return;
    touched.add(batchId);
    const counts = this.#batchCounts.get(batchId) ?? { ...noTaskCounts };
    this.#batchCounts.set(batchId, counts);
    this.#count(counts, before, after);
  }

  /** To be called when all rows of a commit are seen: what a task depends on may come after it. */
  #checkDependencies({ state, context: { key, error } }: TaskRow): void {
    const statuses = this.#dependencies.get(key)!.map((other) => this.rows.get(other)?.state);
    if (isHeld(state) && !statuses.every((status) => status === 'completed')) {
      this.#findings.add('early', `${key} is ${state} before what it depends on: ${statuses.join(', ')}`);
    }
    if (state !== 'cancelled' || error?.code !== 'ERR_DEPENDENCY') return;
    if (statuses.some((status) => status && isFinal(status) && status !== 'completed')) return;
    this.#findings.add('result', `${key} says that what it depends on failed: ${statuses.join(', ')}`);
  }

  #takeIdempotencyKey(key: string, idempotencyKey: string | null): void {
    if (idempotencyKey === null) return;
    const holder = this.#holders.get(idempotencyKey);
    if (holder !== undefined)
      this.#findings.add('duplicated', `${key} and ${holder} have one idempotency key`);
    this.#holders.set(idempotencyKey, key);
    this.#idempotencyKeys.set(key, idempotencyKey);
  }

  /** Name that the data of a task has to have. */
  nameOf(key: string): string {
    const idempotencyKey = this.#idempotencyKeys.get(key);
    if (idempotencyKey !== undefined) return idempotencyKey;
    return key.includes('@') ? key.slice(0, key.indexOf('@')) : key;
  }

  #count(counts: Mutable<TaskCounts>, before: TaskRow | undefined, after: TaskRow): void {
    if (before !== undefined) counts[before.state] -= 1;
    counts[after.state] += 1;
  }

  #checkBackoff({ context: { key, dueAt, failures } }: TaskRow, { at, config }: CommitMoment): void {
    const { baseMs, factor, maxMs, jitter } = config.retry;
    const longest = Math.min(maxMs, baseMs * factor ** (failures - 1));
    const shortest = { none: longest, equal: longest / 2, full: 0 }[jitter];
    const backoff = dueAt! - at;
    if (backoff >= Math.floor(shortest) && backoff <= longest) return;
    this.#findings.add('early', `${key} backs off ${backoff} ms, not ${shortest} to ${longest}`);
  }

  #takeResult(result: StoredResult): void {
    const { key, settledSeq, status, success, duration, timestamp } = result;
    if (settledSeq !== this.settled + 1) {
      this.#findings.add('order', `result ${settledSeq} follows result ${this.settled}`);
    }
    this.settled = settledSeq;
    const isOfTask = !key.startsWith('/');
    if (isOfTask && this.results.has(key)) this.#findings.add('duplicated', `${key} has two results`);
    if (isOfTask && this.rows.get(key)?.state !== status) {
      this.#findings.add('result', `${key} is ${this.rows.get(key)?.state}, its result says ${status}`);
    }
    this.results.set(key, result);
    if (success) this.#successes += 1;
    this.#totalDuration += duration;
    this.#oldest = Math.min(this.#oldest, timestamp);
    this.#newest = Math.max(this.#newest, timestamp);
  }

  #checkHead({ head: { settledSeq, stats } }: Commit): void {
    this.#compare('the fleet', stats.counts, this.#counts);
    if (stats.totalTasks !== this.#tasks) {
      this.#findings.add('count', `the fleet says it had ${stats.totalTasks} tasks, it had ${this.#tasks}`);
    }
    if (settledSeq !== this.settled) {
      this.#findings.add('order', `the head says ${settledSeq} results, there are ${this.settled}`);
    }
  }

  #compare(of: string, said: TaskCounts, counted: TaskCounts): void {
    for (const [status, count] of Object.entries(counted)) {
      const other = said[status as TaskStatus];
      if (other !== count) this.#findings.add('count', `${of} says ${other} ${status}, there are ${count}`);
    }
  }

  /** Nothing that may be claimed is left behind by what was. */
  #checkPriorities(claimed: readonly TaskRow[]): void {
    const last = new Map<string, TaskRow>();
    for (const row of claimed) {
      const worst = last.get(kindOf(row));
      if (worst === undefined || isBefore(worst, row)) last.set(kindOf(row), row);
    }
    if (last.size === 0) return;
    for (const row of this.live.values()) {
      if (row.state !== 'queued') continue;
      // What held back one of another type, or of other tags, need not hold it back.
      const other = last.get(kindOf(row));
      if (other === undefined || !isBefore(row, other) || !this.isClaimable(row)) continue;
      this.#findings.add('order', `${other.context.key} was started before ${row.context.key}`);
    }
  }

  /** Whether a task depends on one that has not settled. */
  isAwaiting(key: string): boolean {
    return this.#dependencies.get(key)!.some((other) => this.live.has(other));
  }

  isClaimable({ state, context: { batchId } }: TaskRow): boolean {
    const batch = batchId === null ? undefined : this.batches.get(batchId)?.state;
    return state === 'queued' && batch !== 'paused' && batch !== 'cancelling';
  }
}

function attemptName(key: string, attempt: number): string {
  return `${key}#${attempt}`;
}

/** Tasks of one kind may be claimed by the same workers, and have the same limits. */
function kindOf({ context: { type, tags } }: TaskRow): string {
  return tags.length === 0 ? type : `${type} ${tags.join(' ')}`;
}

/** Higher priority first, age counted in, then in order of submission. */
function isBefore(left: TaskRow, right: TaskRow): boolean {
  const difference = scoreOf(left) - scoreOf(right) || left.context.priority - right.context.priority;
  return difference > 0 || (difference === 0 && left.context.seq < right.context.seq);
}

/** No plan sets another age. */
function scoreOf({ context: { priority, createdAt, readyAt } }: TaskRow): number {
  return priority * defaultFleetConfig.ageingMs! - (readyAt ?? createdAt);
}

function isHeld(state: TaskStatus): boolean {
  return state === 'dispatched' || state === 'running' || state === 'cancelling';
}

function isFinal(state: TaskStatus): boolean {
  return state === 'completed' || state === 'failed' || state === 'timedOut' || state === 'cancelled';
}

function sum(counts: TaskCounts): number {
  return Object.values(counts).reduce((total: number, count: number) => total + count, 0);
}
