import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { restoreAgents } from '../../../src/agents/agentSnapshots.ts';
import { loadSketches } from '../../../src/coordinator/durationSketch.ts';
import { FleetManager } from '../../../src/index.ts';
import { LiveCounts } from '../../../src/journal/liveCounts.ts';
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { agentFindings } from '../../../src/stores/sqlite/agentCheck.ts';
import { failureOf } from '../../../src/stores/sqlite/failure.ts';
import { decodeAgent, decodeBatch, decodeHead } from '../../../src/stores/sqlite/fleetRows.ts';
import { decodeSchedule } from '../../../src/stores/sqlite/scheduleRows.ts';
import { StoreDriver } from '../../../src/stores/sqlite/storeDriver.ts';
import { decodeStoredTask, decodeTaskPage } from '../../../src/stores/sqlite/taskRows.ts';
import { gate } from '../../harness.ts';
import { cancel } from '../contract.ts';
import { temporaryPath } from '../directory.ts';

await loadSketches();

const scope = 'images';
const suffixes = ['', '-wal', '-mark'] as const;

/** The files of a store. */
export type Image = ReadonlyMap<string, Buffer>;

/** Stores of a real fleet. Those that were "killed" are copied while it lives and rests: a kill leaves the same files. */
export interface Images {
  readonly closed: Image;
  /** Killed when nothing had been written back yet: all is in the log. */
  readonly killedEarly: Image;
  /** Killed later: what settled is in the database, what ran then is in the log. */
  readonly killed: Image;
}

export async function makeImages(): Promise<Images> {
  const path = temporaryPath();
  const hold = gate();
  const store = sqliteStore(path);
  const fleet = new FleetManager({
    name: scope,
    store,
    handlers: {
      work: async (n: number) => {
        if (n >= 30) await hold.promise;
        if (n % 7 === 0) throw new Error(`no luck with ${n}`);
        return { n, text: 'x'.repeat(n * 20) };
      }
    },
    config: { maxConcurrentWorkers: 3, maxRetries: 0, workerGroups: [{ tags: ['gpu'], workers: 1 }] }
  });
  await fleet.start();
  await putSchedules(fleet);
  const batches = [0, 1, 2, 3].map((batch) =>
    range(10).map((n) => ({
      id: `t${n}`,
      type: 'work' as const,
      data: batch * 10 + n,
      ...extrasOf(batch, n)
    }))
  );
  const [first, second, third, last] = batches;
  const done = await Promise.all([first!, second!, third!].map((tasks) => fleet.submitBatch(tasks)));
  for (const id of done) await fleet.waitForBatch(id);
  const killedEarly = imageOf(path);
  const database = new DatabaseSync(path);
  database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  database.close();
  await fleet.submitBatch(last!, { batchId: 'held', metadata: { by: 'test' } });
  await fleet.pauseSchedule('s0');
  await fleet.unschedule('s5');
  await fleet.coordinator.submitResult('outside', { taskId: 'x', success: true, duration: 1, timestamp: 1 });
  await fleet.pause();
  await store.sendCommand('nobody', cancel('c1'));
  // Acknowledged by its turn: the last thing that is in the log.
  await fleet.updateConfig({ maxRetries: 5 });
  const killed = imageOf(path);
  hold.open();
  await fleet.stop();
  await store.close();
  return { closed: imageOf(path), killedEarly, killed };
}

/** None fires: what a store holds is not to depend on when it is read. */
async function putSchedules(fleet: Pick<FleetManager, 'schedule'>): Promise<void> {
  const startAt = Date.UTC(2900, 0);
  for (const n of range(6)) {
    const template = { type: 'work', data: { n, text: 'y'.repeat(n * 50) } };
    await fleet.schedule(`s${n}`, { everyMs: 60_000 + n }, template, { startAt });
  }
  const tasks = range(4).map((n) => ({ id: `t${n}`, type: 'work', data: n }));
  await fleet.schedule('batch', { cron: '0 0 1 1 *', timeZone: 'Europe/Berlin' }, { tasks }, { startAt });
}

/** Tags, an idempotency key and dependencies, of some tasks. */
function extrasOf(batch: number, n: number) {
  return {
    ...(n % 5 === 1 && { tags: ['gpu'] }),
    ...(n % 4 === 2 && { idempotencyKey: `once ${batch} ${n}` }),
    ...(n % 3 === 2 && { dependsOn: [`t${n - 1}`] })
  };
}

/** Writes an image into an empty directory. */
export function placeImage(image: Image, directory: string): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'fleet.db');
  for (const [suffix, bytes] of image) writeFileSync(`${path}${suffix}`, bytes);
  return path;
}

/** How a store answers who reads all of it. */
export type Reading =
  | { readonly content: string }
  /** `code`: of the typed error; `null`: the error is none. */
  | { readonly code: string | null; readonly error: unknown };

/** What the check says, and then what a fleet and its readers find. */
export function readStore(path: string): { readonly isSound: boolean; readonly reading: Reading } {
  const driver = new StoreDriver(
    { path, durability: 'full', busyTimeoutMs: 0 },
    (location, options) => new DatabaseSync(location, options),
    () => undefined
  );
  try {
    const report = driver.check();
    const findings = [...report.findings, ...agentFindings(path, report.agents)];
    return { isSound: findings.length === 0, reading: readAll(driver, path) };
  } finally {
    closeQuietly(driver);
  }
}

function readAll(driver: StoreDriver, path: string): Reading {
  try {
    return { content: JSON.stringify(contentOf(driver, path)) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_STORE')) {
      return { code: String(error.code), error };
    }
    const failure = failureOf(error, path);
    const isTyped = failure.kind !== 'store' || failure.code !== 'ERR_STORE_IO' || hasSqliteCode(error);
    return { code: isTyped ? failure.kind : null, error };
  }
}

/** Everything that a fleet and its readers see. */
function contentOf(driver: StoreDriver, path: string): unknown {
  const scopes = driver.scopes();
  const { number, head, agents, batches, schedules } = driver.open(scope, 'me');
  const restored = restoreAgents(path, agents.map(decodeAgent));
  const [, page] = driver.liveTasks(scope, 0, 1_000) as [number, string];
  const live = decodeTaskPage(page, number, 0);
  const counts = new LiveCounts();
  for (const row of live) counts.add(row);
  const problem = counts.problem(decodeHead(head), batches.map(decodeBatch));
  if (problem !== null) throw Object.assign(new Error(problem), { code: 'ERR_STORE_CORRUPT' });
  const tasks = driver.listTasks(scope, { limit: 1_000 }).map(decodeStoredTask);
  return {
    scopes,
    head: decodeHead(head),
    restored,
    live,
    batches: driver.batches(scope, { limit: 100 }).map(decodeBatch),
    byName: batches.map(([name]) => driver.batch(scope, name as string)),
    tasks,
    byKey: driver
      .tasks(
        scope,
        tasks.map(({ row }) => row.context.key)
      )
      .map(decodeStoredTask).length,
    payloads: driver.payloads(
      scope,
      live.map(({ context }) => context.seq)
    ),
    results: driver.results(scope, { limit: 1_000 }),
    ofBatch: driver.results(scope, { limit: 1_000, batchId: 'held' }),
    failed: driver.results(scope, { limit: 1_000, success: false }),
    each: tasks.map(({ row }) => driver.result(scope, row.context.key)),
    sums: driver.sumResults(scope, 0),
    keyHolders: driver
      .keyHolders(
        scope,
        tasks.flatMap(({ payload }) => payload.idempotencyKey ?? [])
      )
      .map(decodeStoredTask),
    schedules: schedules.map(decodeSchedule),
    listed: driver.listSchedules(scope, { limit: 100 }).map(decodeSchedule),
    eachSchedule: schedules.map(([id]) => driver.schedule(scope, id as string)),
    templates: driver.templates(
      scope,
      schedules.map(([id]) => id as string)
    ),
    reply: driver.readReply('nobody', 'c1')
  };
}

function hasSqliteCode(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error;
}

function closeQuietly(driver: StoreDriver): void {
  try {
    driver.close();
  } catch {
    // A damaged file need not close.
  }
}

function imageOf(path: string): Image {
  return new Map(
    suffixes
      .filter((suffix) => existsSync(`${path}${suffix}`))
      .map((suffix) => [suffix, copyOf(`${path}${suffix}`)])
  );
}

/** By a process of its own: closing the file here would drop the locks that this one has on it. */
function copyOf(path: string): Buffer {
  execFileSync('cp', [path, `${path}.copy`]);
  return readFileSync(`${path}.copy`);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
