import type { BatchState } from '../../../machines/batch.ts';
import type { TaskStatus } from '../../../machines/task.ts';
import { StoreError } from '../../errors.ts';
import type {
  BatchQuery,
  BatchRow,
  Commit,
  LedgerHead,
  Payload,
  ResultQuery,
  ResultsSum,
  StoredAgent,
  StoredResult,
  StoredTask,
  TaskQuery,
  TaskRow
} from '../../store.ts';
import { OrderedLog } from './orderedLog.ts';

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
  row: BatchRow | null;
  readonly tasks: OrderedLog<TaskEntry>;
  readonly results: OrderedLog<StoredResult>;
}

const settledTask: ReadonlySet<TaskStatus> = new Set(['completed', 'failed', 'timedOut', 'cancelled']);
const settledBatch: ReadonlySet<BatchState> = new Set(['completed', 'failed', 'partial', 'cancelled']);

/** One fleet's rows in memory. Rows are immutable, so it keeps what it is given. */
export class MemoryScope {
  head: LedgerHead | null = null;
  readonly agents = new Map<string, StoredAgent>();
  readonly #batches = new Map<string, BatchEntry>();
  readonly #tasks = new OrderedLog<TaskEntry>();
  readonly #tasksByKey = new Map<string, TaskEntry>();
  readonly #results = new OrderedLog<StoredResult>();
  /** Results of tasks that are not here: they came from elsewhere. */
  readonly #strayResults = new Map<string, Results>();

  /** @throws {StoreError} with nothing changed, when a new task's key or number is taken. */
  apply(commit: Commit): void {
    this.#refuseOlder(commit);
    this.#refuseTaken(commit);
    for (const id of commit.removedBatches) this.#removeBatch(id);
    for (const task of commit.newTasks) this.#addTask(task);
    for (const row of commit.tasks) {
      const entry = this.#tasks.get(row.context.seq);
      if (entry) entry.row = row;
    }
    for (const row of commit.batches) this.#batchEntry(row.context.id).row = row;
    for (const result of commit.results) this.#addResult(result);
    for (const agent of commit.agents) this.agents.set(agent.id, agent);
    this.head = commit.head;
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
      return entry ? [{ row: entry.row, payload: entry.payload }] : [];
    });
  }

  listTasks(query: TaskQuery): readonly StoredTask[] {
    const log = query.batchId === undefined ? this.#tasks : this.#batches.get(query.batchId)?.tasks;
    const found: StoredTask[] = [];
    for (const { row, payload } of log?.after(query.after ?? 0) ?? []) {
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
      if (!isWanted(result, query)) continue;
      if (skip > 0) skip -= 1;
      else if (found.push(result) >= query.limit) break;
    }
    return found;
  }

  /** The task's results, oldest first. */
  resultsOf(key: string): readonly StoredResult[] {
    const own = this.#tasksByKey.get(key)?.results ?? [];
    return [this.#strayResults.get(key) ?? [], own].flat();
  }

  sumResults(afterSettledSeq: number): ResultsSum {
    let successCount = 0;
    let failureCount = 0;
    let totalDuration = 0;
    let oldestResult = Infinity;
    let newestResult = 0;
    let settledSeq = afterSettledSeq;
    for (const result of this.#results.after(afterSettledSeq)) {
      if (result.success) successCount += 1;
      else failureCount += 1;
      totalDuration += result.duration;
      oldestResult = Math.min(oldestResult, result.timestamp);
      newestResult = Math.max(newestResult, result.timestamp);
      settledSeq = result.settledSeq;
    }
    if (oldestResult === Infinity) oldestResult = 0;
    return { successCount, failureCount, totalDuration, oldestResult, newestResult, settledSeq };
  }

  #refuseOlder({ head: { turn } }: Commit): void {
    const last = this.head?.turn ?? 0;
    if (turn > last) return;
    const message = `Turn ${turn} does not follow turn ${last}: another owner has written since`;
    throw new StoreError('ERR_STORE_FENCED', message, 'refused');
  }

  #refuseTaken({ newTasks, removedBatches }: Commit): void {
    if (newTasks.length === 0) return;
    const removed = new Set<string | null>(removedBatches);
    const keys = new Set<string>();
    const isTaken = (entry: TaskEntry | undefined) =>
      entry !== undefined && !removed.has(entry.row.context.batchId);
    for (const { row } of newTasks) {
      const { key, seq } = row.context;
      if (keys.has(key) || isTaken(this.#tasksByKey.get(key)) || isTaken(this.#tasks.get(seq))) {
        const message = `There is a task ${JSON.stringify(key)} or number ${seq} already; nothing was written`;
        throw new StoreError('ERR_STORE_IO', message, 'refused');
      }
      keys.add(key);
    }
  }

  #addTask({ row, payload }: StoredTask): void {
    const { seq, key, batchId } = row.context;
    const entry: TaskEntry = { row, payload, results: null };
    this.#tasks.insert(seq, entry);
    this.#tasksByKey.set(key, entry);
    if (batchId !== null) this.#batchEntry(batchId).tasks.insert(seq, entry);
  }

  #addResult(result: StoredResult): void {
    this.#results.insert(result.settledSeq, result);
    if (result.batchId !== null) this.#batchEntry(result.batchId).results.insert(result.settledSeq, result);
    const task = this.#tasksByKey.get(result.key);
    if (task) task.results = added(task.results, result);
    else this.#strayResults.set(result.key, added(this.#strayResults.get(result.key) ?? null, result));
  }

  #removeBatch(id: string): void {
    const batch = this.#batches.get(id);
    if (!batch) return;
    for (const { row } of batch.tasks.after(0)) {
      this.#tasks.remove(row.context.seq);
      this.#tasksByKey.delete(row.context.key);
    }
    for (const { settledSeq, key } of batch.results.after(0)) {
      this.#results.remove(settledSeq);
      this.#strayResults.delete(key);
    }
    this.#batches.delete(id);
  }

  #batchEntry(id: string): BatchEntry {
    let entry = this.#batches.get(id);
    if (!entry) {
      entry = { row: null, tasks: new OrderedLog(), results: new OrderedLog() };
      this.#batches.set(id, entry);
    }
    return entry;
  }

  *#batchRows(): Generator<BatchRow, void, undefined> {
    for (const { row } of this.#batches.values()) if (row) yield row;
  }
}

function isWanted(result: StoredResult, { workerId, success, since }: ResultQuery): boolean {
  return (
    (workerId === undefined || result.workerId === workerId) &&
    (success === undefined || result.success === success) &&
    (since === undefined || result.receivedAt >= since)
  );
}

function added(results: Results | null, result: StoredResult): Results {
  return results === null ? result : [results, result].flat();
}
