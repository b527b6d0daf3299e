// How much memory a queued task takes: a paused fleet on SQLite, filled by a stream, then opened again.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FleetManager } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';

const tasks = Number(process.argv[2] ?? 1_000_000);
const folder = await mkdtemp(join(tmpdir(), 'queued-'));
const handlers = { noop: async () => {} };

for (const [name, newId] of [
  ['ids of digits', String],
  ['ids of 36 characters', () => randomUUID()]
] as const) {
  const path = join(folder, `${name}.db`);
  console.log(`${tasks} queued, ${name}: ${await fill(path, newId)}; ${await reopen(path)}`);
}
await rm(folder, { recursive: true });

async function fill(path: string, newId: (index: number) => string): Promise<string> {
  const before = await liveBytes();
  const fleet = await startPaused(path);
  const began = performance.now();
  await fleet.submitBatch(stream(newId), { batchId: newId(0) });
  const perSecond = Math.round((tasks / (performance.now() - began)) * 1_000);
  const bytes = await bytesEach(before);
  await fleet.stop({ graceful: false });
  return `${bytes} (${perSecond} submitted a second)`;
}

async function reopen(path: string): Promise<string> {
  const before = await liveBytes();
  const began = performance.now();
  const fleet = await startPaused(path);
  const ms = Math.round(performance.now() - began);
  const bytes = await bytesEach(before);
  await fleet.stop({ graceful: false });
  return `opened again in ${ms} ms: ${bytes}`;
}

async function startPaused(path: string) {
  const fleet = new FleetManager({ handlers, store: sqliteStore(path) });
  await fleet.start();
  await fleet.pause();
  return fleet;
}

async function* stream(newId: (index: number) => string) {
  for (let index = 0; index < tasks; index++) {
    yield { id: newId(index), type: 'noop' as const, data: { index }, priority: index % 3 };
  }
}

async function bytesEach(before: number): Promise<string> {
  return `${(((await liveBytes()) - before) / tasks).toFixed(0)} bytes each`;
}

/** What is in use after a collection. */
async function liveBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await wait(200);
    globalThis.gc!();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
