import { isFinalTaskStatus } from '../../../machines/task.ts';
import type { Commit, NewResult, StoredTask, TaskRow } from '../../store.ts';
import { stringifyJson } from '../../validation/jsonText.ts';
import { requireStorable, textOf, type Cell } from '../cells.ts';
import { arrayText } from './arrayText.ts';
import type { Statement } from './session.ts';

/** Values that every commit binds: number of the scope, term, turn, seq, settledSeq, stats, lease in ms. */
const headValues = 7;

/** A column: its type, and its value in a row. */
type Column<TRow> = readonly [name: string, type: string, valueOf: (row: TRow) => Cell];

/** What a commit does to one table, for all rows of a kind at once. */
interface Part {
  readonly name: string;
  /** Whether the commit has any such rows. */
  readonly rowsIn: (commit: EncodableCommit) => readonly unknown[];
  readonly columns: readonly (readonly [name: string, type: string, valueOf: (row: never) => Cell])[];
  /** @param rows - SQL of the rows, called `v`, and of the scope's row, called `head`: none when it is fenced. */
  readonly sql: (schema: string, rows: string, columns: readonly string[]) => string;
}

/** A commit whose results know the latest time of receipt so far. */
export interface EncodableCommit extends Omit<Commit, 'results'> {
  readonly results: readonly { readonly result: NewResult; readonly receivedHigh: number }[];
}

/**
 * Writes a commit in one statement, and so in one trip and one transaction.
 *
 * The first part moves the scope's head on, if term and turn allow it, which locks its row until all is committed; the
 * others take its number from it, and write nothing when there is none. There is a statement for each set of parts that
 * occurs, so that those which have no rows cost nothing.
 */
export class CommitStatements {
  readonly #schema: string;
  readonly #statements = new Map<number, Statement>();

  /** @param schema - Quoted. */
  constructor(schema: string) {
    this.#schema = schema;
  }

  /** @returns The statement, and what it binds after the {@link headValues}: one text for each column of its parts. */
  of(commit: EncodableCommit): { readonly statement: Statement; readonly columns: readonly string[] } {
    let mask = 0;
    const columns: string[] = [];
    for (const [index, part] of parts.entries()) {
      const rows = part.rowsIn(commit);
      if (rows.length === 0) continue;
      mask |= 1 << index;
      for (const [, , valueOf] of part.columns as readonly Column<unknown>[]) {
        columns.push(arrayText(rows.map(valueOf)));
      }
    }
    let statement = this.#statements.get(mask);
    if (!statement) {
      statement = { name: `xf_commit_${mask}`, text: this.#text(mask) };
      this.#statements.set(mask, statement);
    }
    return { statement, columns };
  }

  #text(mask: number): string {
    const schema = this.#schema;
    const head =
      `UPDATE ${schema}.scopes SET turn = $3::int8, seq = $4::int8, settled_seq = $5::int8, stats = $6::text, ` +
      `expires_at = clock_timestamp() + $7::float8 * interval '1 ms' ` +
      `WHERE number = $1::int4 AND term = $2::int8 AND coalesce(turn, 0) < $3::int8 RETURNING number`;
    const steps = [`head AS (${head})`];
    let bound = headValues;
    for (const [index, { name, columns, sql }] of parts.entries()) {
      if ((mask & (1 << index)) === 0) continue;
      const arrays = columns.map(([, type]) => `$${(bound += 1)}::${type}[]`);
      const names = columns.map(([column]) => column);
      const rows = `head CROSS JOIN unnest(${arrays.join(', ')}) AS v(${names.join(', ')})`;
      steps.push(`${name} AS (${sql(schema, rows, names)})`);
    }
    return `WITH ${steps.join(',\n')}\nSELECT number FROM head`;
  }
}

/** @throws {ValidationError} when a text would not come back as it was. */
function idOf(argument: string, text: string): string;
function idOf(argument: string, text: string | null): string | null;
function idOf(argument: string, text: string | null): string | null {
  if (text !== null) requireStorable(argument, text);
  return text;
}

const newTaskColumns: readonly Column<StoredTask>[] = [
  ['seq', 'int8', ({ row }) => row.context.seq],
  ['key', 'text', ({ row }) => idOf('key', row.context.key)],
  ['batch', 'text', ({ row }) => idOf('batchId', row.context.batchId)],
  ['type', 'text', ({ row }) => idOf('type', row.context.type)],
  ['priority', 'float8', ({ row }) => row.context.priority],
  ['tags', 'text', ({ row }) => (row.context.tags.length === 0 ? null : stringifyJson(row.context.tags))],
  ['timeout_ms', 'float8', ({ row }) => row.context.timeoutMs],
  ['max_retries', 'int8', ({ row }) => row.context.maxRetries],
  ['retry_of', 'text', ({ row }) => idOf('retryOf', row.context.retryOf)],
  ['blocked_by', 'text', ({ row }) => textOf(row.context.blockedBy)],
  ['created_at', 'float8', ({ row }) => row.context.createdAt],
  ['ready_at', 'float8', ({ row }) => row.context.readyAt],
  ['data', 'text', ({ payload }) => payload.data],
  ['metadata', 'text', ({ payload }) => payload.metadata],
  ['depends_on', 'text', ({ payload }) => payload.dependsOn],
  ['idempotency_key', 'text', ({ payload }) => idOf('idempotencyKey', payload.idempotencyKey)],
  ['traceparent', 'text', ({ payload }) => payload.traceparent ?? null]
];

const stateColumns: readonly Column<TaskRow>[] = [
  ['seq', 'int8', ({ context }) => context.seq],
  ['state', 'text', ({ state }) => state],
  ['outcome', 'text', ({ state }) => (isFinalTaskStatus(state) ? state : null)],
  ['attempt', 'int4', ({ context }) => context.attempt],
  ['failures', 'int4', ({ context }) => context.failures],
  ['recoveries', 'int4', ({ context }) => context.recoveries],
  ['worker', 'text', ({ context }) => idOf('workerId', context.workerId)],
  ['due_at', 'float8', ({ context }) => context.dueAt],
  ['started_at', 'float8', ({ context }) => context.startedAt],
  ['settled_at', 'float8', ({ context }) => context.settledAt],
  ['error', 'text', ({ context }) => textOf(context.error)]
];

const resultColumns: readonly Column<EncodableCommit['results'][number]>[] = [
  ['settled_seq', 'int8', ({ result }) => result.settledSeq],
  ['key', 'text', ({ result }) => idOf('key', result.key)],
  ['task', 'text', ({ result }) => idOf('taskId', result.taskId)],
  ['batch', 'text', ({ result }) => idOf('batchId', result.batchId)],
  ['type', 'text', ({ result }) => idOf('type', result.type)],
  ['success', 'bool', ({ result }) => (result.success ? 'true' : 'false')],
  ['status', 'text', ({ result }) => result.status],
  ['duration', 'float8', ({ result }) => result.duration],
  ['timestamp', 'float8', ({ result }) => result.timestamp],
  ['received_at', 'float8', ({ result }) => result.receivedAt],
  ['received_high', 'float8', ({ receivedHigh }) => receivedHigh],
  ['attempts', 'int4', ({ result }) => result.attempts],
  ['worker', 'text', ({ result }) => idOf('workerId', result.workerId)],
  ['result', 'text', ({ result }) => result.result],
  // As JSON: a message may hold any text, NUL among it.
  ['error', 'text', ({ result }) => textOf(result.error ?? null)],
  ['failure', 'text', ({ result }) => textOf(result.failure ?? null)]
];

const parts: readonly Part[] = [
  {
    name: 'new_tasks',
    rowsIn: ({ newTasks }) => newTasks,
    columns: newTaskColumns,
    sql: insertInto('tasks')
  },
  {
    name: 'new_states',
    rowsIn: ({ newTasks }) => newTasks.map(({ row }) => row),
    columns: stateColumns,
    sql: insertInto('states')
  },
  {
    name: 'next_states',
    rowsIn: ({ tasks }) => tasks,
    columns: stateColumns,
    // Found first, each by its key: an update that joins may look through all rows of the fleet for each.
    sql: (schema, rows, [, ...others]) =>
      `UPDATE ${schema}.states s SET ${others.map((column) => `${column} = v.${column}`).join(', ')} FROM ` +
      `(SELECT v.*, x.ctid AS place FROM (${rows}) LEFT JOIN ${schema}.states x ` +
      'ON x.scope = head.number AND x.seq = v.seq OFFSET 0) v WHERE s.ctid = v.place'
  },
  {
    name: 'new_results',
    rowsIn: ({ results }) => results,
    columns: resultColumns,
    sql: insertInto('results')
  },
  {
    name: 'next_batches',
    rowsIn: ({ batches }) => batches,
    columns: [
      ['name', 'text', ({ context }: Commit['batches'][number]) => idOf('batchId', context.id)],
      ['state', 'text', ({ state }: Commit['batches'][number]) => state],
      ['first_seq', 'int8', ({ context }: Commit['batches'][number]) => context.firstSeq],
      ['last_seq', 'int8', ({ context }: Commit['batches'][number]) => context.lastSeq],
      ['settled_at', 'float8', ({ context }: Commit['batches'][number]) => context.settledAt],
      ['context', 'text', ({ context }: Commit['batches'][number]) => stringifyJson(context)]
    ],
    sql: insertInto('batches', ['name'])
  },
  {
    name: 'next_agents',
    rowsIn: ({ agents }) => agents,
    columns: [
      ['id', 'text', ({ id }: Commit['agents'][number]) => id],
      ['machine', 'text', ({ machine }: Commit['agents'][number]) => machine],
      ['schema_version', 'int4', ({ schemaVersion }: Commit['agents'][number]) => schemaVersion],
      ['snapshot', 'text', ({ snapshot }: Commit['agents'][number]) => stringifyJson(snapshot)]
    ],
    sql: insertInto('agents', ['id'])
  },
  {
    name: 'next_schedules',
    rowsIn: ({ schedules }) => schedules.filter(({ row }) => row !== null),
    columns: [
      ['id', 'text', ({ id }: Commit['schedules'][number]) => idOf('scheduleId', id)],
      ['state', 'text', ({ row }: Commit['schedules'][number]) => row!.state],
      ['context', 'text', ({ row }: Commit['schedules'][number]) => stringifyJson(row!.context)]
    ],
    sql: insertInto('schedules', ['id'])
  },
  {
    name: 'next_templates',
    rowsIn: ({ schedules }) => schedules.filter(({ template }) => template !== null),
    columns: [
      ['schedule', 'text', ({ id }: Commit['schedules'][number]) => id],
      ['template', 'text', ({ template }: Commit['schedules'][number]) => template]
    ],
    sql: insertInto('templates', ['schedule'])
  },
  {
    name: 'old_schedules',
    rowsIn: ({ schedules }) => schedules.filter(({ row }) => row === null),
    columns: [['id', 'text', ({ id }: Commit['schedules'][number]) => id]],
    sql: (schema, rows) =>
      `DELETE FROM ${schema}.schedules s USING ${rows} WHERE s.scope = head.number AND s.id = v.id`
  },
  {
    name: 'old_templates',
    rowsIn: ({ schedules }) => schedules.filter(({ row }) => row === null),
    columns: [['id', 'text', ({ id }: Commit['schedules'][number]) => id]],
    sql: (schema, rows) =>
      `DELETE FROM ${schema}.templates t USING ${rows} WHERE t.scope = head.number AND t.schedule = v.id`
  }
];

/** @param key - Columns by which a row that is there already is found, and replaced; without any it refuses the commit. */
function insertInto(table: string, key: readonly string[] = []): Part['sql'] {
  return (schema, rows, columns) => {
    const replaced = columns.filter((column) => !key.includes(column));
    const changes = replaced.map((column) => `${column} = excluded.${column}`).join(', ');
    const conflict =
      key.length === 0 ? '' : ` ON CONFLICT (scope, ${key.join(', ')}) DO UPDATE SET ${changes}`;
    return (
      `INSERT INTO ${schema}.${table} (scope, ${columns.join(', ')}) ` +
      `SELECT head.number, v.* FROM ${rows}${conflict}`
    );
  };
}
