import type { BatchStatus } from '../../machines/batch.ts';
import { pageSize } from '../fleet/fleetReader.ts';
import { table } from '../validation/table.ts';
import { openStore, type OpenedStore, type StoreOptions } from './openedStore.ts';
import { jsonLine, print, printable } from './terminal.ts';

export interface StatusOptions extends StoreOptions {
  readonly batch?: string;
  readonly json?: boolean;
}

/** `status`: prints the batches of a fleet, in order of creation. */
export async function status({ batch, json, ...options }: StatusOptions): Promise<number> {
  await using opened = await openStore(options);
  const batches =
    batch === undefined ? await allBatches(opened) : [await opened.reader.getBatchStatus(batch)];
  if (json) await print(batches.map(jsonLine).join(''));
  else if (batches.length > 0) await print(table([header, ...batches.map(row)], (column) => column >= 2));
  else await print('There are no batches.\n');
  return 0;
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
