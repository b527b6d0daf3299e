import type { ExpiredResultQuery } from '../../store.ts';
import { finalStates } from '../batchStateLists.ts';
import type { Database } from './library.ts';
import type { RemovalRange } from './fleetRows.ts';
import type { RowReader } from './rowReader.ts';
import { scopeSpan } from './schema.ts';
import type { Statements } from './statements.ts';
import { sumOf } from './sums.ts';
import { inTransaction } from './transaction.ts';

/** Tasks, and results, that one slice removes at most: some 5 ms of the thread. */
const sliceRows = 1_000;

const settledRange = `SELECT first_seq, last_seq FROM batches WHERE scope = ? AND name = ? AND state IN ${finalStates}`;
const begin = 'INSERT INTO removals (scope, batch, first_seq, last_seq, sum) VALUES (?, ?, ?, ?, ?)';
const deleteBatch = `DELETE FROM batches WHERE scope = ? AND name = ? AND state IN ${finalStates}`;
const advance = 'UPDATE removals SET first_seq = ?, sum = ? WHERE scope = ? AND batch = ?';
const end = 'DELETE FROM removals WHERE scope = ? AND batch = ?';

/** Whether a row is the batch's is seen only in the row: those of other batches may lie between. */
const lastOfSlice = 'SELECT max(id) FROM (SELECT id FROM tasks WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)';
const deletePayloads =
  'DELETE FROM payloads WHERE id IN (SELECT id FROM tasks WHERE id BETWEEN ? AND ? AND batch = ?)';
const deleteTasks = 'DELETE FROM tasks WHERE id BETWEEN ? AND ? AND batch = ?';
const deleteResults =
  'DELETE FROM results WHERE id IN (SELECT id FROM results INDEXED BY results_batch WHERE scope = ? AND batch = ? LIMIT ?)';

const expiredResults =
  'SELECT id, key FROM results INDEXED BY results_single ' +
  'WHERE scope = ? AND batch IS NULL AND received_at < ? AND id <= ? ORDER BY received_at LIMIT ?';
const outsideResults =
  'SELECT id FROM results INDEXED BY results_outside ' +
  "WHERE scope = ? AND key >= '/' AND key < '0' AND id <= ? ORDER BY id LIMIT ?";
const settledTasks =
  'SELECT t.id FROM json_each(?) k CROSS JOIN tasks t ON t.scope = ? AND t.key = k.value ' +
  'WHERE t.batch IS NULL AND t.outcome IS NOT NULL';
const deletePayloadsOf = `DELETE FROM payloads WHERE id IN (${settledTasks})`;
const deleteTasksOf = `DELETE FROM tasks WHERE id IN (${settledTasks})`;
const deleteResultsOf = 'DELETE FROM results WHERE id IN (SELECT value FROM json_each(?) k)';

/** Removes settled rows of one scope, a slice at a time, each in one transaction. */
export class Remover {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #rows: RowReader;
  readonly #scope: number;
  /** Id before the first row of the scope. */
  readonly #base: number;

  constructor(database: Database, statements: Statements, rows: RowReader, scope: number) {
    this.#database = database;
    this.#statements = statements;
    this.#rows = rows;
    this.#scope = scope;
    this.#base = scope * scopeSpan;
  }

  /** The first slice takes the batch's own row, and notes what is left. @returns Whether anything is. */
  removeBatch(batch: string): boolean {
    let isLeft = false;
    inTransaction(this.#database, this.#statements, () => {
      const range = this.#rows.removal(this.#scope, batch) ?? this.#begin(batch);
      if (!range) return;
      isLeft = this.#removeRows(batch, range.first, range.last);
      if (!isLeft) this.#statements.run(end, this.#scope, batch);
    });
    return isLeft;
  }

  /** @returns Whether more may be left. */
  removeExpiredResults({ receivedBefore, upToSettledSeq }: ExpiredResultQuery): boolean {
    const upTo = this.#base + upToSettledSeq;
    const found = this.#statements.all(expiredResults, this.#scope, receivedBefore, upTo, sliceRows);
    if (found.length === 0) return false;
    const [ids, keys] = [0, 1].map((column) => JSON.stringify(found.map((row) => row[column])));
    inTransaction(this.#database, this.#statements, () => {
      this.#statements.run(deletePayloadsOf, keys!, this.#scope);
      this.#statements.run(deleteTasksOf, keys!, this.#scope);
      this.#statements.run(deleteResultsOf, ids!);
    });
    return found.length === sliceRows;
  }

  /** @returns Whether more may be left. */
  removeOutsideResults(upToSettledSeq: number): boolean {
    const upTo = this.#base + upToSettledSeq;
    const found = this.#statements.all(outsideResults, this.#scope, upTo, sliceRows);
    if (found.length === 0) return false;
    const ids = JSON.stringify(found.map(([id]) => id));
    inTransaction(this.#database, this.#statements, () => void this.#statements.run(deleteResultsOf, ids));
    return found.length === sliceRows;
  }

  #begin(batch: string): RemovalRange | undefined {
    const range = this.#statements.get(settledRange, this.#scope, batch) as [number, number] | undefined;
    if (!range) return undefined;
    const [first, last] = range;
    this.#statements.run(begin, this.#scope, batch, first, last, sumOf(this.#scope, [batch, first, last]));
    this.#statements.run(deleteBatch, this.#scope, batch);
    return { first, last };
  }

  /** @param firstSeq - Where the tasks begin that are left. */
  #removeRows(batch: string, firstSeq: number, lastSeq: number): boolean {
    const [first, last] = [this.#base + firstSeq, this.#base + lastSeq];
    if (this.#statements.run(deleteResults, this.#scope, batch, sliceRows) === sliceRows) return true;
    const upTo = this.#statements.get(lastOfSlice, first, last, sliceRows)![0] as number | null;
    if (upTo === null) return false;
    this.#statements.run(deletePayloads, first, upTo, batch);
    this.#statements.run(deleteTasks, first, upTo, batch);
    if (upTo === last) return false;
    const next = upTo + 1 - this.#base;
    this.#statements.run(advance, next, sumOf(this.#scope, [batch, next, lastSeq]), this.#scope, batch);
    return true;
  }
}
