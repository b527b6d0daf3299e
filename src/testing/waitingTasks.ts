import type { FleetFact } from '../../machines/fleetFact.ts';
import type { TaskRow } from '../store.ts';
import { quote } from '../validation/show.ts';
import type { AnyFleet } from './fleetProcess.ts';
import type { WaitingTask } from './testFleetErrors.ts';

/** Tasks that an error names. */
const maxTasks = 100;

/** Says of tasks that have not settled what each waits for. */
export async function waitingTasks(
  rows: readonly TaskRow[],
  manager: AnyFleet,
  facts: readonly FleetFact[]
): Promise<readonly WaitingTask[]> {
  const operation = await operationOf(manager);
  const missing = new Set(facts.flatMap((fact) => (fact.type === 'handler.missing' ? [fact.taskType] : [])));
  const paused = await pausedBatches(rows, manager);
  return rows.slice(0, maxTasks).map((row) => ({
    key: row.context.key,
    status: row.state,
    reason: reasonOf(row, { operation, missing, paused })
  }));
}

interface Circumstances {
  /** The fleet's state. */
  readonly operation: string;
  /** Types of tasks without a handler. */
  readonly missing: ReadonlySet<string>;
  readonly paused: ReadonlySet<string>;
}

async function operationOf(manager: AnyFleet): Promise<string> {
  try {
    return manager.actor.getSnapshot().value.operation;
  } catch {
    return 'stopped';
  }
}

async function pausedBatches(rows: readonly TaskRow[], manager: AnyFleet): Promise<ReadonlySet<string>> {
  const ids = [...new Set(rows.slice(0, maxTasks).flatMap(({ context }) => context.batchId ?? []))];
  const batches = await Promise.all(ids.map((id) => manager.getBatchStatus(id)));
  return new Set(batches.filter(({ status }) => status === 'paused').map(({ id }) => id));
}

function reasonOf({ state, context }: TaskRow, { operation, missing, paused }: Circumstances): string {
  const { type, batchId, tags, attempt, workerId, dueAt, blockedBy } = context;
  switch (state) {
    case 'scheduled':
      return `is scheduled for ${new Date(dueAt!).toISOString()}`;
    case 'backingOff':
      return `is tried again at ${new Date(dueAt!).toISOString()}`;
    case 'blocked':
      return `waits for ${blockedBy!.length} ${blockedBy!.length === 1 ? 'task' : 'tasks'} that it depends on`;
    case 'queued':
      if (operation !== 'running') return `is queued: the fleet is ${operation}`;
      if (batchId !== null && paused.has(batchId)) return `is queued: its batch ${quote(batchId)} is paused`;
      if (missing.has(type)) return `is queued: type ${quote(type)} has no handler`;
      if (tags.length > 0) return `is queued: it wants a worker with the tags ${tags.join(', ')}`;
      return 'is queued: handlers that do not end have all places, or a limit of its type holds it back';
    default:
      return `is ${state}: attempt ${attempt} on ${workerId} goes on`;
  }
}
