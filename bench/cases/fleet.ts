import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FleetManager, type Store } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';

const handlers = { noop: async () => {} };

/** Tasks that do nothing, submitted as one array, in memory. */
export async function fleetWith(workers: number, tasks: number, store?: Store): Promise<number> {
  await using fleet = new FleetManager({
    handlers,
    config: { maxConcurrentWorkers: workers },
    ...(store && { store })
  });
  await fleet.start();
  const all = Array.from({ length: tasks }, (_, index) => taskOf(index));
  const { completedTasks } = await fleet.waitForBatch(await fleet.submitBatch(all));
  return completedTasks;
}

/** The same on a store that has every claim and every completion on the disk before its effect. */
export async function fleetOnSqlite(workers: number, tasks: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    return await fleetWith(workers, tasks, sqliteStore(join(folder, 'fleet.db'), { durability: 'full' }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Tasks that arrive one after the other from an async iterable. */
export async function fleetStream(workers: number, tasks: number): Promise<number> {
  await using fleet = new FleetManager({ handlers, config: { maxConcurrentWorkers: workers } });
  await fleet.start();
  const { completedTasks } = await fleet.waitForBatch(await fleet.submitBatch(stream(tasks)));
  return completedTasks;
}

async function* stream(tasks: number) {
  for (let index = 0; index < tasks; index++) yield taskOf(index);
}

function taskOf(index: number) {
  return { id: String(index), type: 'noop' as const, data: { index } };
}
