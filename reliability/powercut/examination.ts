import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFinalTaskStatus } from '../../machines/task.ts';
import { FleetManager } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { addCounts, noCounts, type Counts } from '../counts.ts';
import type { Acknowledgement } from './acknowledgement.ts';
import { checkIntegrity, readFleet, type FoundFleet } from './foundFleet.ts';
import { storeName } from './history.ts';
import type { DiskImage } from './powerlessDisk.ts';
import { expectedResult, scope, workHandlers, type WorkData } from './workload.ts';

/** What a power cut left of a fleet. */
export interface Examination {
  readonly counts: Counts;
  /** Why the store could not be opened, read or recovered; `null`: it could. */
  readonly damage: string | null;
}

/** How long a recovered fleet may take for what was left to do, ms. Far above what it takes. */
const recoveryTimeoutMs = 30_000;

/**
 * Opens what a power cut left, and compares it with what had been acknowledged.
 *
 * @param directory - Where the files may lie. It is emptied before.
 * @param told - What had been acknowledged when the power failed.
 */
export function examine(image: DiskImage, directory: string, told: readonly Acknowledgement[]): Examination {
  return judged(told, () => {
    const path = writeImage(image, directory);
    const found = readFleet(path);
    checkIntegrity(path);
    return compare(found, told);
  });
}

/** Lets a fleet go on from what a power cut left until all is settled, and compares before and after. */
export async function examineRecovery(
  image: DiskImage,
  directory: string,
  told: readonly Acknowledgement[]
): Promise<Examination> {
  let before: FoundFleet;
  try {
    before = readFleet(writeImage(image, directory));
  } catch {
    // What is wrong with it is told by `examine`.
    return { counts: noCounts, damage: null };
  }
  const path = writeImage(image, directory);
  const ran: string[] = [];
  try {
    await settleAll(path, (key) => ran.push(key));
  } catch (error) {
    return { counts: { ...noCounts, stuck: 1 }, damage: String(error) };
  }
  return judged(told, () => {
    const after = readFleet(path);
    return addCounts(compare(after, told), changesSince(before, after, ran));
  });
}

function judged(told: readonly Acknowledgement[], count: () => Counts): Examination {
  try {
    return { counts: count(), damage: null };
  } catch (error) {
    const lost = new Set(told.flatMap((fact) => (fact.type === 'accepted' ? fact.keys : []))).size;
    return { counts: { ...noCounts, tried: lost, lost }, damage: String(error) };
  }
}

function writeImage(image: DiskImage, directory: string): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [name, bytes] of image) writeFileSync(join(directory, name), bytes);
  return join(directory, storeName);
}

async function settleAll(path: string, onRun: (key: string) => void): Promise<void> {
  const store = sqliteStore(path, { durability: 'none' });
  const fleet = new FleetManager({
    name: scope,
    store,
    handlers: workHandlers(onRun),
    config: { maxConcurrentWorkers: 6, retry: { baseMs: 1, maxMs: 5 } }
  });
  try {
    await fleet.start();
    // What was missed has fired by then, if its schedule still does.
    for (const { id, status } of await fleet.listSchedules({ limit: 1_000 }))
      if (status === 'active') await fleet.pauseSchedule(id);
    await settleSingleTasks(fleet);
    for (let after: string | undefined; ;) {
      const page = await fleet.listBatches({ limit: 1_000, ...(after !== undefined && { after }) });
      await Promise.all(page.map(({ id }) => fleet.waitForBatch(id, { timeoutMs: recoveryTimeoutMs })));
      if (page.length < 1_000) break;
      after = page.at(-1)!.id;
    }
    await fleet.stop();
  } catch (error) {
    await fleet.stop({ graceful: false });
    throw error;
  } finally {
    await store.close();
  }
}

/** Those that schedules submitted. */
async function settleSingleTasks(fleet: FleetManager): Promise<void> {
  for (let after = 0; ;) {
    const page = await fleet.listTasks({ limit: 1_000, after });
    const single = page.filter(({ batchId }) => batchId === null);
    await Promise.all(single.map(({ key }) => fleet.waitFor(key, { timeoutMs: recoveryTimeoutMs })));
    if (page.length < 1_000) return;
    after = page.at(-1)!.seq;
  }
}

/** What of the acknowledged is not there, and what is there twice. */
function compare(
  { tasks, batches, results, schedules }: FoundFleet,
  told: readonly Acknowledgement[]
): Counts {
  const byKey = new Map(results.map((result) => [result.key, result]));
  const lost = new Set<string>();
  // It may be gone from when somebody asked for that.
  const unscheduled = new Set(
    told.flatMap((fact) => (fact.type === 'unscheduling' ? [fact.scheduleId] : []))
  );
  let tried = 0;
  for (const fact of told) {
    switch (fact.type) {
      case 'accepted':
        tried += fact.keys.length;
        for (const key of fact.keys) if (!tasks.has(key)) lost.add(key);
        break;
      case 'fired':
        tried += 1;
        if (!tasks.has(fact.name) && !batches.has(fact.name)) lost.add(fact.name);
        break;
      case 'scheduled':
        if (!schedules.has(fact.scheduleId) && !unscheduled.has(fact.scheduleId)) lost.add(fact.scheduleId);
        break;
      case 'unscheduled':
        if (schedules.has(fact.scheduleId)) lost.add(fact.scheduleId);
        break;
      case 'unscheduling':
        break;
      case 'cancelled': {
        const state = batches.get(fact.batchId)?.state;
        if (state !== 'cancelling' && state !== 'cancelled') lost.add(fact.batchId);
        break;
      }
      case 'settled': {
        const result = byKey.get(fact.key);
        if (result?.status !== fact.status || result.settledSeq !== fact.settledSeq) lost.add(fact.key);
        break;
      }
      case 'result': {
        const result = byKey.get(fact.key);
        if (result === undefined || valueOf(result.result) !== fact.result) lost.add(fact.key);
      }
    }
  }
  return { ...noCounts, tried, lost: lost.size, duplicated: results.length - byKey.size };
}

/** What a recovery did to what had been settled, and what it did not settle. */
function changesSince(before: FoundFleet, after: FoundFleet, ran: readonly string[]): Counts {
  const settledBefore = new Map(before.results.map((result) => [result.key, result]));
  const settledAfter = new Map(after.results.map((result) => [result.key, result]));
  const changed = [...settledBefore].filter(
    ([key, result]) => JSON.stringify(settledAfter.get(key)) !== JSON.stringify(result)
  );
  const lost = new Set([...before.tasks.keys()].filter((key) => !after.tasks.has(key)));
  for (const { key, type, status, result } of after.results) {
    if (status === 'cancelled') continue;
    const size = valueOf(result)?.length ?? 0;
    if (valueOf(result) !== expectedResult(type, key, { size } satisfies WorkData)) lost.add(key);
  }
  return {
    ...noCounts,
    lost: lost.size,
    duplicated: changed.length + ran.filter((key) => settledBefore.has(key)).length,
    stuck: [...after.tasks.values()].filter(({ state }) => !isFinalTaskStatus(state)).length
  };
}

/** @param text - JSON text of a result. */
function valueOf(text: string | null): string | null {
  return text === null ? null : (JSON.parse(text) as string);
}
