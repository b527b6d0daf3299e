import type { BatchQuery, ExpiredBatchQuery, ResultQuery, TaskQuery } from '../../store.ts';
import type { FinalTaskStatus } from '../../../machines/task.ts';
import { type Cell } from './cells.ts';
import { agentColumns, batchColumns, headColumns } from './fleetRows.ts';
import { resultColumns } from './resultRows.ts';
import { isFinal, storedTaskColumns, taskColumns } from './taskRows.ts';
import { numberIn, scopeSpan } from './schema.ts';
import type { Statements } from './statements.ts';

/** Rows as they are posted: one array of cells each. */
export type Rows = readonly (readonly Cell[])[];

const liveBatchStates = "('accepting', 'pending', 'processing', 'paused', 'cancelling')";
export const settledBatchStates = "('completed', 'failed', 'partial', 'cancelled')";

/** SQL for whether a row is of no batch that is being removed: in the same statement, so that it is seen whole or not. */
const isKept = (row: string): string =>
  `NOT EXISTS (SELECT 1 FROM removals r WHERE r.scope = ${row}.scope AND r.batch = ${row}.batch)`;

const liveTaskPage =
  `SELECT max(c0), json_group_array(json_array(${taskColumns.map((_, index) => `c${index}`).join(', ')})) FROM (` +
  `SELECT ${taskColumns.map((column, index) => `${column} AS c${index}`).join(', ')} ` +
  'FROM tasks t INDEXED BY tasks_live ' +
  'WHERE t.outcome IS NULL AND t.id > ? AND t.id < ? ORDER BY t.id LIMIT ?)';

/** Reads committed rows. Each query goes through an index or a range of ids, and is over when it returns. */
export class RowReader {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** A fleet's number in this file, or `undefined` when there is none of that name. */
  scopeNumber(scope: string): number | undefined {
    return this.#statements.get('SELECT number FROM scopes WHERE name = ?', scope)?.[0] as number | undefined;
  }

  scopes(): readonly string[] {
    return this.#statements.all('SELECT name FROM scopes ORDER BY number').map(([name]) => name as string);
  }

  head(scope: number): readonly Cell[] {
    return this.#statements.get(`SELECT ${headColumns} FROM scopes WHERE number = ?`, scope) ?? [null];
  }

  agents(scope: number): Rows {
    return this.#statements.all(`SELECT ${agentColumns} FROM agents WHERE scope = ?`, scope);
  }

  liveBatches(scope: number): Rows {
    const sql = `SELECT ${batchColumns} FROM batches WHERE scope = ? AND state IN ${liveBatchStates} ORDER BY id`;
    return this.#statements.all(sql, scope);
  }

  /** Batches whose removal was begun and has not ended. */
  removing(scope: number): readonly string[] {
    return this.#statements
      .all('SELECT batch FROM removals WHERE scope = ?', scope)
      .map(([batch]) => batch as string);
  }

  batch(scope: number, id: string): readonly Cell[] | null {
    const sql = `SELECT ${batchColumns} FROM batches WHERE scope = ? AND name = ?`;
    return this.#statements.get(sql, scope, id) ?? null;
  }

  batches(scope: number, { status, after, limit }: BatchQuery): Rows {
    const base = scope * scopeSpan;
    let first: number | undefined = base;
    if (after !== undefined) {
      const sql = 'SELECT id FROM batches WHERE scope = ? AND name = ?';
      first = this.#statements.get(sql, scope, after)?.[0] as number | undefined;
      // An id that is not there (any more) has no place in the order: nothing follows it.
      if (first === undefined) return [];
    }
    const from = `SELECT ${batchColumns} FROM batches`;
    return status === undefined
      ? this.#statements.all(
          `${from} WHERE id > ? AND id < ? ORDER BY id LIMIT ?`,
          first,
          base + scopeSpan,
          limit
        )
      : this.#statements.all(
          `${from} WHERE scope = ? AND state = ? AND id > ? ORDER BY id LIMIT ?`,
          scope,
          status,
          first,
          limit
        );
  }

  /** Name and time of settlement, the first that settled first. */
  expiredBatches(scope: number, { settledBefore, keep, limit }: ExpiredBatchQuery): Rows {
    const tooOld = settledBefore === null ? undefined : [settledBefore, 0];
    const tooMany = keep === null ? undefined : this.#lastBeyond(scope, keep);
    const last = later(tooOld, tooMany);
    if (!last) return [];
    const sql =
      'SELECT name, settled_at FROM batches INDEXED BY batches_settled ' +
      'WHERE scope = ? AND settled_at IS NOT NULL AND (settled_at, id) <= (?, ?) ORDER BY settled_at, id LIMIT ?';
    return this.#statements.all(sql, scope, ...last, limit);
  }

  tasks(scope: number, keys: readonly string[]): Rows {
    const sql =
      `SELECT ${storedTaskColumns} FROM json_each(?) k CROSS JOIN tasks t ON t.scope = ? AND t.key = k.value ` +
      `JOIN payloads p ON p.id = t.id WHERE ${isKept('t')}`;
    return this.#statements.all(sql, JSON.stringify([...new Set(keys)]), scope);
  }

  listTasks(scope: number, query: TaskQuery): Rows {
    const range = this.#taskRange(scope, query);
    if (!range) return [];
    const where = ['t.id > ?', 't.id <= ?', isKept('t')];
    const values: Cell[] = [...range];
    const narrow = (term: string, value?: Cell) => {
      where.push(term);
      if (value !== undefined) values.push(value);
    };
    if (query.batchId !== undefined) narrow('t.batch = ?', query.batchId);
    if (query.type !== undefined) narrow('t.type = ?', query.type);
    if (query.status !== undefined) narrow(...outcomeTerm(query.status));
    const sql =
      `SELECT ${storedTaskColumns} FROM tasks t ${taskIndex(query)} CROSS JOIN payloads p ON p.id = t.id ` +
      `WHERE ${where.join(' AND ')} ORDER BY t.id LIMIT ?`;
    return this.#statements.all(sql, ...values, query.limit);
  }

  /** Seq of the last task of a page, `null` when there is none, and the page: see {@link decodeTaskPage}. */
  liveTasks(scope: number, after: number, limit: number): readonly Cell[] {
    const base = scope * scopeSpan;
    return this.#statements.get(liveTaskPage, base + after, base + scopeSpan, limit)!;
  }

  payloads(scope: number, seqs: readonly number[]): Rows {
    const sql =
      `SELECT ${numberIn('p.id')}, p.data, p.metadata FROM json_each(?) s ` +
      'CROSS JOIN payloads p ON p.id = s.value + ?';
    return this.#statements.all(sql, JSON.stringify(seqs), scope * scopeSpan);
  }

  results(scope: number, query: ResultQuery): Rows {
    const base = scope * scopeSpan;
    const { batchId, workerId, success, since } = query;
    let after = base + (query.afterSettledSeq ?? 0);
    if (since !== undefined) after = Math.max(after, this.#beforeFirstSince(base, since));
    const where = ['id > ?', 'id < ?', isKept('results')];
    const values: Cell[] = [after, base + scopeSpan];
    const narrow = (term: string, ...added: readonly Cell[]) => {
      where.push(term);
      values.push(...added);
    };
    if (batchId !== undefined) narrow('scope = ? AND batch = ?', scope, batchId);
    if (workerId !== undefined) narrow('worker = ?', workerId);
    if (since !== undefined) narrow('received_at >= ?', since);
    // Literal, because an index over failures alone is found only by its own condition.
    if (success !== undefined) narrow(success ? 'success = 1' : 'success = 0');
    const sql =
      `SELECT ${resultColumns} FROM results ${resultIndex(query)} WHERE ${where.join(' AND ')} ` +
      `ORDER BY id ${query.order === 'newest' ? 'DESC' : 'ASC'} LIMIT ? OFFSET ?`;
    return this.#statements.all(sql, ...values, query.limit, query.offset ?? 0);
  }

  /** The latest result of a task. */
  result(scope: number, key: string): readonly Cell[] | null {
    const sql = `SELECT ${resultColumns} FROM results WHERE scope = ? AND key = ? AND ${isKept('results')} ORDER BY id DESC LIMIT 1`;
    return this.#statements.get(sql, scope, key) ?? null;
  }

  hasResult(scope: number, workerId: string, key: string, attempt: number): boolean {
    const sql = 'SELECT 1 FROM results WHERE scope = ? AND key = ? AND worker = ? AND attempts = ?';
    return this.#statements.get(sql, scope, key, workerId, attempt) !== undefined;
  }

  /** Successes, failures, duration, oldest and newest timestamp, last number. */
  sumResults(scope: number, afterSettledSeq: number): readonly Cell[] {
    const base = scope * scopeSpan;
    const sql =
      'SELECT ifnull(sum(success), 0), count(*) - ifnull(sum(success), 0), total(duration), ' +
      `ifnull(min(timestamp), 0), ifnull(max(timestamp), 0), ${numberIn('max(id)')} ` +
      'FROM results WHERE id > ? AND id < ?';
    return this.#statements.get(sql, base + afterSettledSeq, base + scopeSpan)!;
  }

  /** The last settled batch, by time and id, after which so many have settled. */
  #lastBeyond(scope: number, keep: number): number[] | undefined {
    const sql =
      'SELECT settled_at, id FROM batches INDEXED BY batches_settled ' +
      'WHERE scope = ? AND settled_at IS NOT NULL ORDER BY settled_at DESC, id DESC LIMIT 1 OFFSET ?';
    return this.#statements.get(sql, scope, keep) as number[] | undefined;
  }

  /** Ids that the tasks of a query can have: greater than the first, up to the second. */
  #taskRange(scope: number, { batchId, after = 0 }: TaskQuery): [number, number] | undefined {
    const base = scope * scopeSpan;
    if (batchId === undefined) return [base + after, base + scopeSpan - 1];
    const sql = 'SELECT first_seq, last_seq FROM batches WHERE scope = ? AND name = ?';
    const [first, last] = (this.#statements.get(sql, scope, batchId) ?? []) as number[];
    if (first === undefined || last === undefined) return undefined;
    return [base + Math.max(after, first - 1), base + last];
  }

  /**
   * An id after which all results that were received since a time are found.
   *
   * `received_high` never falls, so the first row where it reaches the time is found by bisection, in at most
   * 43 look-ups of a row.
   */
  #beforeFirstSince(base: number, since: number): number {
    const newest = this.#statements.get(
      'SELECT id FROM results WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1',
      base,
      base + scopeSpan
    )?.[0] as number | undefined;
    let [low, high] = [base, newest ?? base];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const sql = 'SELECT id, received_high FROM results WHERE id > ? ORDER BY id LIMIT 1';
      const [id, receivedHigh] = this.#statements.get(sql, middle) as [number, number];
      // Rows between `middle` and `id` were removed: the next look need not fall among them.
      if (receivedHigh < since) low = id;
      else high = middle;
    }
    return low;
  }
}

/** The later of two times and ids, as far as there are any. */
function later(left: number[] | undefined, right: number[] | undefined): number[] | undefined {
  if (!left || !right) return left ?? right;
  const [leftAt, leftId] = left as [number, number];
  const [rightAt, rightId] = right as [number, number];
  return leftAt > rightAt || (leftAt === rightAt && leftId > rightId) ? left : right;
}

function outcomeTerm(status: NonNullable<TaskQuery['status']>): [term: string, value: Cell] {
  if (!isFinal(status)) return ['t.outcome IS NULL AND t.state = ?', status];
  return isUnhappy(status)
    ? ["t.outcome <> 'completed' AND t.outcome = ?", status]
    : ['t.outcome = ?', status];
}

function isUnhappy(status: FinalTaskStatus): boolean {
  return status !== 'completed';
}

/** Named rather than left to the planner, which knows nothing of how many rows each condition leaves. */
function taskIndex({ status }: TaskQuery): string {
  if (status === undefined || status === 'completed') return 'NOT INDEXED';
  return isFinal(status) ? 'INDEXED BY tasks_unhappy' : 'INDEXED BY tasks_live';
}

function resultIndex({ batchId, success }: ResultQuery): string {
  if (success === false)
    return batchId === undefined ? 'INDEXED BY results_failed' : 'INDEXED BY results_failed_batch';
  return batchId === undefined ? 'NOT INDEXED' : 'INDEXED BY results_batch';
}
