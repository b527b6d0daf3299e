import type { BatchRow, ScheduleRow, StoredResult, StoredTask, StoreReader } from '../../../src/store.ts';

/** All that a store holds of one fleet. */
export interface Stored {
  readonly tasks: ReadonlyMap<string, StoredTask>;
  readonly batches: ReadonlyMap<string, BatchRow>;
  /** In order of settling. */
  readonly results: readonly StoredResult[];
  readonly schedules: readonly ScheduleRow[];
}

const limit = 1_000;

/** Reads it page by page, as anybody may beside the owner. */
export async function readStored(reader: StoreReader, scope: string): Promise<Stored> {
  const tasks = new Map<string, StoredTask>();
  for (let after = 0; ;) {
    const page = await reader.listTasks(scope, { limit, after });
    for (const task of page) tasks.set(task.row.context.key, task);
    if (page.length < limit) break;
    after = page.at(-1)!.row.context.seq;
  }
  const batches = new Map<string, BatchRow>();
  for (let after: string | undefined; ;) {
    const page = await reader.listBatches(scope, { limit, ...(after !== undefined && { after }) });
    for (const row of page) batches.set(row.context.id, row);
    if (page.length < limit) break;
    after = page.at(-1)!.context.id;
  }
  const results: StoredResult[] = [];
  for (let afterSettledSeq = 0; ;) {
    const page = await reader.readResults(scope, { limit, afterSettledSeq });
    results.push(...page);
    if (page.length < limit) break;
    afterSettledSeq = page.at(-1)!.settledSeq;
  }
  return { tasks, batches, results, schedules: await reader.listSchedules(scope, { limit }) };
}
