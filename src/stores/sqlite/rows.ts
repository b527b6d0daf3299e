import type { TaskContext } from '../../../machines/taskMachine.ts';
import type { BatchContext } from '../../../machines/batchMachine.ts';
import type { BatchState } from '../../../machines/batch.ts';
import type { FinalTaskStatus, Json, TaskError, TaskStatus } from '../../../machines/task.ts';
import { ValidationError } from '../../errors.ts';
import type { FleetStats } from '../../stats.ts';
import type {
  BatchRow,
  Commit,
  LedgerHead,
  StoredAgent,
  StoredResult,
  StoredTask,
  TaskRow
} from '../../store.ts';
import { numberIn } from './schema.ts';
import { pushSparse, type SparseColumns } from './sparse.ts';

/** What a column holds. */
export type Cell = string | number | null;

/**
 * A commit as it is posted to the thread: the cells of all rows in one flat array a kind.
 *
 * Cloning an array of numbers and strings costs 0.3 us a row, cloning the rows' objects 1.2 us.
 */
export interface EncodedCommit {
  readonly scope: string;
  readonly head: readonly Cell[];
  readonly newTasks: readonly Cell[];
  readonly payloads: readonly Cell[];
  /** New rows of tasks that go on. */
  readonly liveTasks: readonly Cell[];
  /** New rows of tasks that settled: their state becomes their `outcome`, and takes them out of an index. */
  readonly settledTasks: readonly Cell[];
  readonly batches: readonly Cell[];
  readonly removedBatches: readonly string[];
  readonly results: readonly Cell[];
  readonly agents: readonly Cell[];
}

/** Cells of a row, of the kinds that are not sparse. */
export const cellsOf = { payload: 3, batch: 5, agent: 4 } as const;

const finalStatuses: ReadonlySet<string> = new Set<FinalTaskStatus>([
  'completed',
  'failed',
  'timedOut',
  'cancelled'
]);

export function isFinal(status: TaskStatus): status is FinalTaskStatus {
  return finalStatuses.has(status);
}

/** @throws {ValidationError} when an id cannot be kept as it is. */
export function encodeCommit(commit: Commit): EncodedCommit {
  const liveTasks: Cell[] = [];
  const settledTasks: Cell[] = [];
  for (const row of commit.tasks) encodeTask(isFinal(row.state) ? settledTasks : liveTasks, row);
  return {
    scope: commit.scope,
    head: encodeHead(commit.head),
    newTasks: encodeAll(commit.newTasks, encodeNewTask),
    payloads: encodeAll(commit.newTasks, encodePayload),
    liveTasks,
    settledTasks,
    batches: encodeAll(commit.batches, encodeBatch),
    removedBatches: commit.removedBatches,
    results: encodeAll(commit.results, encodeResult),
    agents: encodeAll(commit.agents, encodeAgent)
  };
}

function encodeAll<T>(rows: readonly T[], encode: (cells: Cell[], row: T) => void): Cell[] {
  const cells: Cell[] = [];
  for (const row of rows) encode(cells, row);
  return cells;
}

function encodeHead({ turn, seq, settledSeq, stats }: LedgerHead): Cell[] {
  return [turn, seq, settledSeq, JSON.stringify(stats)];
}

export const headColumns = 'turn, seq, settled_seq, stats';

export function decodeHead([turn, seq, settledSeq, stats]: readonly Cell[]): LedgerHead | null {
  if (turn === null) return null;
  return {
    turn: turn as number,
    seq: seq as number,
    settledSeq: settledSeq as number,
    stats: JSON.parse(stats as string) as FleetStats
  };
}

/** What a task begins with. */
export const newTaskColumns: SparseColumns = {
  required: ['id', 'key', 'type', 'priority', 'created_at', 'state'],
  optional: [
    ['batch', 'NULL'],
    ['timeout_ms', 'NULL'],
    ['max_retries', 'NULL'],
    ['retry_of', 'NULL'],
    ['outcome', 'NULL'],
    ['attempt', '0'],
    ['failures', '0'],
    ['recoveries', '0'],
    ['worker', 'NULL'],
    ['due_at', 'NULL'],
    ['started_at', 'NULL'],
    ['settled_at', 'NULL'],
    ['error', 'NULL']
  ]
};

function encodeNewTask(cells: Cell[], { row: { state, context } }: StoredTask): void {
  requireStorable('key', context.key);
  requireStorable('type', context.type);
  pushSparse(
    cells,
    [context.seq, context.key, context.type, cellOf(context.priority), cellOf(context.createdAt), state],
    [
      context.batchId,
      cellOf(context.timeoutMs),
      context.maxRetries,
      context.retryOf,
      isFinal(state) ? state : null,
      context.attempt || null,
      context.failures || null,
      context.recoveries || null,
      context.workerId,
      cellOf(context.dueAt),
      cellOf(context.startedAt),
      cellOf(context.settledAt),
      textOf(context.error)
    ]
  );
}

function encodePayload(cells: Cell[], { row, payload }: StoredTask): void {
  cells.push(row.context.seq, payload.data, payload.metadata);
}

/** What changes in a task's life. `outcome` is not among it, see {@link EncodedCommit.settledTasks}. */
export const taskChanges: SparseColumns = {
  required: ['id', 'state', 'attempt'],
  optional: [
    ['failures', '0'],
    ['recoveries', '0'],
    ['worker', 'NULL'],
    ['due_at', 'NULL'],
    ['started_at', 'NULL'],
    ['settled_at', 'NULL'],
    ['error', 'NULL']
  ]
};

function encodeTask(cells: Cell[], { state, context }: TaskRow): void {
  pushSparse(
    cells,
    [context.seq, state, context.attempt],
    [
      context.failures || null,
      context.recoveries || null,
      context.workerId,
      cellOf(context.dueAt),
      cellOf(context.startedAt),
      cellOf(context.settledAt),
      textOf(context.error)
    ]
  );
}

/** Columns of a task's row, in the order that {@link decodeTask} takes. */
export const taskColumns = [
  numberIn('t.id'),
  't.key',
  't.batch',
  't.type',
  't.priority',
  't.timeout_ms',
  't.max_retries',
  't.retry_of',
  't.created_at',
  't.state',
  't.attempt',
  't.failures',
  't.recoveries',
  't.worker',
  't.due_at',
  't.started_at',
  't.settled_at',
  't.error'
];

/** The same, and its payload. */
export const storedTaskColumns = [...taskColumns, 'p.data', 'p.metadata'].join(', ');

export function decodeTask(cells: readonly Cell[]): TaskRow {
  const context: TaskContext = {
    seq: cells[0] as number,
    key: cells[1] as string,
    batchId: cells[2] as string | null,
    type: cells[3] as string,
    priority: numberOf(cells[4])!,
    timeoutMs: numberOf(cells[5]),
    maxRetries: cells[6] as number | null,
    retryOf: cells[7] as string | null,
    createdAt: numberOf(cells[8])!,
    attempt: cells[10] as number,
    failures: cells[11] as number,
    recoveries: cells[12] as number,
    workerId: cells[13] as string | null,
    dueAt: numberOf(cells[14]),
    startedAt: numberOf(cells[15]),
    settledAt: numberOf(cells[16]),
    error: valueOf<TaskError>(cells[17])
  };
  return { state: cells[9] as TaskStatus, context };
}

/**
 * Tasks that came as one JSON text: a page of a million rows.
 *
 * Text is made, posted and parsed in a third of the time that arrays of cells take.
 */
export function decodeTaskPage(text: string): TaskRow[] {
  return (JSON.parse(text) as Cell[][]).map(decodeTask);
}

export function decodeStoredTask(cells: readonly Cell[]): StoredTask {
  const payload = { data: cells[18] as string, metadata: cells[19] as string | null };
  return { row: decodeTask(cells), payload };
}

function encodeBatch(cells: Cell[], { state, context }: BatchRow): void {
  requireStorable('batchId', context.id);
  cells.push(context.id, state, context.firstSeq, context.lastSeq, JSON.stringify(context));
}

export const batchColumns = 'state, context';

export function decodeBatch([state, context]: readonly Cell[]): BatchRow {
  return { state: state as BatchState, context: JSON.parse(context as string) as BatchContext };
}

export const newResultColumns: SparseColumns = {
  required: [
    'id',
    'received_at',
    'key',
    'task',
    'type',
    'success',
    'status',
    'duration',
    'timestamp',
    'attempts'
  ],
  optional: [
    ['batch', 'NULL'],
    ['worker', 'NULL'],
    ['result', 'NULL'],
    ['error', 'NULL'],
    ['failure', 'NULL']
  ]
};

function encodeResult(cells: Cell[], result: StoredResult): void {
  requireStorable('key', result.key);
  pushSparse(
    cells,
    [
      result.settledSeq,
      result.receivedAt,
      result.key,
      result.taskId,
      result.type,
      result.success ? 1 : 0,
      result.status,
      result.duration,
      result.timestamp,
      result.attempts
    ],
    [result.batchId, result.workerId, result.result, result.error ?? null, textOf(result.failure ?? null)]
  );
}

/** Columns of a result, in the order that {@link decodeResult} takes. */
export const resultColumns =
  `${numberIn('id')}, key, task, batch, type, success, status, duration, timestamp, received_at, ` +
  'attempts, worker, result, error, failure';

export function decodeResult(cells: readonly Cell[]): StoredResult {
  const [error, failure] = [cells[13] as string | null, valueOf<TaskError>(cells[14])];
  return {
    settledSeq: cells[0] as number,
    key: cells[1] as string,
    taskId: cells[2] as string,
    batchId: cells[3] as string | null,
    type: cells[4] as string,
    success: cells[5] === 1,
    status: cells[6] as FinalTaskStatus,
    duration: cells[7] as number,
    timestamp: cells[8] as number,
    receivedAt: cells[9] as number,
    attempts: cells[10] as number,
    workerId: cells[11] as string | null,
    result: cells[12] as string | null,
    ...(error !== null && { error }),
    ...(failure !== null && { failure })
  };
}

function encodeAgent(cells: Cell[], { id, machine, schemaVersion, snapshot }: StoredAgent): void {
  cells.push(id, machine, schemaVersion, JSON.stringify(snapshot));
}

export const agentColumns = 'id, machine, schema_version, snapshot';

export function decodeAgent([id, machine, version, snapshot]: readonly Cell[]): StoredAgent {
  return {
    id: id as string,
    machine: machine as string,
    schemaVersion: version as number,
    snapshot: JSON.parse(snapshot as string) as Json
  };
}

// Some drivers cut a text at NUL, and UTF-8 has no form for half a surrogate pair: it would come back as another id.
const unstorable = /[\0\p{Surrogate}]/u;

/** @throws {ValidationError} when a text would not come back as it was. */
export function requireStorable(argument: string, text: string): void {
  if (!unstorable.test(text)) return;
  throw new ValidationError(argument, JSON.stringify(text).slice(0, 80), 'without NUL and lone surrogates');
}

/**
 * A number, as text where it is not a whole one: SQLite rounds what it writes into JSON to 15 digits, some
 * releases worse. The sign keeps a numeric column from turning it into a number again.
 */
function cellOf(value: number | null): Cell {
  return value === null || Number.isSafeInteger(value) ? value : `=${value}`;
}

function numberOf(cell: Cell | undefined): number | null {
  return typeof cell === 'string' ? Number(cell.slice(1)) : (cell ?? null);
}

function textOf(value: Json | TaskError): string | null {
  return value === null ? null : JSON.stringify(value);
}

function valueOf<T>(cell: Cell | undefined): T | null {
  return cell == null ? null : (JSON.parse(cell as string) as T);
}
