import { isFinalBatchState } from '../../../machines/batch.ts';
import { maxHealthWindow, outcomesOf } from '../../../machines/outcomes.ts';
import { isFinalTaskStatus } from '../../../machines/task.ts';
import { FencedError, StoreError } from '../../errors.ts';
import { ShardedMap } from '../../ledger/shardedMap.ts';
import type {
  BatchQuery,
  BatchRow,
  Commit,
  ExpiredBatch,
  ExpiredBatchQuery,
  ExpiredResultQuery,
  LedgerHead,
  NewResult,
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
import { NumberRanges } from './numberRanges.ts';
import { OrderedLog } from './orderedLog.ts';
import { SettledBatches } from './settledBatches.ts';
import { TaskRecords } from './taskRecords.ts';

/** Tasks and results of a batch, found without looking at those of others. */
interface BatchEntry {
  /** Place in the order of creation. */
  readonly number: number;
  row: BatchRow | null;
  /** Their `seq`. */
  readonly tasks: NumberRanges;
  /** Their `settledSeq`. */
  readonly results: NumberRanges;
}

/** Tasks, and results, that one slice removes at most: some ms of the event loop. */
const sliceRows = 1_000;

/** One fleet's rows in memory. */
export class MemoryScope {
  head: LedgerHead | null = null;
  readonly agents = new Map<string, StoredAgent>();
  readonly #schedules = new Map<string, StoredSchedule>();
  readonly #batches = new Map<string, BatchEntry>();
  #lastBatch = 0;
  readonly #settledBatches = new SettledBatches();
  /** Batches that are being removed: nobody sees their rows any more. */
  readonly #removing = new Map<string, BatchEntry>();
  readonly #tasks = new TaskRecords();
  /** The `seq` of each. */
  readonly #seqs = new NumberRanges();
  readonly #seqsByKey = new ShardedMap<number>();
  readonly #keyHolders = new ShardedMap<number>();
  /** The `settledSeq` of each result. */
  readonly #settledSeqs = new NumberRanges();
  /** By `settledSeq`: the `seq` of the task whose row accounts for the result, or the result. */
  readonly #results = new OrderedLog<number | StoredResult>();
  /** The `settledSeq` of those that belong to no batch. */
  readonly #singleResults = new NumberRanges();
  /** By the key of their task, those for which no row accounts: it failed, or they came from elsewhere. */
  readonly #ownResults = new Map<string, readonly StoredResult[]>();

  /** @throws {StoreError} with nothing changed, when a new task's number or one of its keys is taken. */
  apply(commit: Commit): void {
    this.#refuseOlder(commit);
    this.#takeKeys(commit);
    for (const task of commit.newTasks) this.#addTask(task);
    for (const row of commit.tasks) this.#tasks.set(row);
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
    for (const settledSeq of first(batch.results, sliceRows)) {
      const result = this.#results.get(settledSeq);
      if (typeof result === 'object') this.#ownResults.delete(result.key);
      batch.results.remove(settledSeq);
      this.#settledSeqs.remove(settledSeq);
      this.#results.remove(settledSeq);
    }
    // Once no result is left that a task's row accounts for.
    for (const seq of batch.results.size > 0 ? [] : first(batch.tasks, sliceRows)) {
      batch.tasks.remove(seq);
      this.#removeTask(seq);
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
    for (const settledSeq of this.#singleResults.after(0)) {
      if (expired.length === sliceRows || settledSeq > upToSettledSeq) break;
      const result = this.#resultAt(settledSeq);
      if (result.receivedAt < receivedBefore) expired.push(result);
    }
    for (const result of expired) this.#removeSingle(result);
    return expired.length === sliceRows;
  }

  /** @returns Whether more may be left. */
  removeOutsideResults(upToSettledSeq: number): boolean {
    const found: StoredResult[] = [];
    for (const settledSeq of this.#singleResults.after(0)) {
      if (found.length === sliceRows || settledSeq > upToSettledSeq) break;
      const result = this.#resultAt(settledSeq);
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
    return [...this.#batchRows()].filter((row) => !isFinalBatchState(row.state));
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
      const task = this.#task(this.#seqsByKey.get(key));
      return task && !this.#isHidden(task.row.context.batchId) ? [task] : [];
    });
  }

  taskRows(selection: TaskSelection): readonly TaskRow[] {
    const seqs = 'keys' in selection ? selection.keys.map((key) => this.#seqsByKey.get(key)) : selection.seqs;
    return [...new Set(seqs)].flatMap((seq) => {
      const row = seq === undefined ? undefined : this.#tasks.row(seq);
      return row && !this.#isHidden(row.context.batchId) ? [row] : [];
    });
  }

  /** Also those of batches that are being removed. */
  keyHolders(idempotencyKeys: readonly string[]): readonly StoredTask[] {
    return [...new Set(idempotencyKeys)].flatMap((key) => this.#task(this.#keyHolders.get(key)) ?? []);
  }

  listTasks(query: TaskQuery): readonly StoredTask[] {
    const seqs = query.batchId === undefined ? this.#seqs : this.#batches.get(query.batchId)?.tasks;
    const found: StoredTask[] = [];
    for (const seq of seqs?.after(query.after ?? 0) ?? []) {
      if (query.status !== undefined && this.#tasks.state(seq) !== query.status) continue;
      const task = this.#task(seq)!;
      const { batchId, type } = task.row.context;
      if (this.#isHidden(batchId)) continue;
      if (query.type !== undefined && type !== query.type) continue;
      if (found.push(task) >= query.limit) break;
    }
    return found;
  }

  /** Tasks after a position that have not settled, at most `limit`. */
  liveTasks(after: number, limit: number): readonly TaskRow[] {
    const found: TaskRow[] = [];
    for (const seq of this.#seqs.after(after)) {
      if (!isFinalTaskStatus(this.#tasks.state(seq)) && found.push(this.#tasks.row(seq)!) >= limit) break;
    }
    return found;
  }

  payloads(seqs: readonly number[]): ReadonlyMap<number, Payload> {
    const found = new Map<number, Payload>();
    for (const seq of seqs) {
      const payload = this.#tasks.payload(seq);
      if (payload) found.set(seq, payload);
    }
    return found;
  }

  listResults(query: ResultQuery): readonly StoredResult[] {
    const settledSeqs =
      query.batchId === undefined ? this.#settledSeqs : this.#batches.get(query.batchId)?.results;
    if (!settledSeqs) return [];
    const after = query.afterSettledSeq ?? 0;
    const found: StoredResult[] = [];
    let skip = query.offset ?? 0;
    for (const settledSeq of query.order === 'newest'
      ? settledSeqs.newest(after)
      : settledSeqs.after(after)) {
      const result = this.#resultAt(settledSeq);
      if (this.#isHidden(result.batchId) || !isWanted(result, query)) continue;
      if (skip > 0) skip -= 1;
      else if (found.push(result) >= query.limit) break;
    }
    return found;
  }

  /** The task's results, oldest first. */
  resultsOf(key: string): readonly StoredResult[] {
    const seq = this.#seqsByKey.get(key);
    const told = seq === undefined ? undefined : this.#tasks.result(seq);
    const own = this.#ownResults.get(key) ?? [];
    const results = told === undefined ? own : [...own, told];
    return results.filter(({ batchId }) => !this.#isHidden(batchId));
  }

  sumResults(afterSettledSeq: number): ResultsSum {
    let successCount = 0;
    let failureCount = 0;
    let totalDuration = 0;
    let oldestResult = Infinity;
    let newestResult = 0;
    let settledSeq = afterSettledSeq;
    let outcomes = '';
    for (const position of this.#settledSeqs.after(afterSettledSeq)) {
      const result = this.#resultAt(position);
      if (result.success) successCount += 1;
      else failureCount += 1;
      totalDuration += result.duration;
      oldestResult = Math.min(oldestResult, result.timestamp);
      newestResult = Math.max(newestResult, result.timestamp);
      settledSeq = position;
      outcomes = (outcomes + outcomesOf([result])).slice(-maxHealthWindow);
    }
    if (oldestResult === Infinity) oldestResult = 0;
    return { successCount, failureCount, totalDuration, oldestResult, newestResult, settledSeq, outcomes };
  }

  #refuseOlder({ scope, head: { turn } }: Commit): void {
    const last = this.head?.turn ?? 0;
    if (turn > last) return;
    throw FencedError.ofFleet(
      scope,
      `turn ${turn} does not follow turn ${last}, another owner has written since`
    );
  }

  /** Takes the keys of new tasks; of none, when one of them is taken already. */
  #takeKeys({ newTasks }: Commit): void {
    for (const [index, task] of newTasks.entries()) {
      const taken = this.#takeKeysOf(task);
      if (taken === null) continue;
      for (const { row, payload } of newTasks.slice(0, index)) this.#giveKeysBack(row.context.key, payload);
      throw new StoreError(
        'ERR_STORE_IO',
        `There is a task ${taken} already; nothing was written`,
        'refused'
      );
    }
  }

  /** @returns What of it is taken already, so that it took none; `null`: nothing. */
  #takeKeysOf({ row, payload: { idempotencyKey } }: StoredTask): string | null {
    const { key, seq } = row.context;
    if (this.#tasks.has(seq) || !this.#seqsByKey.setNew(key, seq)) {
      return `${JSON.stringify(key)} or number ${seq}`;
    }
    if (idempotencyKey === null || this.#keyHolders.setNew(idempotencyKey, seq)) return null;
    this.#seqsByKey.delete(key);
    return `of idempotency key ${JSON.stringify(idempotencyKey)}`;
  }

  #giveKeysBack(key: string, { idempotencyKey }: Payload): void {
    this.#seqsByKey.delete(key);
    if (idempotencyKey !== null) this.#keyHolders.delete(idempotencyKey);
  }

  #addTask(task: StoredTask): void {
    const { seq, batchId } = task.row.context;
    this.#tasks.add(task);
    this.#seqs.add(seq);
    if (batchId !== null) this.#batchEntry(batchId).tasks.add(seq);
  }

  #addResult(result: NewResult): void {
    const { seq, settledSeq, batchId, key } = result;
    this.#settledSeqs.add(settledSeq);
    if (batchId === null) this.#singleResults.add(settledSeq);
    else this.#batchEntry(batchId).results.add(settledSeq);
    if (seq !== null && this.#tasks.settle(seq, result)) this.#results.insert(settledSeq, seq);
    else {
      const { seq: _, ...own } = result;
      this.#results.insert(settledSeq, own);
      this.#ownResults.set(key, [...(this.#ownResults.get(key) ?? []), own]);
    }
  }

  #task(seq: number | undefined): StoredTask | undefined {
    const row = seq === undefined ? undefined : this.#tasks.row(seq);
    return row && { row, payload: this.#tasks.payload(row.context.seq)! };
  }

  /** @param settledSeq - Of a result that is there. */
  #resultAt(settledSeq: number): StoredResult {
    const result = this.#results.get(settledSeq)!;
    return typeof result === 'number' ? this.#tasks.result(result)! : result;
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
    if (!batch?.row || !isFinalBatchState(batch.row.state)) return undefined;
    this.#forgetSettled(batch);
    this.#batches.delete(id);
    this.#removing.set(id, batch);
    return batch;
  }

  #isHidden(batchId: string | null): boolean {
    return this.#removing.size > 0 && batchId !== null && this.#removing.has(batchId);
  }

  /** Removes a result that belongs to no batch, and its task if that has settled. */
  #removeSingle({ settledSeq, key }: StoredResult): void {
    this.#singleResults.remove(settledSeq);
    this.#settledSeqs.remove(settledSeq);
    this.#results.remove(settledSeq);
    const others = (this.#ownResults.get(key) ?? []).filter((result) => result.settledSeq !== settledSeq);
    if (others.length > 0) this.#ownResults.set(key, others);
    else this.#ownResults.delete(key);
    const seq = this.#seqsByKey.get(key);
    if (seq !== undefined && isFinalTaskStatus(this.#tasks.state(seq))) this.#removeTask(seq);
  }

  #removeTask(seq: number): void {
    const task = this.#task(seq)!;
    this.#giveKeysBack(task.row.context.key, task.payload);
    this.#seqs.remove(seq);
    this.#tasks.remove(seq);
  }

  #batchEntry(id: string): BatchEntry {
    let entry = this.#batches.get(id);
    if (!entry) {
      this.#lastBatch += 1;
      entry = { number: this.#lastBatch, row: null, tasks: new NumberRanges(), results: new NumberRanges() };
      this.#batches.set(id, entry);
    }
    return entry;
  }

  *#batchRows(): Generator<BatchRow, void, undefined> {
    for (const { row } of this.#batches.values()) if (row) yield row;
  }
}

/** The first numbers, to be removed from where they are. */
function first(numbers: NumberRanges, count: number): readonly number[] {
  const found: number[] = [];
  for (const number of numbers.after(0)) if (found.push(number) >= count) break;
  return found;
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
