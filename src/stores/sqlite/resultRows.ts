import type { StoredResult } from '../../store.ts';
import { cellOf, requireStorable, textOf, type Cell } from '../cells.ts';
import { resultColumns } from '../rowCells.ts';
import { RowCheck } from './rowCheck.ts';
import { numberIn } from './schema.ts';
import { pushSparse, type SparseColumns } from './sparse.ts';
import type { Sum } from './sums.ts';

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
