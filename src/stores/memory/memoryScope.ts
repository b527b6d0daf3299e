import type { BatchState } from '../../../machines/batch.ts';
import { maxHealthWindow, outcomesOf } from '../../../machines/coordinatorMachine.ts';
import type { TaskStatus } from '../../../machines/task.ts';
import { StoreError } from '../../errors.ts';
import { ShardedMap } from '../../ledger/shardedMap.ts';
import type {
  BatchQuery,
  BatchRow,
  Commit,
  ExpiredBatch,
  ExpiredBatchQuery,
  ExpiredResultQuery,
  LedgerHead,
  Payload,
  ResultQuery,
  ResultsSum,
  ScheduleQuery,
  ScheduleRow,
  StoredAgent,
  StoredResult,
  StoredSchedule,
  StoredTask,
  TaskQuery,
  TaskRow,
  TaskSelection
} from '../../store.ts';
import { isExternalKey } from '../../submission/taskKey.ts';
import { OrderedLog } from './orderedLog.ts';
import { SettledBatches } from './settledBatches.ts';

/** One result, or several of different attempts: an array for each task would cost more than its results. */
type Results = StoredResult | readonly StoredResult[];

/** A task's latest row, what never changes of it, and what came of it. */
interface TaskEntry {
  row: TaskRow;
  readonly payload: Payload;
  results: Results | null;
}

/** Tasks and results of a batch, found without looking at those of others. */
interface BatchEntry {
  /** Place in the order of creation. */
  readonly number: number;
  row: BatchRow | null;
  readonly tasks: OrderedLog<TaskEntry>;
  readonly results: OrderedLog<StoredResult>;
}

/** Tasks, and results, that one slice removes at most: some ms of the event loop. */
const sliceRows = 1_000;

const settledTask: ReadonlySet<TaskStatus> = new Set(['completed', 'failed', 'timedOut', 'cancelled']);
const settledBatch: ReadonlySet<BatchState> = new Set(['completed', 'failed', 'partial', 'cancelled']);

/** One fleet's rows in memory. Rows are immutable, so it keeps what it is given. */
export class MemoryScope {
  head: LedgerHead | null = null;
  readonly agents = new Map<string, StoredAgent>();
  readonly #schedules = new Map<string, StoredSchedule>();
  readonly #batches = new Map<string, BatchEntry>();
  #lastBatch = 0;
  readonly #settledBatches = new SettledBatches();
  /** Batches that are being removed: nobody sees their rows any more. */
  readonly #removing = new Map<string, BatchEntry>();
  readonly #tasks = new OrderedLog<TaskEntry>();
  readonly #tasksByKey = new ShardedMap<TaskEntry>();
  readonly #keyHolders = new ShardedMap<TaskEntry>();
  readonly #results = new OrderedLog<StoredResult>();
  /** Those that belong to no batch. */
  readonly #singleResults = new OrderedLog<StoredResult>();
  /** Results of tasks that are not here: they came from elsewhere. */
  readonly #strayResults = new Map<string, Results>();

  /** @throws {StoreError} with nothing changed, when a new task's number or one of its keys is taken. */
  apply(commit: Commit): void {
    this.#refuseOlder(commit);
    this.#refuseTaken(commit);
    for (const task of commit.newTasks) this.#addTask(task);
    for (const row of commit.tasks) {
      const entry = this.#tasks.get(row.context.seq);
      if (entry) entry.row = row;
    }
    for (const row of commit.batches) this.#setBatch(row);
    for (const result of commit.results) this.#addResult(result);
    for (const { id, row, template } of commit.schedules) {
      if (row === null) this.#schedules.delete(id);
      else this.#schedules.set(id, { row, template: template ?? this.#schedules.get(id)?.template ?? '' });
    }
    for (const agent of commit.agents) this.agents.set(agent.id, agent);
    this.head = commit.head;
  }

  /** The first slice takes the batch out of sight. @returns Whether anything is left of it. */
  removeBatch(id: string): boolean {
    const batch = this.#removing.get(id) ?? this.#hideBatch(id);
    if (!batch) return false;
    for (const { settledSeq, key } of first(batch.results, sliceRows)) {
      batch.results.remove(settledSeq);
      this.#results.remove(settledSeq);
      this.#strayResults.delete(key);
    }
    for (const entry of first(batch.tasks, sliceRows)) {
      batch.tasks.remove(entry.row.context.seq);
      this.#removeTask(entry);
    }
    const isLeft = batch.tasks.size + batch.results.size > 0;
    if (!isLeft) this.#removing.delete(id);
    return isLeft;
  }

  removing(): readonly string[] {
    return [...this.#removing.keys()];
  }

  expiredBatches(query: ExpiredBatchQuery): readonly ExpiredBatch[] {
    return this.#settledBatches.expired(query);
  }

  /** @returns Whether more may be left. */
  removeExpiredResults({ receivedBefore, upToSettledSeq }: ExpiredResultQuery): boolean {
    const expired: StoredResult[] = [];
    for (const result of this.#singleResults.after(0)) {
      if (expired.length === sliceRows || result.settledSeq > upToSettledSeq) break;
      if (result.receivedAt < receivedBefore) expired.push(result);
    }
    for (const result of expired) this.#removeSingle(result);
    return expired.length === sliceRows;
  }

  /** @returns Whether more may be left. */
  removeOutsideResults(upToSettledSeq: number): boolean {
    const found: StoredResult[] = [];
    for (const result of this.#singleResults.after(0)) {
      if (found.length === sliceRows || result.settledSeq > upToSettledSeq) break;
      if (isExternalKey(result.key)) found.push(result);
    }
    for (const result of found) this.#removeSingle(result);
    return found.length === sliceRows;
  }

  schedule(id: string): StoredSchedule | null {
    return this.#schedules.get(id) ?? null;
  }

  schedules(): readonly ScheduleRow[] {
    return [...this.#schedules.values()].map(({ row }) => row);
  }

  listSchedules({ limit, after }: ScheduleQuery): readonly ScheduleRow[] {
    // In the order that a database has them in: of their bytes, not of UTF-16.
    const ids = [...this.#schedules.keys()].map((id) => ({ id, bytes: Buffer.from(id) }));
    ids.sort((left, right) => left.bytes.compare(right.bytes));
    const last = after === undefined ? null : Buffer.from(after);
    const page = ids.filter(({ bytes }) => last === null || bytes.compare(last) > 0).slice(0, limit);
    return page.map(({ id }) => this.#schedules.get(id)!.row);
  }

  batch(id: string): BatchRow | null {
    return this.#batches.get(id)?.row ?? null;
  }

  liveBatches(): readonly BatchRow[] {
    return [...this.#batchRows()].filter((row) => !settledBatch.has(row.state));
  }

  listBatches(query: BatchQuery): readonly BatchRow[] {
    const found: BatchRow[] = [];
    // An id that is not there (any more) has no place in the order: nothing follows it.
    let isAfter = query.after === undefined;
    for (const row of this.#batchRows()) {
      if (isAfter && (query.status === undefined || row.state === query.status)) found.push(row);
      if (found.length >= query.limit) break;
      isAfter ||= row.context.id === query.after;
    }
    return found;
  }

  tasks(keys: readonly string[]): readonly StoredTask[] {
    return [...new Set(keys)].flatMap((key) => {
      const entry = this.#tasksByKey.get(key);
      return entry && !this.#isHidden(entry.row.context) ? [{ row: entry.row, payload: entry.payload }] : [];
    });
  }

  taskRows(selection: TaskSelection): readonly TaskRow[] {
    const entries =
      'keys' in selection
        ? [...new Set(selection.keys)].map((key) => this.#tasksByKey.get(key))
        : [...new Set(selection.seqs)].map((seq) => this.#tasks.get(seq));
    return entries.flatMap((entry) => (entry && !this.#isHidden(entry.row.context) ? [entry.row] : []));
  }

  /** Also those of batches that are being removed. */
  keyHolders(idempotencyKeys: readonly string[]): readonly StoredTask[] {
    return [...new Set(idempotencyKeys)].flatMap((key) => {
      const entry = this.#keyHolders.get(key);
      return entry ? [{ row: entry.row, payload: entry.payload }] : [];
    });
  }

  listTasks(query: TaskQuery): readonly StoredTask[] {
    const log = query.batchId === undefined ? this.#tasks : this.#batches.get(query.batchId)?.tasks;
    const found: StoredTask[] = [];
    for (const { row, payload } of log?.after(query.after ?? 0) ?? []) {
      if (this.#isHidden(row.context)) continue;
      if (query.status !== undefined && row.state !== query.status) continue;
      if (query.type !== undefined && row.context.type !== query.type) continue;
      if (found.push({ row, payload }) >= query.limit) break;
    }
    return found;
  }

  /** Tasks after a position that have not settled, at most `limit`. */
  liveTasks(after: number, limit: number): readonly TaskRow[] {
    const found: TaskRow[] = [];
    for (const { row } of this.#tasks.after(after)) {
      if (!settledTask.has(row.state) && found.push(row) >= limit) break;
    }
    return found;
  }

  payloads(seqs: readonly number[]): ReadonlyMap<number, Payload> {
    const found = new Map<number, Payload>();
    for (const seq of seqs) {
      const entry = this.#tasks.get(seq);
      if (entry) found.set(seq, entry.payload);
    }
    return found;
  }

  listResults(query: ResultQuery): readonly StoredResult[] {
    const log = query.batchId === undefined ? this.#results : this.#batches.get(query.batchId)?.results;
    const after = query.afterSettledSeq ?? 0;
    const results = query.order === 'newest' ? log?.newest(after) : log?.after(after);
    const found: StoredResult[] = [];
    let skip = query.offset ?? 0;
    for (const result of results ?? []) {
      if (this.#isHidden(result) || !isWanted(result, query)) continue;
      if (skip > 0) skip -= 1;
      else if (found.push(result) >= query.limit) break;
    }
    return found;
  }

  /** The task's results, oldest first. */
  resultsOf(key: string): readonly StoredResult[] {
    const own = this.#tasksByKey.get(key)?.results ?? [];
    const results = [this.#strayResults.get(key) ?? [], own].flat();
    return results.filter((result) => !this.#isHidden(result));
  }

  sumResults(afterSettledSeq: number): ResultsSum {
    let successCount = 0;
    let failureCount = 0;
    let totalDuration = 0;
    let oldestResult = Infinity;
    let newestResult = 0;
    let settledSeq = afterSettledSeq;
    let outcomes = '';
    for (const result of this.#results.after(afterSettledSeq)) {
      if (result.success) successCount += 1;
      else failureCount += 1;
      totalDuration += result.duration;
      oldestResult = Math.min(oldestResult, result.timestamp);
      newestResult = Math.max(newestResult, result.timestamp);
      settledSeq = result.settledSeq;
      outcomes = (outcomes + outcomesOf([result])).slice(-maxHealthWindow);
    }
    if (oldestResult === Infinity) oldestResult = 0;
    return { successCount, failureCount, totalDuration, oldestResult, newestResult, settledSeq, outcomes };
  }

  #refuseOlder({ head: { turn } }: Commit): void {
    const last = this.head?.turn ?? 0;
    if (turn > last) return;
    const message = `Turn ${turn} does not follow turn ${last}: another owner has written since`;
    throw new StoreError('ERR_STORE_FENCED', message, 'refused');
  }

  #refuseTaken({ newTasks }: Commit): void {
    const keys = new Set<string>();
    const idempotencyKeys = new Set<string>();
    for (const { row, payload } of newTasks) {
      const { key, seq } = row.context;
      const { idempotencyKey } = payload;
      if (keys.has(key) || this.#tasksByKey.has(key) || this.#tasks.get(seq) !== undefined) {
        const message = `There is a task ${JSON.stringify(key)} or number ${seq} already; nothing was written`;
        throw new StoreError('ERR_STORE_IO', message, 'refused');
      }
      keys.add(key);
      if (idempotencyKey === null) continue;
      if (idempotencyKeys.has(idempotencyKey) || this.#keyHolders.has(idempotencyKey)) {
        const message = `There is a task of idempotency key ${JSON.stringify(idempotencyKey)} already; nothing was written`;
        throw new StoreError('ERR_STORE_IO', message, 'refused');
      }
      idempotencyKeys.add(idempotencyKey);
    }
  }

  #addTask({ row, payload }: StoredTask): void {
    const { seq, key, batchId } = row.context;
    const entry: TaskEntry = { row, payload, results: null };
    this.#tasks.insert(seq, entry);
    this.#tasksByKey.set(key, entry);
    if (payload.idempotencyKey !== null) this.#keyHolders.set(payload.idempotencyKey, entry);
    if (batchId !== null) this.#batchEntry(batchId).tasks.insert(seq, entry);
  }

  #addResult(result: StoredResult): void {
    this.#results.insert(result.settledSeq, result);
    if (result.batchId === null) this.#singleResults.insert(result.settledSeq, result);
    else this.#batchEntry(result.batchId).results.insert(result.settledSeq, result);
    const task = this.#tasksByKey.get(result.key);
    if (task) task.results = added(task.results, result);
    else this.#strayResults.set(result.key, added(this.#strayResults.get(result.key) ?? null, result));
  }

  #setBatch(row: BatchRow): void {
    const entry = this.#batchEntry(row.context.id);
    this.#forgetSettled(entry);
    entry.row = row;
    const { id, settledAt } = row.context;
    if (settledAt !== null) this.#settledBatches.add({ id, settledAt, number: entry.number });
  }

  #forgetSettled({ row, number }: BatchEntry): void {
    const { id, settledAt } = row?.context ?? {};
    if (id !== undefined && settledAt != null) this.#settledBatches.delete({ id, settledAt, number });
  }

  #hideBatch(id: string): BatchEntry | undefined {
    const batch = this.#batches.get(id);
    if (!batch?.row || !settledBatch.has(batch.row.state)) return undefined;
    this.#forgetSettled(batch);
    this.#batches.delete(id);
    this.#removing.set(id, batch);
    return batch;
  }

  #isHidden({ batchId }: { readonly batchId: string | null }): boolean {
    return this.#removing.size > 0 && batchId !== null && this.#removing.has(batchId);
  }

  /** Removes a result that belongs to no batch, and its task if that has settled. */
  #removeSingle({ settledSeq, key }: StoredResult): void {
    this.#singleResults.remove(settledSeq);
    this.#results.remove(settledSeq);
    const others = this.resultsOf(key).filter((result) => result.settledSeq !== settledSeq);
    const task = this.#tasksByKey.get(key);
    if (task && settledTask.has(task.row.state)) {
      this.#removeTask(task);
    } else if (task) task.results = null;
    if (others.length > 0) this.#strayResults.set(key, others);
    else this.#strayResults.delete(key);
  }

  #removeTask({ row, payload }: TaskEntry): void {
    this.#tasks.remove(row.context.seq);
    this.#tasksByKey.delete(row.context.key);
    if (payload.idempotencyKey !== null) this.#keyHolders.delete(payload.idempotencyKey);
  }

  #batchEntry(id: string): BatchEntry {
    let entry = this.#batches.get(id);
    if (!entry) {
      this.#lastBatch += 1;
      entry = { number: this.#lastBatch, row: null, tasks: new OrderedLog(), results: new OrderedLog() };
      this.#batches.set(id, entry);
    }
    return entry;
  }

  *#batchRows(): Generator<BatchRow, void, undefined> {
    for (const { row } of this.#batches.values()) if (row) yield row;
  }
}

/** The first items, to be removed from where they are. */
function first<T>(log: OrderedLog<T>, count: number): readonly T[] {
  const items: T[] = [];
  for (const item of log.after(0)) if (items.push(item) >= count) break;
  return items;
}

function isWanted(result: StoredResult, { workerId, success, taskType, since, until }: ResultQuery): boolean {
  return (
    (workerId === undefined || result.workerId === workerId) &&
    (success === undefined || result.success === success) &&
    (taskType === undefined || result.type === taskType) &&
    (since === undefined || result.receivedAt >= since) &&
    (until === undefined || result.receivedAt < until)
  );
}

function added(results: Results | null, result: StoredResult): Results {
  return results === null ? result : [results, result].flat();
}
