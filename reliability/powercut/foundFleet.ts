import { isFinalTaskStatus } from '../../machines/task.ts';
import { restoreAgents } from '../../src/agents/agentSnapshots.ts';
import { firingId } from '../../src/schedules/scheduleTemplate.ts';
import type { BatchRow, ScheduleRow, StoredResult, StoredTask } from '../../src/store.ts';
import { loadSqlite } from '../../src/stores/sqlite/library.ts';
import { StoreDriver } from '../../src/stores/sqlite/storeDriver.ts';
import { scope } from './workload.ts';
import {
  decodeAgent,
  decodeBatch,
  decodeResult,
  decodeSchedule,
  decodeStoredTask
} from '../../src/stores/rowCells.ts';

/** All that a store holds of the fleet. */
export interface FoundFleet {
  readonly tasks: ReadonlyMap<string, StoredTask['row']>;
  readonly batches: ReadonlyMap<string, BatchRow>;
  /** In order of settling; more than one of a key would be a task that settled twice. */
  readonly results: readonly StoredResult[];
  readonly schedules: ReadonlyMap<string, ScheduleRow>;
}

/** Rows that are read at once. */
const pageSize = 1_000;

const openDatabase = await loadSqlite();

/**
 * Opens a store as its owner does, and reads all of it. In this thread: starting one for each of many thousand
 * stores would take longer than everything else.
 *
 * @throws {Error} when it cannot be opened or read, or when its parts do not belong together.
 */
export function readFleet(path: string): FoundFleet {
  const driver = new StoreDriver(
    { path, durability: 'none', busyTimeoutMs: 0 },
    openDatabase,
    () => undefined
  );
  try {
    const { agents, schedules } = driver.open(scope, 'powercut');
    restoreAgents(path, agents.map(decodeAgent));
    requireTemplates(driver, schedules.map(decodeSchedule));
    const found = {
      tasks: new Map(allTasks(driver).map(({ row }) => [row.context.key, row])),
      batches: new Map(allBatches(driver).map((row) => [row.context.id, row])),
      results: allResults(driver),
      schedules: new Map(schedules.map(decodeSchedule).map((row) => [row.context.id, row]))
    };
    requireWholeTurns(found);
    return found;
  } finally {
    driver.close();
  }
}

/** @throws {Error} when a page of the file or an index of it is damaged. */
export function checkIntegrity(path: string): void {
  const database = openDatabase(path, {});
  try {
    const [verdict] = Object.values(database.prepare('PRAGMA integrity_check').get() as object) as string[];
    if (verdict !== 'ok') throw new Error(`integrity_check: ${verdict}`);
  } finally {
    database.close();
  }
}

function allTasks(driver: StoreDriver): StoredTask[] {
  return paged((last?: StoredTask) =>
    driver
      .listTasks(scope, { limit: pageSize, ...(last && { after: last.row.context.seq }) })
      .map(decodeStoredTask)
  );
}

function allBatches(driver: StoreDriver): BatchRow[] {
  return paged((last?: BatchRow) =>
    driver.batches(scope, { limit: pageSize, ...(last && { after: last.context.id }) }).map(decodeBatch)
  );
}

function allResults(driver: StoreDriver): StoredResult[] {
  return paged((last?: StoredResult) =>
    driver
      .results(scope, { limit: pageSize, ...(last && { afterSettledSeq: last.settledSeq }) })
      .map(decodeResult)
  );
}

function paged<T>(readAfter: (last?: T) => T[]): T[] {
  const all: T[] = [];
  for (;;) {
    const page = readAfter(all.at(-1));
    all.push(...page);
    if (page.length < pageSize) return all;
  }
}

/** A turn is written whole or not at all: what it changes in one table agrees with what it changes in another. */
function requireWholeTurns({ tasks, batches, results, schedules }: FoundFleet): void {
  for (const { context } of schedules.values()) requireRuns(context, [...tasks.keys(), ...batches.keys()]);
  const settled = new Set(results.map(({ key }) => key));
  for (const [key, { state, context }] of tasks) {
    if (isFinalTaskStatus(state) !== settled.has(key))
      throw new Error(`Task ${key} is ${state}, against its result`);
    if (context.batchId !== null && !batches.has(context.batchId)) {
      throw new Error(`Task ${key} is there, and its batch is not`);
    }
  }
  for (const { key } of results) if (!tasks.has(key)) throw new Error(`The result of ${key} has no task`);
}

/** A firing and what it submitted are one turn: a schedule has fired as often as there are things that it submitted. */
function requireRuns({ id, runs, lastRun }: ScheduleRow['context'], names: readonly string[]): void {
  const made = names.filter((name) => name.startsWith(`${id}@`) && !name.includes('/')).length;
  if (made !== runs) throw new Error(`Schedule ${id} has fired ${runs} times, and submitted ${made}`);
  if (lastRun !== null && !names.includes(firingId(id, lastRun.at))) {
    throw new Error(`What schedule ${id} submitted last is not there`);
  }
}

function requireTemplates(driver: StoreDriver, schedules: readonly ScheduleRow[]): void {
  const ids = schedules.map(({ context }) => context.id);
  const found = driver.templates(scope, ids).length;
  if (found !== ids.length) throw new Error(`${ids.length} schedules have ${found} templates`);
}
