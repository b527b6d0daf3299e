import { refusal } from './failure.ts';
import type { Database } from './library.ts';
import { type Cell } from './cells.ts';
import { cellsOf, type EncodedCommit } from './encodedCommit.ts';
import { newResultColumns } from './resultRows.ts';
import { newTaskColumns, taskChanges } from './taskRows.ts';
import { scopeSpan } from './schema.ts';
import { insertInto, SparseStatement, updateOf } from './sparse.ts';
import type { Statements } from './statements.ts';
import { inTransaction } from './transaction.ts';

const insertPayload = 'INSERT INTO payloads (id, data, metadata) VALUES (?, ?, ?)';
const upsertBatch =
  'INSERT INTO batches (id, scope, name, state, first_seq, last_seq, settled_at, context) ' +
  'VALUES (?, ?, ?, ?, ?, ?, ?, ?) ' +
  'ON CONFLICT (scope, name) DO UPDATE SET state = excluded.state, first_seq = excluded.first_seq, ' +
  'last_seq = excluded.last_seq, settled_at = excluded.settled_at, context = excluded.context';
const upsertAgent =
  'INSERT INTO agents (scope, id, machine, schema_version, snapshot) VALUES (?, ?, ?, ?, ?) ' +
  'ON CONFLICT (scope, id) DO UPDATE SET machine = excluded.machine, ' +
  'schema_version = excluded.schema_version, snapshot = excluded.snapshot';
const updateHead =
  'UPDATE scopes SET turn = ?1, seq = ?2, settled_seq = ?3, stats = ?4 WHERE number = ?5 AND coalesce(turn, 0) < ?1';

/** Writes the commits of one scope, each in one transaction. */
export class CommitWriter {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #scope: number;
  /** Id before the first row of the scope. */
  readonly #base: number;
  readonly #insertTask: SparseStatement;
  readonly #updateTask: SparseStatement;
  readonly #settleTask: SparseStatement;
  readonly #insertResult: SparseStatement;
  /** Number of the last batch that was made: batches are listed in this order. */
  #lastBatch: number;
  /** The latest `received_at` so far. */
  #receivedHigh: number;

  constructor(database: Database, statements: Statements, scope: number) {
    const base = scope * scopeSpan;
    this.#database = database;
    this.#statements = statements;
    this.#scope = scope;
    this.#base = base;
    this.#insertTask = new SparseStatement(statements, newTaskColumns, insertInto('tasks', scope, base));
    // A row that goes on does not set `outcome`, so that no index is touched.
    this.#updateTask = new SparseStatement(statements, taskChanges, updateOf('tasks', base));
    this.#settleTask = new SparseStatement(
      statements,
      taskChanges,
      updateOf('tasks', base, ['outcome = ?2'])
    );
    this.#insertResult = new SparseStatement(
      statements,
      newResultColumns,
      insertInto('results', scope, base, ['received_high'])
    );
    this.#lastBatch = this.#last('id', 'batches') ?? base;
    this.#receivedHigh = this.#last('received_high', 'results') ?? 0;
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
    forEachRow(commit.newTasks, (cells, at) => this.#insertTask.run(cells, at));
    this.#insertPayloads(commit.payloads);
    forEachRow(commit.liveTasks, (cells, at) => this.#updateTask.run(cells, at));
    forEachRow(commit.settledTasks, (cells, at) => this.#settleTask.run(cells, at));
    this.#upsertBatches(commit.batches);
    forEachRow(commit.results, (cells, at) => {
      this.#receivedHigh = Math.max(this.#receivedHigh, cells[at + 2] as number);
      return this.#insertResult.run(cells, at, this.#receivedHigh);
    });
    this.#upsertAgents(commit.agents);
    this.#writeHead(commit);
  }

  /** A turn that is not later than the last one is that of an owner who was replaced. */
  #writeHead({ head }: EncodedCommit): void {
    if (this.#statements.run(updateHead, ...head, this.#scope) === 1) return;
    const message = `Turn ${head[0]} does not follow the last one: another owner has written since`;
    throw refusal('ERR_STORE_FENCED', message);
  }

  #insertPayloads(cells: readonly Cell[]): void {
    const payload = this.#statements.prepare(insertPayload);
    for (let at = 0; at < cells.length; at += cellsOf.payload) {
      payload.run(this.#base + (cells[at] as number), cells[at + 1], cells[at + 2]);
    }
  }

  #upsertBatches(cells: readonly Cell[]): void {
    const batch = this.#statements.prepare(upsertBatch);
    for (let at = 0; at < cells.length; at += cellsOf.batch) {
      this.#lastBatch += 1;
      batch.run(this.#lastBatch, this.#scope, ...cells.slice(at, at + cellsOf.batch));
    }
  }

  #upsertAgents(cells: readonly Cell[]): void {
    const agent = this.#statements.prepare(upsertAgent);
    for (let at = 0; at < cells.length; at += cellsOf.agent) {
      agent.run(this.#scope, ...cells.slice(at, at + cellsOf.agent));
    }
  }

  #last(column: string, table: string): number | undefined {
    const sql = `SELECT ${column} FROM ${table} WHERE id > ? AND id < ? ORDER BY id DESC LIMIT 1`;
    return this.#statements.get(sql, this.#base, this.#base + scopeSpan)?.[0] as number | undefined;
  }
}

/** @param write - Writes the row at an index, and returns where the next one is. */
function forEachRow(cells: readonly Cell[], write: (cells: readonly Cell[], at: number) => number): void {
  for (let at = 0; at < cells.length;) at = write(cells, at);
}
