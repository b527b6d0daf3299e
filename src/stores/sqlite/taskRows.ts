import { isFinalTaskStatus, taskStatuses } from '../../../machines/task.ts';
import type { StoredTask, TaskRow } from '../../store.ts';
import { parseJson, stringifyJson } from '../../validation/jsonText.ts';
import { cellOf, requireStorable, textOf, type Cell } from '../cells.ts';
import { decodeTask, payloadColumns, taskColumns, taskStateColumns } from '../rowCells.ts';
import { inOrder, RowCheck } from './rowCheck.ts';
import { numberIn } from './schema.ts';
import { isOneOf } from './shapes.ts';
import { pushSparse, type SparseColumns } from './sparse.ts';
import type { Sum } from './sums.ts';

/** What never changes of a task, ... */
export const taskSum: Sum = {
  column: 'sum',
  of: [
    'id',
    'key',
    'type',
    'priority',
    'created_at',
    'batch',
    'timeout_ms',
    'max_retries',
    'retry_of',
    'blocked_by',
    'tags',
    'ready_at'
  ]
};

/** ... and what each of its steps writes: apart, so that a step needs no more than it posts. */
export const taskStateSum: Sum = { column: 'state_sum', of: ['id', ...taskStateColumns] };

export const payloadSum: Sum = { column: 'sum', of: ['id', ...payloadColumns] };

/** What a step may leave empty. */
const optionalState: SparseColumns['optional'] = [
  ['failures', '0'],
  ['recoveries', '0'],
  ['worker', 'NULL'],
  ['due_at', 'NULL'],
  ['started_at', 'NULL'],
  ['settled_at', 'NULL'],
  ['error', 'NULL']
];

/** What a task begins with. */
export const newTaskColumns: SparseColumns = {
  required: ['id', 'key', 'type', 'priority', 'created_at', 'state'],
  optional: [
    ['batch', 'NULL'],
    ['timeout_ms', 'NULL'],
    ['max_retries', 'NULL'],
    ['retry_of', 'NULL'],
    ['blocked_by', 'NULL'],
    ['tags', 'NULL'],
    ['ready_at', 'NULL'],
    ['outcome', 'NULL'],
    ['attempt', '0'],
    ...optionalState
  ],
  sums: [taskSum, taskStateSum]
};

export function encodeNewTask(cells: Cell[], { row: { state, context }, payload }: StoredTask): void {
  requireStorable('key', context.key);
  requireStorable('type', context.type);
  if (payload.idempotencyKey !== null) requireStorable('idempotencyKey', payload.idempotencyKey);
  pushSparse(
    cells,
    [context.seq, context.key, context.type, cellOf(context.priority), cellOf(context.createdAt), state],
    [
      context.batchId,
      cellOf(context.timeoutMs),
      context.maxRetries,
      context.retryOf,
      textOf(context.blockedBy),
      context.tags.length === 0 ? null : stringifyJson(context.tags),
      cellOf(context.readyAt),
      isFinalTaskStatus(state) ? state : null,
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

export const newPayloadColumns: SparseColumns = {
  required: ['id', 'data'],
  optional: [
    ['metadata', 'NULL'],
    ['depends_on', 'NULL'],
    ['idempotency_key', 'NULL'],
    ['traceparent', 'NULL']
  ],
  sums: [payloadSum]
};

export function encodePayload(cells: Cell[], { row, payload }: StoredTask): void {
  const { data, metadata, dependsOn, idempotencyKey, traceparent = null } = payload;
  pushSparse(cells, [row.context.seq, data], [metadata, dependsOn, idempotencyKey, traceparent]);
}

/** What changes in a task's life. `outcome` is not among it, see {@link EncodedCommit.settledTasks}. */
export const taskChanges: SparseColumns = {
  required: ['id', 'state', 'attempt'],
  optional: optionalState,
  sums: [taskStateSum]
};

export function encodeTask(cells: Cell[], { state, context }: TaskRow): void {
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

const batchAt = taskColumns.indexOf('batch');
const stateAt = taskColumns.indexOf('state');
const blockedByAt = taskColumns.indexOf('blocked_by');

const taskCells = [numberIn('t.id'), ...taskColumns.slice(1).map((column) => `t.${column}`)];

/** SQL for these columns and their sums, one each, ... */
export const taskCellsAndSums = [...taskCells, 't.sum', 't.state_sum'];

/** ... and what to call them. */
export const taskAndSumNames = taskCellsAndSums.map((_, index) => `c${index}`);

const payloadCells = payloadColumns.map((column) => `p.${column}`).join(', ');

/** SQL for the columns, the task's payload, and the sums of both. */
export const storedTaskCellsAndSums = `${taskCells.join(', ')}, ${payloadCells}, t.sum, t.state_sum, p.sum`;

/** SQL for a payload and its sum. */
export const payloadCellsAndSums = `${numberIn('p.id')}, ${payloadCells}, p.sum`;

const nameOfTask = ([seq, key]: readonly Cell[]): string => `the row of task ${JSON.stringify(key)} (${seq})`;

const problemOfTask = ({ [stateAt]: state, [blockedByAt]: blockedBy }: readonly Cell[]): string | null => {
  if (state === 'blocked' && blockedBy === null) return 'is blocked, and says by nothing';
  return isOneOf(taskStatuses, state) ? null : `has the unknown state ${JSON.stringify(state)}`;
};

export const taskCheck = new RowCheck(taskColumns, [taskSum, taskStateSum], nameOfTask, problemOfTask);
export const storedTaskCheck = new RowCheck(
  [...taskColumns, ...payloadColumns],
  [taskSum, taskStateSum, payloadSum],
  nameOfTask,
  problemOfTask
);
export const payloadCheck = new RowCheck(
  ['id', ...payloadColumns],
  [payloadSum],
  ([seq]) => `the data of task ${seq}`
);

/**
 * Tasks that came as one JSON text: a page of a million rows.
 *
 * Text is made, posted and parsed in a third of the time that arrays of cells take. It is parsed once, here, and so
 * compared here: the thread makes the next page meanwhile. Tasks of a batch share its id as one string, which is
 * kept, and hashed, once a page.
 *
 * @param scope - Number of the fleet.
 * @param after - Seq of the last task of the page before.
 * @throws {DamageError} when a row is not as it was written, or not in its place.
 */
export function decodeTaskPage(text: string, scope: number, after: number): TaskRow[] {
  const rows = inOrder('tasks', taskCheck.rows(scope, parseJson(text) as Cell[][]), after);
  let batch: Cell = null;
  for (const cells of rows) {
    if (cells[batchAt] === batch) cells[batchAt] = batch;
    else batch = cells[batchAt]!;
  }
  return rows.map(decodeTask);
}
