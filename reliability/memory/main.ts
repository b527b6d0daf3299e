import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FleetManager } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { readOptions } from '../options.ts';

/**
 * Sends batches through a fleet on SQLite, and looks how much memory is held between them. What is held must not
 * grow with what has settled: it fails when the last sample holds over 2 MiB more than the second one.
 */
const tasksPerBatch = 1_000;
const cancelledPerBatch = 100;
const mayGrowMiB = 2;

const { amount: batches } = readOptions('memory', 'batches', 1_000);
const collectGarbage = globalThis.gc;
if (!collectGarbage) throw new Error('Run it with `npm run memory`');

const directory = await mkdtemp(join(tmpdir(), 'xstate-fleet-memory-'));
const heapMiB: number[] = [];
const samples = 20;
try {
  await using fleet = new FleetManager({
    handlers: { noop: async () => null },
    store: sqliteStore(join(directory, 'fleet.db'), { durability: 'process' }),
    config: { maxConcurrentWorkers: 100 }
  });
  await fleet.start();
  for (let batch = 1; batch <= batches; batch++) {
    await fleet.waitForBatch(await fleet.submitBatch(tasks(tasksPerBatch)));
    // Tasks that are cancelled before their time comes must leave too.
    const far = await fleet.submitBatch(tasks(cancelledPerBatch, 365 * 24 * 3_600_000));
    await fleet.cancelBatch(far);
    await fleet.waitForBatch(far);
    if (batch % Math.ceil(batches / samples) === 0) heapMiB.push(sample(batch));
  }
} finally {
  await rm(directory, { recursive: true });
}
const [, second = 0] = heapMiB;
const grown = (heapMiB.at(-1) ?? 0) - second;
process.stdout.write(`grown by ${grown.toFixed(2)} MiB since the second sample\n`);
process.exitCode = grown > mayGrowMiB ? 1 : 0;

function* tasks(count: number, delayMs = 0) {
  for (let index = 0; index < count; index++) {
    yield { id: String(index), type: 'noop' as const, data: { index }, delayMs };
  }
}

function sample(batch: number): number {
  collectGarbage!();
  const used = process.memoryUsage().heapUsed / 2 ** 20;
  process.stdout.write(`${batch * tasksPerBatch} tasks settled: ${used.toFixed(2)} MiB held\n`);
  return used;
}
