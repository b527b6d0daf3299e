// A process with a fleet that works for a while on a disk that keeps a log, and says what it acknowledges.
import { statSync, writeSync } from 'node:fs';
import { FleetManager } from '../../src/index.ts';
import { sqliteStore, type SqliteOptions } from '../../src/stores/sqlite.ts';
import { SeededRandom } from '../random.ts';
import type { Told } from './acknowledgement.ts';
import { scope, someTasks, workHandlers } from './workload.ts';

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
  await fleet.start();
  await Promise.all([1, 2, 3].map((lane) => workThrough(fleet, `${run}.${lane}`)));
  await fleet.stop();
  await store.close();
}

/** Submits one batch after the other: while one lane waits, the turns of the others go on. */
async function workThrough(fleet: FleetManager, lane: string): Promise<void> {
  for (let number = 1; number <= Number(batches); number++) {
    const batchId = `${lane}.${number}`;
    const tasks = someTasks(random.integer(1, 5), random);
    await fleet.submitBatch(tasks, { batchId });
    acknowledge({ type: 'accepted', batchId, keys: tasks.map(({ id }) => `${batchId}/${id}`) });
    if (random.chance(0.1) && (await fleet.cancelBatch(batchId))) {
      acknowledge({ type: 'cancelled', batchId });
    }
    for await (const { key, result } of fleet.streamBatchResults<string>(batchId)) {
      acknowledge({ type: 'result', key, result: result ?? null });
    }
  }
}

/** At once, and past the disk that keeps the log. */
function acknowledge(told: Told): void {
  writeSync(1, `${JSON.stringify({ ...told, at: statSync(log).size })}\n`);
}
