import { DriverError } from './failure.ts';
import type { Database } from './library.ts';
import { type Cell } from './cells.ts';
import { cellsOf, type EncodedCommit } from './encodedCommit.ts';
import { newResultColumns } from './resultRows.ts';
import { newPayloadColumns, newTaskColumns, taskChanges } from './taskRows.ts';
import { scopeSpan } from './schema.ts';
import { insertInto, SparseStatement, updateOf, type SparseColumns, type SparseSql } from './sparse.ts';
import type { RowReader } from './rowReader.ts';
import type { Statements } from './statements.ts';
import { sumOf } from './sums.ts';
import { inTransaction } from './transaction.ts';

const upsertBatch =
  'INSERT INTO batches (id, scope, name, state, first_seq, last_seq, settled_at, context, sum) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ' +
  'ON CONFLICT (scope, name) DO UPDATE SET state = excluded.state, first_seq = excluded.first_seq, ' +
  'last_seq = excluded.last_seq, settled_at = excluded.settled_at, context = excluded.context, sum = excluded.sum';
const upsertAgent =
  'INSERT INTO agents (scope, id, machine, schema_version, snapshot, sum) VALUES (?, ?, ?, ?, ?, ?) ' +
  'ON CONFLICT (scope, id) DO UPDATE SET machine = excluded.machine, ' +
  'schema_version = excluded.schema_version, snapshot = excluded.snapshot, sum = excluded.sum';
const upsertSchedule =
  'INSERT INTO schedules (scope, id, state, context, sum) VALUES (?, ?, ?, ?, ?) ' +
  'ON CONFLICT (scope, id) DO UPDATE SET state = excluded.state, context = excluded.context, sum = excluded.sum';
const upsertTemplate =
  'INSERT INTO templates (scope, schedule, template, sum) VALUES (?, ?, ?, ?) ' +
  'ON CONFLICT (scope, schedule) DO UPDATE SET template = excluded.template, sum = excluded.sum';
const deleteSchedule = 'DELETE FROM schedules WHERE scope = ? AND id = ?';
const deleteTemplate = 'DELETE FROM templates WHERE scope = ? AND schedule = ?';
const updateHead =
  'UPDATE scopes SET turn = ?1, seq = ?2, settled_seq = ?3, stats = ?4, sum = ?5 ' +
  'WHERE number = ?6 AND coalesce(turn, 0) < ?1';

/** Writes the commits of one scope, each in one transaction. */
export class CommitWriter {
  readonly #database: Database;
  readonly #statements: Statements;
  /** Number of the fleet. */
  readonly scope: number;
  /** Id before the first row of the scope. */
  readonly #base: number;
  readonly #insertTask: SparseStatement;
  readonly #insertPayload: SparseStatement;
  readonly #updateTask: SparseStatement;
  readonly #settleTask: SparseStatement;
  readonly #insertResult: SparseStatement;
  /** Number of the last batch that was made: batches are listed in this order. */
  #lastBatch: number;
  /** The latest `received_at` so far. */
  #receivedHigh: number;

  constructor(database: Database, statements: Statements, rows: RowReader, scope: number) {
    const base = scope * scopeSpan;
    this.#database = database;
    this.#statements = statements;
    this.scope = scope;
    this.#base = base;
    const inScope = { scope };
    const sparse = (columns: SparseColumns, sql: SparseSql) =>
      new SparseStatement(statements, scope, columns, sql);
    this.#insertTask = sparse(newTaskColumns, insertInto('tasks', base, inScope));
    this.#insertPayload = sparse(newPayloadColumns, insertInto('payloads', base, {}));
    // A row that goes on does not set `outcome`, so that no index is touched.
    this.#updateTask = sparse(taskChanges, updateOf('tasks', base));
    this.#settleTask = sparse(taskChanges, updateOf('tasks', base, { outcome: 'state' }));
    this.#insertResult = sparse(newResultColumns, insertInto('results', base, inScope));
    this.#lastBatch = this.#lastBatchId() ?? base;
    this.#receivedHigh = (rows.lastResult(scope)?.[15] as number | undefined) ?? 0;
  }

  write(commit: EncodedCommit): void {
    const receivedHigh = this.#receivedHigh;
    try {
      inTransaction(this.#database, this.#statements, () => this.#writeRows(commit));
    } catch (error) {
      this.#receivedHigh = receivedHigh;
      throw error;
    }
  }

  #writeRows(commit: EncodedCommit): void {
    this.#insertTask.run(commit.newTasks);
    this.#insertPayload.run(commit.payloads);
    this.#updateTask.run(commit.liveTasks);
    this.#settleTask.run(commit.settledTasks);
    this.#upsertBatches(commit.batches);
    this.#insertResult.run(commit.results, (row) => {
      this.#receivedHigh = Math.max(this.#receivedHigh, row[1] as number);
      row.push(this.#receivedHigh);
    });
    this.#upsertAll(upsertSchedule, commit.schedules, cellsOf.schedule);
    this.#upsertAll(upsertTemplate, commit.templates, cellsOf.template);
    for (const id of commit.removedSchedules) {
      this.#statements.run(deleteSchedule, this.scope, id);
      this.#statements.run(deleteTemplate, this.scope, id);
    }
    this.#upsertAll(upsertAgent, commit.agents, cellsOf.agent);
    this.#writeHead(commit);
  }

  /** A turn that is not later than the last one is that of an owner who was replaced. */
  #writeHead({ scope, head }: EncodedCommit): void {
    const sum = sumOf(this.scope, [scope, ...head]);
    if (this.#statements.run(updateHead, ...head, sum, this.scope) === 1) return;
    throw new DriverError({ kind: 'fenced', fleet: scope });
  }

  #upsertBatches(cells: readonly Cell[]): void {
    const batch = this.#statements.prepare(upsertBatch);
    for (let at = 0; at < cells.length; at += cellsOf.batch) {
      this.#lastBatch += 1;
      const row = cells.slice(at, at + cellsOf.batch);
      batch.run(this.#lastBatch, this.scope, ...row, sumOf(this.scope, row));
    }
  }

  /** Rows that are told apart by their scope and their first cell. */
  #upsertAll(sql: string, cells: readonly Cell[], width: number): void {
    const statement = this.#statements.prepare(sql);
    for (let at = 0; at < cells.length; at += width) {
      const row = cells.slice(at, at + width);
      statement.run(this.scope, ...row, sumOf(this.scope, row));
    }
  }

  #lastBatchId(): number | undefined {
    const sql = 'SELECT id FROM batches WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1';
    return this.#statements.get(sql, this.#base, this.#base + scopeSpan)?.[0] as number | undefined;
  }
}
