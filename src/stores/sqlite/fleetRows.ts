import { batchStates } from '../../../machines/batch.ts';
import { taskStatuses } from '../../../machines/task.ts';
import type { BatchRow, LedgerHead, StoredAgent } from '../../store.ts';
import { stringifyJson } from '../../validation/jsonText.ts';
import { requireStorable, type Cell } from '../cells.ts';
import { RowCheck } from './rowCheck.ts';
import { hasCounts, isOneOf, isTimeOrNull, objectIn } from './shapes.ts';
import type { Sum } from './sums.ts';

const batchColumns = ['name', 'state', 'first_seq', 'last_seq', 'settled_at', 'context'];

export const scopeSum: Sum = { column: 'sum', of: ['name', 'turn', 'seq', 'settled_seq', 'stats'] };
export const batchSum: Sum = { column: 'sum', of: batchColumns };
export const agentSum: Sum = { column: 'sum', of: ['id', 'machine', 'schema_version', 'snapshot'] };

export function encodeHead({ turn, seq, settledSeq, stats }: LedgerHead): Cell[] {
  return [turn, seq, settledSeq, stringifyJson(stats)];
}

/** SQL for the columns of a scope and their sum. */
export const scopeCellsAndSum = 'name, turn, seq, settled_seq, stats, sum';

export const scopeCheck = new RowCheck(
  ['name', 'turn', 'seq', 'settled_seq', 'stats'],
  [scopeSum],
  ([name]) => `the head of fleet ${JSON.stringify(name)}`,
  ([, turn, seq, settledSeq, stats]) => {
    if (turn === null) return null;
    const { counts, ...totals } = objectIn(stats) ?? {};
    const isComplete =
      hasCounts(counts, taskStatuses) &&
      hasCounts(totals, statNames) &&
      hasCounts({ turn, seq, settledSeq }, ['turn', 'seq', 'settledSeq']);
    return isComplete ? null : 'has no stats of its tasks';
  }
);

const statNames = ['totalBatches', 'totalTasks', 'retriedAttempts', 'lostAttempts', 'lateOutcomes'];

export function encodeBatch(cells: Cell[], { state, context }: BatchRow): void {
  requireStorable('batchId', context.id);
  const { id, firstSeq, lastSeq, settledAt } = context;
  cells.push(id, state, firstSeq, lastSeq, settledAt, stringifyJson(context));
}

/** SQL for the columns of a batch and their sum. */
export const batchCellsAndSum = [...batchColumns, 'sum'].join(', ');

export const batchCheck = new RowCheck(
  batchColumns,
  [batchSum],
  ([name]) => `the row of batch ${JSON.stringify(name)}`,
  ([name, state, firstSeq, lastSeq, settled, text]) => {
    if (!isOneOf(batchStates, state)) return `has the unknown state ${JSON.stringify(state)}`;
    const context = objectIn(text) ?? {};
    const { counts, createdAt, startedAt, settledAt, ...others } = context;
    const isComplete =
      others.id === name &&
      others.firstSeq === firstSeq &&
      others.lastSeq === lastSeq &&
      settledAt === settled &&
      hasCounts(counts, taskStatuses) &&
      hasCounts(others, ['firstSeq', 'lastSeq', 'totalTasks']) &&
      Number.isFinite(createdAt) &&
      isTimeOrNull(startedAt) &&
      isTimeOrNull(settledAt);
    return isComplete ? null : 'has a context of another shape';
  }
);

/** Where the tasks are that are left of a batch which is being removed, by `seq`. */
export interface RemovalRange {
  readonly first: number;
  readonly last: number;
}

const removalColumns = ['batch', 'first_seq', 'last_seq'];

export const removalSum: Sum = { column: 'sum', of: removalColumns };

/** SQL for the columns of a removal and their sum. */
export const removalCellsAndSum = [...removalColumns, 'sum'].join(', ');

export const removalCheck = new RowCheck(
  removalColumns,
  [removalSum],
  ([batch]) => `the removal of batch ${JSON.stringify(batch)}`
);

export function encodeAgent(cells: Cell[], { id, machine, schemaVersion, snapshot }: StoredAgent): void {
  cells.push(id, machine, schemaVersion, stringifyJson(snapshot));
}

/** SQL for the columns of an agent and their sum. */
export const agentCellsAndSum = 'id, machine, schema_version, snapshot, sum';

export const agentCheck = new RowCheck(
  ['id', 'machine', 'schema_version', 'snapshot'],
  [agentSum],
  ([id]) => `the snapshot of agent ${JSON.stringify(id)}`
);
