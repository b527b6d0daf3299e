import type { Client } from 'pg';
import { StoreError, StoreVersionError } from '../../errors.ts';

/** Raised when what is stored changes; another version is refused, and left untouched. */
export const schemaVersion = 1;

/**
 * Each index is paid for by every task, so there are only those that a query cannot do without:
 *
 * - What a task is and carries never changes, and is in `tasks`; what its steps change is in `states`, a narrow row, so that
 *   a step writes little. A step that does not settle touches no index, and stays in its page, which is kept half empty.
 * - `states_live` has what `open` reads, `states_unhappy` what did not complete.
 * - `received_high` is the latest `received_at` so far. It never falls, so its index grows at its end, and gives the first
 *   result since a time. One that came while the clock was set back is in `results_set_back`, empty as a rule.
 * - What retention looks for is in `batches_settled` and `results_single`: a task of a batch is in neither.
 * - `removals` has the batches that are being removed, and where their tasks are that are left; `dropped` the fleets that
 *   are. Their rows are no more seen. A number is never given again.
 *
 * Texts compare by their bytes: as `pg` and other stores sort them, and faster than in any language.
 */
function tables(schema: string): string {
  return `
  CREATE TABLE ${schema}.meta (name text PRIMARY KEY, value text NOT NULL);

  CREATE TABLE ${schema}.scopes (
    number int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text COLLATE "C" NOT NULL UNIQUE,
    turn int8, seq int8, settled_seq int8, stats text,
    term int8 NOT NULL,
    holder text NOT NULL,
    owner text NOT NULL,
    expires_at timestamptz NOT NULL
  ) WITH (fillfactor = 10);

  CREATE TABLE ${schema}.tasks (
    scope int4 NOT NULL,
    seq int8 NOT NULL,
    key text COLLATE "C" NOT NULL,
    batch text COLLATE "C",
    type text COLLATE "C" NOT NULL,
    priority float8 NOT NULL,
    tags text,
    timeout_ms float8,
    max_retries int8,
    retry_of text,
    blocked_by text,
    created_at float8 NOT NULL,
    ready_at float8,
    data text NOT NULL,
    metadata text,
    depends_on text,
    idempotency_key text COLLATE "C",
    traceparent text,
    PRIMARY KEY (scope, seq)
  );
  CREATE UNIQUE INDEX tasks_key ON ${schema}.tasks (scope, key);
  CREATE UNIQUE INDEX tasks_idempotency ON ${schema}.tasks (scope, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

  CREATE TABLE ${schema}.states (
    scope int4 NOT NULL,
    seq int8 NOT NULL,
    state text COLLATE "C" NOT NULL,
    outcome text COLLATE "C",
    attempt int4 NOT NULL,
    failures int4 NOT NULL,
    recoveries int4 NOT NULL,
    worker text,
    due_at float8,
    started_at float8,
    settled_at float8,
    error text,
    PRIMARY KEY (scope, seq)
  ) WITH (fillfactor = 50);
  CREATE INDEX states_live ON ${schema}.states (scope, seq) WHERE outcome IS NULL;
  CREATE INDEX states_unhappy ON ${schema}.states (scope, seq) WHERE outcome <> 'completed';

  CREATE TABLE ${schema}.batches (
    scope int4 NOT NULL,
    id int8 GENERATED ALWAYS AS IDENTITY,
    name text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    first_seq int8 NOT NULL,
    last_seq int8 NOT NULL,
    settled_at float8,
    context text NOT NULL,
    PRIMARY KEY (scope, id)
  ) WITH (fillfactor = 50);
  CREATE UNIQUE INDEX batches_name ON ${schema}.batches (scope, name);
  CREATE INDEX batches_state ON ${schema}.batches (scope, state, id);
  CREATE INDEX batches_settled ON ${schema}.batches (scope, settled_at, id) WHERE settled_at IS NOT NULL;

  CREATE TABLE ${schema}.removals (
    scope int4 NOT NULL,
    batch text COLLATE "C" NOT NULL,
    first_seq int8 NOT NULL,
    last_seq int8 NOT NULL,
    PRIMARY KEY (scope, batch)
  );

  CREATE TABLE ${schema}.results (
    scope int4 NOT NULL,
    settled_seq int8 NOT NULL,
    key text COLLATE "C" NOT NULL,
    task text NOT NULL,
    batch text COLLATE "C",
    type text COLLATE "C" NOT NULL,
    success bool NOT NULL,
    status text NOT NULL,
    duration float8 NOT NULL,
    timestamp float8 NOT NULL,
    received_at float8 NOT NULL,
    received_high float8 NOT NULL,
    attempts int4 NOT NULL,
    worker text COLLATE "C",
    result text,
    error text,
    failure text,
    PRIMARY KEY (scope, settled_seq)
  );
  CREATE INDEX results_key ON ${schema}.results (scope, key);
  CREATE INDEX results_received ON ${schema}.results (scope, received_high, settled_seq);
  CREATE INDEX results_set_back ON ${schema}.results (scope, settled_seq) WHERE received_at < received_high;
  CREATE INDEX results_batch ON ${schema}.results (scope, batch, settled_seq) WHERE batch IS NOT NULL;
  CREATE INDEX results_single ON ${schema}.results (scope, received_at) WHERE batch IS NULL;
  CREATE INDEX results_outside ON ${schema}.results (scope, settled_seq) WHERE key >= '/' AND key < '0';
  CREATE INDEX results_worker ON ${schema}.results (scope, worker, settled_seq) WHERE worker IS NOT NULL;
  CREATE INDEX results_type ON ${schema}.results (scope, type, settled_seq);
  CREATE INDEX results_failed ON ${schema}.results (scope, settled_seq) WHERE NOT success;

  CREATE TABLE ${schema}.schedules (
    scope int4 NOT NULL,
    id text COLLATE "C" NOT NULL,
    state text NOT NULL,
    context text NOT NULL,
    PRIMARY KEY (scope, id)
  );
  CREATE TABLE ${schema}.templates (
    scope int4 NOT NULL,
    schedule text COLLATE "C" NOT NULL,
    template text NOT NULL,
    PRIMARY KEY (scope, schedule)
  );
  CREATE TABLE ${schema}.agents (
    scope int4 NOT NULL,
    id text COLLATE "C" NOT NULL,
    machine text NOT NULL,
    schema_version int4 NOT NULL,
    snapshot text NOT NULL,
    PRIMARY KEY (scope, id)
  ) WITH (fillfactor = 50);

  CREATE TABLE ${schema}.commands (
    number int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    scope text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    command text NOT NULL,
    sent_at float8 NOT NULL,
    reply text,
    answered_at timestamptz
  );
  CREATE UNIQUE INDEX commands_id ON ${schema}.commands (scope, id);
  CREATE INDEX commands_waiting ON ${schema}.commands (scope, number) WHERE reply IS NULL;
  CREATE INDEX commands_answered ON ${schema}.commands (scope, answered_at) WHERE reply IS NOT NULL;

  CREATE TABLE ${schema}.dropped (number int4 PRIMARY KEY);

  INSERT INTO ${schema}.meta VALUES ('version', '${schemaVersion}');`;
}

/** Any number that every process of this library takes, and nobody else: `XFlt`. */
const lockNumber = 0x58_46_6c_74;

/**
 * Whether the schema is there.
 *
 * @param schema - Quoted.
 * @throws {StoreVersionError} when another version has written it.
 */
export async function hasSchema(client: Client, schema: string, location: string): Promise<boolean> {
  // Of the catalogue's rows: what a name stands for is remembered by a connection, and may be older than its lock.
  const there =
    'SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ' +
    "WHERE n.nspname = btrim($1, '\"') AND c.relname = 'meta'";
  const found = await client.query({ text: there, values: [schema], rowMode: 'array' });
  if (found.rows.length === 0) return false;
  const text = `SELECT value FROM ${schema}.meta WHERE name = 'version'`;
  const { rows } = await client.query<[string]>({ text, rowMode: 'array' });
  const version = Number(rows[0]?.[0]);
  if (version !== schemaVersion) throw new StoreVersionError(location, version, schemaVersion);
  return true;
}

/**
 * Makes the schema with its tables, all or none of them. Whoever else does the same at this time waits, and finds them.
 *
 * @throws {StoreError} for a database that cannot hold every text.
 */
export async function createSchema(client: Client, schema: string, location: string): Promise<void> {
  const { rows } = await client.query<[string]>({ text: 'SHOW server_encoding', rowMode: 'array' });
  const encoding = rows[0]![0];
  if (encoding !== 'UTF8') {
    const message = `Store ${location}: the database has the encoding ${encoding}; use one that has UTF8`;
    throw new StoreError('ERR_STORE_IO', message, 'refused');
  }
  await client.query('BEGIN');
  try {
    await client.query(
      `SELECT pg_advisory_xact_lock(${lockNumber}, hashtext('${schema.replaceAll("'", "''")}'))`
    );
    if (!(await hasSchema(client, schema, location))) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
      await client.query(tables(schema));
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
