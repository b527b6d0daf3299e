import type {
  LedgerCommand,
  LedgerCommandOf,
  NewTask,
  OperationCommand
} from '../../machines/fleetCommand.ts';
import { CorruptStoreError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SchedulePlan } from '../schedules/schedulePlan.ts';
import { firingId } from '../schedules/scheduleTemplate.ts';
import type { BatchRow, Payload, Store, StoredTask, TaskRow } from '../store.ts';
import { externalKey, submittedResultKey } from '../submission/taskKey.ts';
import { outsideDependencies } from '../turn/dependencyRules.ts';
import type { Found, TurnInput } from '../turn/turnInput.ts';

/** Nothing had to be looked up. */
export const nothingFound: Found = {
  tasks: new Map(),
  dependencies: new Map(),
  keyHolders: new Map(),
  batches: new Map(),
  results: new Set(),
  templates: new Map()
};

/** Whether a turn with these inputs has to read the store before it steps. */
export function needsStore(inputs: readonly TurnInput[]): boolean {
  return inputs.some((input) => !isFresh(input));
}

/**
 * Reads what the inputs and the plan name and memory lacks: settled tasks and batches, what a submission may repeat, what
 * its tasks depend on, and what schedules submit.
 */
export async function find(
  inputs: readonly TurnInput[],
  store: Store,
  scope: string,
  ledger: Ledger,
  plan: SchedulePlan
): Promise<Found> {
  const keys = new Set<string>();
  const batchIds = new Set<string>();
  const submitted: SubmitResult[] = [];
  const dependencies = new Set<string>();
  const idempotencyKeys = new Set<string>();
  const templates = new Set<string>();
  for (const input of inputs) {
    if (input.type === 'batches.expired') for (const { id } of input.batches) batchIds.add(id);
    if (input.type !== 'command' || isFresh(input)) continue;
    const { command } = input;
    if ('batchId' in command && !ledger.batches.has(command.batchId)) batchIds.add(command.batchId);
    if (command.type === 'batch.submit') {
      for (const { key } of command.tasks) if (!command.fresh) keys.add(key);
      for (const key of outsideDependencies(command.batchId, command.tasks)) dependencies.add(key);
    }
    for (const { idempotencyKey } of tasksOf(command)) {
      if (idempotencyKey !== null) idempotencyKeys.add(idempotencyKey);
    }
    if (command.type === 'task.submit') keys.add(command.task.key);
    if (command.type === 'task.cancel' || command.type === 'task.retry') keys.add(command.key);
    if (command.type === 'task.retry') keys.add(command.newKey);
    if (command.type === 'schedule.put' && ledger.schedules.get(command.schedule.id)) {
      templates.add(command.schedule.id);
    }
    if (command.type === 'result.submit') submitted.push(command);
  }
  for (const { row, times } of plan.schedules) {
    const { id, kind } = row.context;
    for (const { at, skipped } of times) {
      if (skipped > 0) continue;
      templates.add(id);
      (kind === 'task' ? keys : batchIds).add(firingId(id, at));
    }
  }
  const [tasks, rows, holders, batches, results, foundTemplates] = await Promise.all([
    keys.size === 0 ? [] : store.readTasks(scope, [...keys]),
    dependencies.size === 0 ? [] : store.readTaskRows(scope, { keys: [...dependencies] }),
    idempotencyKeys.size === 0 ? [] : store.readKeyHolders(scope, [...idempotencyKeys]),
    Promise.all([...batchIds].map((id) => store.readBatch(scope, id))),
    findResults(store, scope, submitted),
    findTemplates(store, scope, [...templates])
  ]);
  return {
    tasks: new Map(tasks.map((task): [string, StoredTask] => [task.row.context.key, task])),
    dependencies: new Map(rows.map((row): [string, TaskRow] => [row.context.key, row])),
    keyHolders: new Map(holders.map((task): [string, StoredTask] => [task.payload.idempotencyKey!, task])),
    batches: new Map(
      batches.filter((row) => row !== null).map((row): [string, BatchRow] => [row.context.id, row])
    ),
    results,
    templates: foundTemplates
  };
}

type SubmitResult = LedgerCommandOf<'result.submit'>;

/** Those that are there already, as {@link submittedResultKey}. */
async function findResults(
  store: Store,
  scope: string,
  submitted: readonly SubmitResult[]
): Promise<ReadonlySet<string>> {
  if (submitted.length === 0) return new Set();
  const refs = submitted.map(({ workerId, result: { key, attempt } }) => ({
    workerId,
    key: externalKey(workerId, key),
    attempt
  }));
  const areThere = await store.hasResults(scope, refs);
  const found = submitted.filter((_, index) => areThere[index]);
  return new Set(
    found.map(({ workerId, result: { key, attempt } }) => submittedResultKey(workerId, key, attempt))
  );
}

/**
 * Reads payloads. One that is damaged is left out, and the others are read all the same: their tasks are not to
 * pay for it.
 */
export async function findPayloads(
  store: Store,
  scope: string,
  seqs: readonly number[]
): Promise<ReadonlyMap<number, Payload>> {
  try {
    return await store.readPayloads(scope, seqs);
  } catch (error) {
    if (!(error instanceof CorruptStoreError) || seqs.length === 1) return new Map();
    const middle = Math.ceil(seqs.length / 2);
    const halves = [seqs.slice(0, middle), seqs.slice(middle)];
    const found = await Promise.all(halves.map((half) => findPayloads(store, scope, half)));
    return new Map(found.flatMap((payloads) => [...payloads]));
  }
}

/** Reads templates. One that is damaged is left out: its schedule alone is to pay for it. */
async function findTemplates(
  store: Store,
  scope: string,
  ids: readonly string[]
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  try {
    return await store.readTemplates(scope, ids);
  } catch (error) {
    if (!(error instanceof CorruptStoreError)) throw error;
    if (ids.length === 1) return new Map();
    const found = await Promise.all(ids.map((id) => findTemplates(store, scope, [id])));
    return new Map(found.flatMap((templates) => [...templates]));
  }
}

/** Names nothing that the store may know: a fact, or a submission under ids that were minted for it. */
function isFresh(input: TurnInput): boolean {
  if (input.type !== 'command') return input.type !== 'batches.expired';
  const { command } = input;
  switch (command.type) {
    case 'batch.submit':
    case 'task.submit':
      return command.fresh && !tasksOf(command).some(namesOthers);
    case 'batch.cancel':
    case 'batch.pause':
    case 'batch.resume':
    case 'batch.remove':
    case 'task.cancel':
    case 'task.retry':
    case 'schedule.put':
    case 'result.submit':
      return false;
    default:
      return true;
  }
}

/** The tasks that a command brings. */
function tasksOf(command: LedgerCommand | OperationCommand): readonly NewTask[] {
  if (command.type === 'batch.submit') return command.tasks;
  return command.type === 'task.submit' ? [command.task] : [];
}

/** Whether the task names something that may be in the store, however fresh its own id is. */
function namesOthers({ dependsOn, idempotencyKey }: NewTask): boolean {
  return dependsOn !== null || idempotencyKey !== null;
}
