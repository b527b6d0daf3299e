import type { FinalTaskStatus, TaskError } from '../../../machines/task.ts';
import type { StoredResult } from '../../store.ts';
import { cellOf, numberOf, requireStorable, textOf, valueOf, type Cell } from './cells.ts';
import { RowCheck } from './rowCheck.ts';
import { numberIn } from './schema.ts';
import { pushSparse, type SparseColumns } from './sparse.ts';
import type { Sum } from './sums.ts';

/** Columns of a result, in the order that {@link decodeResult} takes. */
const resultColumns = [
  'id',
  'key',
  'task',
  'batch',
  'type',
  'success',
  'status',
  'duration',
  'timestamp',
  'received_at',
  'attempts',
  'worker',
  'result',
  'error',
  'failure',
  'received_high'
];

export const resultSum: Sum = { column: 'sum', of: resultColumns };

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
  ],
  added: ['received_high'],
  sums: [resultSum]
};

export function encodeResult(cells: Cell[], result: StoredResult): void {
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
      cellOf(result.duration),
      cellOf(result.timestamp),
      result.attempts
    ],
    [result.batchId, result.workerId, result.result, result.error ?? null, textOf(result.failure ?? null)]
  );
}

/** SQL for these columns and their sum. */
export const resultCellsAndSum = `${numberIn('id')}, ${resultColumns.slice(1).join(', ')}, sum`;

export const resultCheck = new RowCheck(
  resultColumns,
  [resultSum],
  ([seq, key]) => `result ${seq} of task ${JSON.stringify(key)}`
);

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
    duration: numberOf(cells[7])!,
    timestamp: numberOf(cells[8])!,
    receivedAt: cells[9] as number,
    attempts: cells[10] as number,
    workerId: cells[11] as string | null,
    result: cells[12] as string | null,
    ...(error !== null && { error }),
    ...(failure !== null && { failure })
  };
}
