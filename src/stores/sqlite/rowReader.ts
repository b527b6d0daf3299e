import type {
  BatchQuery,
  ExpiredBatchQuery,
  ResultQuery,
  ResultRef,
  ScheduleQuery,
  TaskQuery,
  TaskSelection
} from '../../store.ts';
import { maxHealthWindow, outcomesOf } from '../../../machines/outcomes.ts';
import { isFinalTaskStatus, type FinalTaskStatus } from '../../../machines/task.ts';
import { liveStates } from '../batchStateLists.ts';
import type { Cell } from '../cells.ts';
import { damaged } from './damage.ts';
import {
  agentCellsAndSum,
  agentCheck,
  batchCellsAndSum,
  batchCheck,
  removalCellsAndSum,
  removalCheck,
  scopeCellsAndSum,
  scopeCheck,
  type RemovalRange
} from './fleetRows.ts';
import { resultCellsAndSum, resultCheck } from './resultRows.ts';
import { inOrder, type Rows } from './rowCheck.ts';
import { scheduleCellsAndSum, scheduleCheck, templateCellsAndSum, templateCheck } from './scheduleRows.ts';
import {
  payloadCellsAndSums,
  payloadCheck,
  storedTaskCellsAndSums,
  storedTaskCheck,
  taskAndSumNames,
  taskCellsAndSums,
  taskCheck
} from './taskRows.ts';
import { blockIn, blockSpan, numberIn, scopeIn, scopeSpan } from './schema.ts';
import type { Statements } from './statements.ts';
import { decodeResult } from '../rowCells.ts';

/** SQL for whether a row is of no batch that is being removed: in the same statement, so that it is seen whole or not. */
const isKept = (row: string): string =>
  `NOT EXISTS (SELECT 1 FROM removals r WHERE r.scope = ${row}.scope AND r.batch = ${row}.batch)`;

/** A page as one JSON text: it is made, parsed and posted in less than half the time that arrays of cells take. */
const liveTaskPage =
  `SELECT max(${taskAndSumNames[0]}), json_group_array(json_array(${taskAndSumNames.join(', ')})) FROM (` +
  `SELECT ${taskCellsAndSums.map((cell, index) => `${cell} AS ${taskAndSumNames[index]}`).join(', ')} ` +
  'FROM tasks t INDEXED BY tasks_live ' +
  'WHERE t.outcome IS NULL AND t.id > ? AND t.id < ? ORDER BY t.id LIMIT ?)';

/** Results that are added up at once. */
const sumPage = 1_000;

/**
 * Reads committed rows, each compared with its checksum.
 *
 * Each query goes through an index or a range of ids, and is over when it returns: no statement stays open
 * between calls, so none of them keeps the log from being written back.
 *
 * Every method throws a `DamageError` for a row that is not as it was written.
 */
export class RowReader {
  readonly #statements: Statements;
  readonly #numbers = new Map<string, number>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** A fleet's number in this file, or `undefined` when there is none of that name. */
  scopeNumber(scope: string): number | undefined {
    const known = this.#numbers.get(scope);
    // It may have been removed, here or in another thread or process.
    if (known !== undefined && this.#nameOf(known) === scope) return known;
    this.#numbers.delete(scope);
    // Not through the index: damaged, it would make a fleet that is there look new.
    let unreadable: number | undefined;
    for (const [number, ...cells] of this.#scopeRows()) {
      const isSound = scopeCheck.isSound(number as number, cells);
      if (!isSound) unreadable = number as number;
      else if (cells[0] === scope) {
        this.#numbers.set(scope, number as number);
        return number as number;
      }
    }
    if (unreadable !== undefined) throw damaged(`the head of fleet number ${unreadable}`);
    return undefined;
  }

  scopes(): readonly string[] {
    return this.#scopeRows().map(
      ([number, ...cells]) => scopeCheck.row(number as number, cells)[0] as string
    );
  }

  /** Turn, last task and result number, and stats: see {@link decodeHead}. */
  head(scope: number): readonly Cell[] {
    const sql = `SELECT ${scopeCellsAndSum} FROM scopes WHERE number = ?`;
    const cells = this.#statements.get(sql, scope);
    return cells ? scopeCheck.row(scope, cells).slice(1) : [null];
  }

  agents(scope: number): Rows {
    const sql = `SELECT ${agentCellsAndSum} FROM agents WHERE scope = ?`;
    return agentCheck.rows(scope, this.#statements.all(sql, scope));
  }

  liveBatches(scope: number): Rows {
    const sql = `SELECT ${batchCellsAndSum} FROM batches WHERE scope = ? AND state IN ${liveStates} ORDER BY id`;
    return batchCheck.rows(scope, this.#statements.all(sql, scope));
  }

  schedules(scope: number): Rows {
    const sql = `SELECT ${scheduleCellsAndSum} FROM schedules WHERE scope = ?`;
    return scheduleCheck.rows(scope, this.#statements.all(sql, scope));
  }

  /** The cells of a schedule, and its template. */
  schedule(scope: number, id: string): readonly Cell[] | null {
    const sql = `SELECT ${scheduleCellsAndSum} FROM schedules WHERE scope = ? AND id = ?`;
    const cells = this.#statements.get(sql, scope, id);
    if (!cells) return null;
    const [found] = this.templates(scope, [id]);
    if (!found) throw damaged(`the template of schedule ${JSON.stringify(id)}`);
    return [...scheduleCheck.row(scope, cells), found[1]!];
  }

  listSchedules(scope: number, { limit, after = '' }: ScheduleQuery): Rows {
    const sql = `SELECT ${scheduleCellsAndSum} FROM schedules WHERE scope = ? AND id > ? ORDER BY id LIMIT ?`;
    return scheduleCheck.rows(scope, this.#statements.all(sql, scope, after, limit));
  }

  /** Id and template of each schedule that is there. */
  templates(scope: number, ids: readonly string[]): Rows {
    const sql =
      `SELECT ${templateCellsAndSum} FROM json_each(?) i ` +
      'CROSS JOIN templates t ON t.scope = ? AND t.schedule = i.value';
    return templateCheck.rows(scope, this.#statements.all(sql, JSON.stringify([...new Set(ids)]), scope));
  }

  /** Batches whose removal was begun and has not ended. */
  removing(scope: number): readonly string[] {
    const found = this.#statements.all(`SELECT ${removalCellsAndSum} FROM removals WHERE scope = ?`, scope);
    return removalCheck.rows(scope, found).map(([batch]) => batch as string);
  }

  /** What is left of a batch whose removal was begun. */
  removal(scope: number, batch: string): RemovalRange | undefined {
    const sql = `SELECT ${removalCellsAndSum} FROM removals WHERE scope = ? AND batch = ?`;
    const cells = this.#statements.get(sql, scope, batch);
    if (!cells) return undefined;
    const [, first, last] = removalCheck.row(scope, cells);
    return { first: first as number, last: last as number };
  }

  batch(scope: number, id: string): readonly Cell[] | null {
    const sql = `SELECT ${batchCellsAndSum} FROM batches WHERE scope = ? AND name = ?`;
    const cells = this.#statements.get(sql, scope, id);
    return cells ? batchCheck.row(scope, cells) : null;
  }

  batches(scope: number, { status, after, limit }: BatchQuery): Rows {
    const base = scope * scopeSpan;
    // A batch that is not there (any more) has no place in the order: nothing follows it.
    const first = after === undefined ? base : this.#batchId(scope, after);
    if (first === undefined) return [];
    const from = `SELECT id, ${batchCellsAndSum} FROM batches`;
    const found =
      status === undefined
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
    inOrder('batches', found, first);
    return found.map(([, ...cells]) => batchCheck.row(scope, cells));
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
      `SELECT ${storedTaskCellsAndSums} FROM json_each(?) k CROSS JOIN tasks t ON t.scope = ? AND t.key = k.value ` +
      `LEFT JOIN payloads p ON p.id = t.id WHERE ${isKept('t')}`;
    return storedTaskCheck.rows(scope, this.#statements.all(sql, JSON.stringify([...new Set(keys)]), scope));
  }

  taskRows(scope: number, selection: TaskSelection): Rows {
    const [named, list, value] =
      'keys' in selection
        ? ['t.scope = ? AND t.key = k.value', selection.keys, scope]
        : ['t.id = ? + k.value', selection.seqs, scope * scopeSpan];
    const sql = `SELECT ${taskCellsAndSums.join(', ')} FROM json_each(?) k CROSS JOIN tasks t ON ${named} WHERE ${isKept('t')}`;
    return taskCheck.rows(
      scope,
      this.#statements.all(sql, JSON.stringify([...new Set<unknown>(list)]), value)
    );
  }

  /** Also those of batches that are being removed. */
  keyHolders(scope: number, idempotencyKeys: readonly string[]): Rows {
    const sql =
      `SELECT ${storedTaskCellsAndSums} FROM json_each(?) k CROSS JOIN payloads p INDEXED BY payloads_idempotency ` +
      `ON ${scopeIn('p.id')} = ? AND p.idempotency_key = k.value JOIN tasks t ON t.id = p.id`;
    const list = JSON.stringify([...new Set(idempotencyKeys)]);
    return storedTaskCheck.rows(scope, this.#statements.all(sql, list, scope));
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
      `SELECT ${storedTaskCellsAndSums} FROM tasks t ${taskIndex(query)} LEFT JOIN payloads p ON p.id = t.id ` +
      `WHERE ${where.join(' AND ')} ORDER BY t.id LIMIT ?`;
    const found = storedTaskCheck.rows(scope, this.#statements.all(sql, ...values, query.limit));
    return inOrder('tasks', found, query.after ?? 0);
  }

  /** Seq of the last task of a page, `null` when there is none, and the page, which {@link decodeTaskPage} compares. */
  liveTasks(scope: number, after: number, limit: number): readonly Cell[] {
    const base = scope * scopeSpan;
    return this.#statements.get(liveTaskPage, base + after, base + scopeSpan, limit)!;
  }

  payloads(scope: number, seqs: readonly number[]): Rows {
    const [list, base] = [JSON.stringify([...new Set(seqs)]), scope * scopeSpan];
    const sql = `SELECT ${payloadCellsAndSums} FROM json_each(?) s CROSS JOIN payloads p ON p.id = s.value + ?`;
    const found = payloadCheck.rows(scope, this.#statements.all(sql, list, base));
    if (found.length < new Set(seqs).size) this.#requireNone(scope, seqs, found);
    return found;
  }

  results(scope: number, query: ResultQuery): Rows {
    const base = scope * scopeSpan;
    const { batchId, workerId, success, taskType, since, until } = query;
    let after = base + (query.afterSettledSeq ?? 0);
    if (since !== undefined) after = Math.max(after, this.#beforeFirstSince(base, since));
    const upTo = until === undefined ? base + scopeSpan - 1 : this.#lastUntil(scope, base, until);
    const where = ['id > ?', 'id <= ?', isKept('results')];
    const values: Cell[] = [after, upTo];
    const narrow = (term: string, ...added: readonly Cell[]) => {
      where.push(term);
      values.push(...added);
    };
    if (batchId !== undefined) narrow('scope = ? AND batch = ?', scope, batchId);
    if (workerId !== undefined) narrow('worker = ?', workerId);
    if (taskType !== undefined) narrow('scope = ? AND type = ?', scope, taskType);
    if (since !== undefined) narrow('received_at >= ?', since);
    if (until !== undefined) narrow('received_at < ?', until);
    // Literal, because an index over failures alone is found only by its own condition.
    if (success !== undefined) narrow(success ? 'success = 1' : 'success = 0');
    const select = `SELECT ${resultCellsAndSum} FROM results ${resultIndex(query)} WHERE ${where.join(' AND ')}`;
    const order = `ORDER BY id ${query.order === 'newest' ? 'DESC' : 'ASC'} LIMIT ? OFFSET ?`;
    const found =
      workerId !== undefined && batchId === undefined
        ? this.#inBlocks(`${select} AND ${blockIn('id')} = ? ${order}`, values, query)
        : this.#statements.all(`${select} ${order}`, ...values, query.limit, query.offset ?? 0);
    const rows = resultCheck.rows(scope, found);
    return query.order === 'newest' ? rows : inOrder('results', rows, query.afterSettledSeq ?? 0);
  }

  /**
   * Results of a worker, block by block. To call a statement costs as much as ten seeks, so those blocks that have
   * none of it are passed over by one, for more and more of them at once.
   *
   * @param values - The first two are the range: ids greater than one, up to the other.
   */
  #inBlocks(sql: string, values: readonly Cell[], query: ResultQuery): Cell[][] {
    const { workerId, limit, offset = 0, order } = query;
    const [after, upTo] = values as [number, number];
    const blocks = this.#blocksBetween(after, upTo);
    if (order === 'newest') blocks.reverse();
    const own =
      'SELECT i.value FROM json_each(?) i WHERE EXISTS (' +
      `SELECT 1 FROM results INDEXED BY results_worker WHERE ${blockIn('id')} = i.value AND worker = ?)`;
    const found: Cell[][] = [];
    let toSkip = offset;
    for (let at = 0, size = 16; at < blocks.length && found.length < limit; at += size, size *= 4) {
      const list = JSON.stringify(blocks.slice(at, at + size));
      for (const [block] of this.#statements.all(own, list, workerId!)) {
        const rows = this.#statements.all(sql, ...values, block!, limit - found.length + toSkip, 0);
        for (const cells of rows.slice(toSkip)) found.push(cells);
        toSkip = Math.max(0, toSkip - rows.length);
        if (found.length === limit) break;
      }
    }
    return found;
  }

  /** Blocks in which results may be, of a range of ids: greater than one, up to the other. */
  #blocksBetween(after: number, upTo: number): number[] {
    const [first, last] = ['ASC', 'DESC'].map((direction) => {
      const end = `SELECT id FROM results WHERE id > ? AND id <= ? ORDER BY id ${direction} LIMIT 1`;
      return this.#statements.get(end, after, upTo)?.[0] as number | undefined;
    });
    if (first === undefined || last === undefined) return [];
    const from = Math.floor(first / blockSpan);
    return Array.from({ length: Math.floor(last / blockSpan) - from + 1 }, (_, index) => from + index);
  }

  /** The latest result of a task. */
  result(scope: number, key: string): readonly Cell[] | null {
    const sql = `SELECT ${resultCellsAndSum} FROM results WHERE scope = ? AND key = ? AND ${isKept('results')} ORDER BY id DESC LIMIT 1`;
    const cells = this.#statements.get(sql, scope, key);
    return cells ? resultCheck.row(scope, cells) : null;
  }

  /** The last result of a fleet. */
  lastResult(scope: number): readonly Cell[] | null {
    const base = scope * scopeSpan;
    const sql = `SELECT ${resultCellsAndSum} FROM results WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1`;
    const cells = this.#statements.get(sql, base, base + scopeSpan);
    return cells ? resultCheck.row(scope, cells) : null;
  }

  hasResult(scope: number, { workerId, key, attempt }: ResultRef): boolean {
    // By its key: a worker has as many results as there are.
    const sql = `SELECT ${resultCellsAndSum} FROM results WHERE scope = ? AND key = ? AND +worker = ? AND attempts = ?`;
    const cells = this.#statements.get(sql, scope, key, workerId, attempt);
    return cells !== undefined && resultCheck.row(scope, cells).length > 0;
  }

  /** Successes, failures, duration, oldest and newest timestamp, last number, and the last outcomes. */
  sumResults(scope: number, afterSettledSeq: number): readonly Cell[] {
    let [successes, failures, duration, oldest, newest] = [0, 0, 0, Infinity, -Infinity];
    let last: number | null = null;
    let outcomes = '';
    for (;;) {
      const page = this.results(scope, { afterSettledSeq: last ?? afterSettledSeq, limit: sumPage });
      for (const cells of page) {
        const result = decodeResult(cells);
        const { success, duration: ms, timestamp } = result;
        if (success) successes += 1;
        else failures += 1;
        duration += ms;
        oldest = Math.min(oldest, timestamp);
        newest = Math.max(newest, timestamp);
        last = cells[0] as number;
        outcomes = (outcomes + outcomesOf([result])).slice(-maxHealthWindow);
      }
      if (page.length < sumPage) break;
    }
    return last === null
      ? [0, 0, 0, 0, 0, null, '']
      : [successes, failures, duration, oldest, newest, last, outcomes];
  }

  #nameOf(scope: number): Cell | undefined {
    return this.#statements.get('SELECT name FROM scopes WHERE number = ?', scope)?.[0];
  }

  /** Where a batch is in the order of creation. */
  #batchId(scope: number, name: string): number | undefined {
    const sql = 'SELECT id FROM batches WHERE scope = ? AND name = ?';
    return this.#statements.get(sql, scope, name)?.[0] as number | undefined;
  }

  /** The number and the cells of each fleet. */
  #scopeRows(): Cell[][] {
    return this.#statements.all(`SELECT number, ${scopeCellsAndSum} FROM scopes ORDER BY number`);
  }

  /** Tasks without data are no tasks, or their data is lost. */
  #requireNone(scope: number, seqs: readonly number[], found: Rows): void {
    const there = new Set(found.map(([seq]) => seq));
    const missing = JSON.stringify(seqs.filter((seq) => !there.has(seq)));
    const sql = `SELECT ${numberIn('t.id')} FROM json_each(?) s CROSS JOIN tasks t ON t.id = s.value + ? LIMIT 1`;
    const task = this.#statements.get(sql, missing, scope * scopeSpan);
    if (task) throw damaged(`the data of task ${task[0]}`);
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
    const batch = this.batch(scope, batchId);
    if (batch === null) return undefined;
    const [, , first, last] = batch as [string, string, number, number];
    return [base + Math.max(after, first - 1), base + last];
  }

  /**
   * An id up to which all results that were received before a time are found: where `received_high` reaches the time,
   * unless a later one came while the clock was set back.
   */
  #lastUntil(scope: number, base: number, until: number): number {
    const last = this.#beforeFirstSince(base, until);
    const sql =
      'SELECT id FROM results INDEXED BY results_set_back WHERE scope = ? AND received_at < received_high ' +
      'ORDER BY id DESC LIMIT 1';
    return Math.max(last, (this.#statements.get(sql, scope)?.[0] as number | undefined) ?? 0);
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
      const [id = 0, receivedHigh = 0] = (this.#statements.get(sql, middle) ?? []) as number[];
      if (id <= middle) throw damaged('the order of its results');
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
  if (!isFinalTaskStatus(status)) return ['t.outcome IS NULL AND t.state = ?', status];
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
  return isFinalTaskStatus(status) ? 'INDEXED BY tasks_unhappy' : 'INDEXED BY tasks_live';
}

/** The same. The fewest rows are expected of a batch, then of a worker, then of a type. */
function resultIndex({ batchId, workerId, taskType, success }: ResultQuery): string {
  if (batchId !== undefined) {
    return success === false ? 'INDEXED BY results_failed_batch' : 'INDEXED BY results_batch';
  }
  if (workerId !== undefined) return 'INDEXED BY results_worker';
  if (success === false) return 'INDEXED BY results_failed';
  return taskType === undefined ? 'NOT INDEXED' : 'INDEXED BY results_type';
}
