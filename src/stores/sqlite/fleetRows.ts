import type { BatchState } from '../../../machines/batch.ts';
import type { BatchContext } from '../../../machines/batchMachine.ts';
import type { Json } from '../../../machines/task.ts';
import type { FleetStats } from '../../stats.ts';
import type { BatchRow, LedgerHead, StoredAgent } from '../../store.ts';
import { requireStorable, type Cell } from './cells.ts';
import { parseJson, stringifyJson } from '../../jsonText.ts';

export function encodeHead({ turn, seq, settledSeq, stats }: LedgerHead): Cell[] {
  return [turn, seq, settledSeq, stringifyJson(stats)];
}

export const headColumns = 'turn, seq, settled_seq, stats';

export function decodeHead([turn, seq, settledSeq, stats]: readonly Cell[]): LedgerHead | null {
  if (turn === null) return null;
  return {
    turn: turn as number,
    seq: seq as number,
    settledSeq: settledSeq as number,
    stats: parseJson(stats as string) as FleetStats
  };
}

export function encodeBatch(cells: Cell[], { state, context }: BatchRow): void {
  requireStorable('batchId', context.id);
  const { id, firstSeq, lastSeq, settledAt } = context;
  cells.push(id, state, firstSeq, lastSeq, settledAt, stringifyJson(context));
}

export const batchColumns = 'state, context';

export function decodeBatch([state, context]: readonly Cell[]): BatchRow {
  return { state: state as BatchState, context: parseJson(context as string) as BatchContext };
}

export function encodeAgent(cells: Cell[], { id, machine, schemaVersion, snapshot }: StoredAgent): void {
  cells.push(id, machine, schemaVersion, stringifyJson(snapshot));
}

export const agentColumns = 'id, machine, schema_version, snapshot';

export function decodeAgent([id, machine, version, snapshot]: readonly Cell[]): StoredAgent {
  return {
    id: id as string,
    machine: machine as string,
    schemaVersion: version as number,
    snapshot: parseJson(snapshot as string) as Json
  };
}
