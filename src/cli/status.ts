import type { BatchStatus } from '../../machines/batch.ts';
import type { WorkerInfo } from '../agents/workerViews.ts';
import { connectFleet } from '../connectFleet.ts';
import { pageSize } from '../fleet/fleetReader.ts';
import { table } from '../validation/table.ts';
import { openStore, type OpenedStore, type StoreOptions } from './openedStore.ts';
import { jsonLine, print, printable } from './terminal.ts';
import { workerTable } from './workerTable.ts';

export interface StatusOptions extends StoreOptions {
  readonly batch?: string;
  /** Instead of the batches. */
  readonly workers?: boolean;
  readonly json?: boolean;
}

/** How long the owner may take to tell of its workers. */
const answerMs = 10_000;

/** `status`: prints the batches of a fleet, in order of creation; or its workers, as its owner sees them. */
export async function status({ batch, workers, json, ...options }: StatusOptions): Promise<number> {
  await using opened = await openStore(options);
  const owner = await opened.store.readOwner(opened.scope);
  const sayOwner = (): void => {
    if (json !== true) process.stderr.write(`${ownerText(owner)}\n`);
  };
  if (workers) {
    const seen = await workersOf(opened, owner);
    sayOwner();
    await print(json ? seen.map(jsonLine).join('') : workerTable(seen));
    return 0;
  }
  const batches =
    batch === undefined ? await allBatches(opened) : [await opened.reader.getBatchStatus(batch)];
  sayOwner();
  if (json) await print(batches.map(jsonLine).join(''));
  else if (batches.length > 0) await print(table([header, ...batches.map(row)], (column) => column >= 2));
  else await print('There are no batches.\n');
  return 0;
}

function ownerText(owner: string | null): string {
  return owner === null ? 'Nobody owns the fleet.' : `The fleet is owned by ${printable(owner)}.`;
}

async function workersOf(opened: OpenedStore, owner: string | null): Promise<readonly WorkerInfo[]> {
  // Of a fleet that nobody runs there are none; and nobody would answer.
  if (owner === null) return [];
  await using client = await connectFleet(opened.store, { name: opened.scope, timeoutMs: answerMs });
  return await client.getWorkers();
}

async function allBatches({ reader }: OpenedStore): Promise<BatchStatus[]> {
  const batches: BatchStatus[] = [];
  for (;;) {
    const after = batches.at(-1)?.id;
    const page = await reader.listBatches({ limit: pageSize, ...(after !== undefined && { after }) });
    batches.push(...page);
    if (page.length < pageSize) return batches;
  }
}

const header = [
  'BATCH',
  'STATUS',
  'DONE',
  'TASKS',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'RUNNING',
  'RETRYING',
  'QUEUED',
  'BLOCKED'
];

function row(batch: BatchStatus): string[] {
  return [
    printable(batch.id),
    batch.status,
    // 100 % only when all is done.
    `${Math.floor(batch.progress * 100)} %`,
    ...[
      batch.totalTasks,
      batch.completedTasks,
      batch.failedTasks,
      batch.cancelledTasks,
      batch.runningTasks,
      batch.retryingTasks,
      batch.queuedTasks,
      batch.blockedTasks
    ].map(String)
  ];
}
