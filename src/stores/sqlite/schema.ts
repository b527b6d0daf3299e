import type { Cell } from '../cells.ts';
import { damaged, DamageError } from './damage.ts';
import type { Database } from './library.ts';
import { sumOf } from './sums.ts';

/** `XFlt`: tells a store from the database of another program. */
export const applicationId = 0x58_46_6c_74;

/** Raised when what is stored changes; another version is refused, and left untouched. */
export const schemaVersion = 1;

/**
 * A row's id holds its scope and its number: `scope * 2^43 + seq`.
 *
 * So the rows of a scope are one range of the table, in order of their number, without an index beside it.
 * It leaves room for 1,023 scopes of 8.8e12 rows below 2^53, the last integer that a number holds exactly.
 */
export const scopeSpan = 2 ** 43;
export const maxScopes = 2 ** 10 - 1;

/** SQL for the number in a row's id, ... */
export const numberIn = (id: string): string => `${id} & ${scopeSpan - 1}`;
/** ... and for its scope. */
export const scopeIn = (id: string): string => `${id} / ${scopeSpan}`;

/**
 * SQL for the block of a row's number: those of a block stand together in `results_worker`.
 *
 * By worker alone, the 100 results of 100 workers dirty 100 pages, half of what a commit writes. A look through all that
 * a worker has done seeks once a block instead: 1,000 times in a million results.
 */
export const blockIn = (id: string): string => `${id} >> 10`;
export const blockSpan = 2 ** 10;

/**
 * Each index is paid for by every task, so there are only those that a query cannot do without:
 *
 * - `tasks_live` and `tasks_unhappy` are written when a task comes and when it settles. A claim sets neither
 *   `outcome` nor `key`, and so touches no index.
 * - Tasks of a batch need none: the batch knows the range of their numbers.
 * - `received_high` is the latest `received_at` so far. It never falls, so the first result since a time is
 *   found by bisection, though clocks are set back.
 * - A result that came while the clock was set back is in `results_set_back`, so that those before a time are found
 *   as well. It is empty as a rule, and so is `results_outside` in a fleet: what neither takes in costs nothing.
 * - What retention looks for is in `batches_settled` and `results_single`: a task of a batch is in neither.
 * - `payloads_idempotency` has only the tasks that have such a key.
 * - `schedules` are rewritten with each firing, so what they submit, which may be long, is in `templates`.
 * - `dropped` has the scopes that are being removed: nobody finds them by name any more, and their numbers are not
 *   given again until all is gone.
 * - `removals` has the batches that are being removed, and where their tasks are that are left. Their rows are no
 *   more seen.
 *
 * A `sum` is a checksum of what its row holds (`sums.ts`). Row ids of batches and commands, `scope` and `outcome`
 * are not in one: they follow from what is, or an index repeats them.
 */
const tables = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

  CREATE TABLE scopes (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    turn INTEGER, seq INTEGER, settled_seq INTEGER, stats TEXT,
    sum INTEGER NOT NULL
  );

  CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    key TEXT NOT NULL,
    batch TEXT,
    type TEXT NOT NULL,
    priority NUMERIC NOT NULL,
    tags TEXT,
    timeout_ms INTEGER,
    max_retries INTEGER,
    retry_of TEXT,
    blocked_by TEXT,
    created_at INTEGER NOT NULL,
    ready_at INTEGER,
    state TEXT NOT NULL,
    outcome TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    recoveries INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    due_at INTEGER,
    started_at INTEGER,
    settled_at INTEGER,
    error TEXT,
    sum INTEGER NOT NULL,
    state_sum INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX tasks_key ON tasks (scope, key);
  CREATE INDEX tasks_live ON tasks (outcome) WHERE outcome IS NULL;
  CREATE INDEX tasks_unhappy ON tasks (outcome) WHERE outcome <> 'completed';

  CREATE TABLE payloads (
    id INTEGER PRIMARY KEY,
    data TEXT NOT NULL,
    metadata TEXT,
    depends_on TEXT,
    idempotency_key TEXT,
    traceparent TEXT,
    sum INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX payloads_idempotency ON payloads (${scopeIn('id')}, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

  CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    settled_at REAL,
    context TEXT NOT NULL,
    sum INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX batches_name ON batches (scope, name);
  CREATE INDEX batches_state ON batches (scope, state);
  CREATE INDEX batches_settled ON batches (scope, settled_at) WHERE settled_at IS NOT NULL;

  CREATE TABLE removals (
    scope INTEGER NOT NULL,
    batch TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (scope, batch)
  ) WITHOUT ROWID;

  CREATE TABLE results (
    id INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL,
    key TEXT NOT NULL,
    task TEXT NOT NULL,
    batch TEXT,
    type TEXT NOT NULL,
    success INTEGER NOT NULL,
    status TEXT NOT NULL,
    duration NUMERIC NOT NULL,
    timestamp NUMERIC NOT NULL,
    received_at INTEGER NOT NULL,
    received_high INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    worker TEXT,
    result TEXT,
    error TEXT,
    failure TEXT,
    sum INTEGER NOT NULL
  );
  CREATE INDEX results_key ON results (scope, key);
  CREATE INDEX results_batch ON results (scope, batch) WHERE batch IS NOT NULL;
  CREATE INDEX results_single ON results (scope, received_at) WHERE batch IS NULL;
  CREATE INDEX results_worker ON results (${blockIn('id')}, worker) WHERE worker IS NOT NULL;
  CREATE INDEX results_type ON results (scope, type);
  CREATE INDEX results_outside ON results (scope) WHERE key >= '/' AND key < '0';
  CREATE INDEX results_set_back ON results (scope) WHERE received_at < received_high;
  CREATE INDEX results_failed ON results (success) WHERE success = 0;
  CREATE INDEX results_failed_batch ON results (scope, batch) WHERE success = 0;

  CREATE TABLE schedules (
    scope INTEGER NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    context TEXT NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
  ) WITHOUT ROWID;

  CREATE TABLE templates (
    scope INTEGER NOT NULL,
    schedule TEXT NOT NULL,
    template TEXT NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (scope, schedule)
  );

  CREATE TABLE dropped (number INTEGER PRIMARY KEY);

  CREATE TABLE agents (
    scope INTEGER NOT NULL,
    id TEXT NOT NULL,
    machine TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    snapshot TEXT NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (scope, id)
  ) WITHOUT ROWID;

  CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    command TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    reply TEXT,
    sum INTEGER NOT NULL,
    reply_sum INTEGER
  );
  CREATE UNIQUE INDEX commands_id ON commands (scope, id);
  CREATE INDEX commands_waiting ON commands (scope) WHERE reply IS NULL;
`;

/** Makes the tables of an empty database, all or none of them. */
export function createSchema(database: Database): void {
  database.exec(
    `BEGIN IMMEDIATE; ${tables}
     PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`
  );
  writeSchemaSum(database);
  database.exec('COMMIT');
}

/** To be called whenever tables are made or changed, in the same transaction. */
export function writeSchemaSum(database: Database): void {
  const sql = "INSERT OR REPLACE INTO meta (name, value) VALUES ('schema', ?)";
  database.prepare(sql).run(schemaSum(database));
}

/**
 * What the tables of this version sum up to, whether they were made or migrated to.
 *
 * Without it, tables that were changed under the same version would be found by the first commit, which a fleet tries for ever.
 */
const schemaSums: ReadonlySet<string> = new Set(['-569047005']);

/** @throws {DamageError} when the tables are not those of this version. */
export function requireThisSchema(database: Database): void {
  requireSchema(database);
  if (schemaSums.has(schemaSum(database))) return;
  const advice = 'an unreleased xstate-fleet made it; use that one, or move the file away';
  throw new DamageError(`its tables are not those of schema version ${schemaVersion}: ${advice}`, 'schema');
}

/** @throws {DamageError} when the tables are not as they were made: a changed default would be written from now on. */
export function requireSchema(database: Database): void {
  const sql = "SELECT value FROM meta WHERE name = 'schema'";
  const { value } = (database.prepare(sql).get() ?? {}) as { readonly value?: string };
  if (value !== schemaSum(database)) throw damaged('the definition of its tables', 'schema');
}

/** Not of SQLite's own tables: others may let it collect statistics. */
function schemaSum(database: Database): string {
  const sql = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'";
  const rows = database.prepare(sql).all() as Readonly<Record<string, Cell>>[];
  return String(sumOf(0, rows.map((row) => JSON.stringify(Object.values(row))).sort()));
}
