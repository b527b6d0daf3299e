// A process with a fleet that works for a while on a disk that keeps a log, and says what it acknowledges.
import { statSync, writeSync } from 'node:fs';
import { FleetManager } from '../../src/index.ts';
import { sqliteStore, type SqliteOptions } from '../../src/stores/sqlite.ts';
import { SeededRandom } from '../../src/testing/seededRandom.ts';
import type { Told } from './acknowledgement.ts';
import { scope, someTasks, someTemplate, workHandlers } from './workload.ts';

const [path = '', durability = '', seed = '', runs = '', batches = ''] = process.argv.slice(2);
const log = process.env.FAULTY_DISK_LOG!;
const random = new SeededRandom(Number(seed));

for (let run = 1; run <= Number(runs); run++) {
  const store = sqliteStore(path, { durability: durability as NonNullable<SqliteOptions['durability']> });
  const fleet = new FleetManager({
    name: scope,
    store,
    handlers: workHandlers(),
    config: { maxConcurrentWorkers: 6, retry: { baseMs: 1, maxMs: 5 } },
    random: () => random.next()
  });
  fleet.on('task.settled', ({ key, status, settledSeq }) =>
    acknowledge({ type: 'settled', key, status, settledSeq })
  );
  fleet.on('schedule.fired', ({ run: { taskKey, batchId } }) =>
    acknowledge({ type: 'fired', name: taskKey ?? batchId! })
  );
  await fleet.start();
  await Promise.all([1, 2, 3].map((lane) => workThrough(fleet, `${run}.${lane}`)));
  await fleet.stop();
  await store.close();
}

/**
 * Submits one batch after the other: while one lane waits, the turns of the others go on. A schedule submits beside
 * them; every other lane removes it in the end.
 */
async function workThrough(fleet: FleetManager, lane: string): Promise<void> {
  // The first time comes at once, the others each second.
  const startAt = Date.now() + random.integer(5, 200);
  await fleet.schedule(lane, { everyMs: 1_000 }, someTemplate(random), { startAt });
  acknowledge({ type: 'scheduled', scheduleId: lane });
  for (let number = 1; number <= Number(batches); number++) {
    const batchId = `${lane}.${number}`;
    const tasks = someTasks(batchId, random.integer(1, 5), random);
    await fleet.submitBatch(tasks, { batchId });
    acknowledge({ type: 'accepted', batchId, keys: tasks.map(({ id }) => `${batchId}/${id}`) });
    if (random.chance(0.1) && (await fleet.cancelBatch(batchId))) {
      acknowledge({ type: 'cancelled', batchId });
    }
    for await (const { key, result } of fleet.streamBatchResults<string>(batchId)) {
      acknowledge({ type: 'result', key, result: result ?? null });
    }
  }
  if (random.chance(0.5)) return;
  acknowledge({ type: 'unscheduling', scheduleId: lane });
  await fleet.unschedule(lane);
  acknowledge({ type: 'unscheduled', scheduleId: lane });
}

/** At once, and past the disk that keeps the log. */
function acknowledge(told: Told): void {
  writeSync(1, `${JSON.stringify({ ...told, at: statSync(log).size })}\n`);
}
