import { existsSync } from 'node:fs';
import { mkdtemp, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { FleetManager, memoryStore, type Store } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import type { Case, CaseContext } from '../case.ts';
import { runCase } from '../process/runCase.ts';
import { handlers } from './noopFleet.ts';

/** The RAM that a queued task takes, in memory: its data is null, so that no payload is counted. */
export function queuedInMemory(tasks: number): Case {
  return {
    settings: `memoryStore, paused, ${tasks} tasks without data from an async iterable, live heap after collections`,
    maxRounds: 2,
    run: () => fill(memoryStore(), tasks)
  };
}

/** The same on SQLite, where payloads are on the disk. Leaves its file for {@link opened}. */
export function queuedOnSqlite(tasks: number): Case {
  return {
    settings: `sqliteStore, full, paused, ${tasks} tasks without data from an async iterable, live heap after collections`,
    maxRounds: 2,
    async run({ folder }) {
      const made = await mkdtemp(join(folder, 'queued-'));
      const figures = await fill(sqliteStore(join(made, 'fleet.db')), tasks);
      if (!existsSync(filled(folder, tasks))) await rename(made, dirname(filled(folder, tasks)));
      return figures;
    }
  };
}

/** How long a fleet takes to open what another one had queued, and what it holds then. */
export function opened(tasks: number, filledBy: string): Case {
  return {
    settings: `sqliteStore, a new process, from new FleetManager to the end of start(), ${tasks} tasks queued in the file`,
    async run(context) {
      await requireFilled(tasks, filledBy, context);
      const before = await liveBytes();
      const began = performance.now();
      const fleet = await startedFleet(sqliteStore(filled(context.folder, tasks)));
      const openMs = performance.now() - began;
      const bytesEach = ((await liveBytes()) - before) / tasks;
      const { queuedTasks } = await fleet.getStats();
      if (queuedTasks !== tasks) throw new Error(`${queuedTasks} of ${tasks} are queued`);
      await fleet.stop({ graceful: false });
      return { openMs, bytesEach };
    }
  };
}

/** In a process of its own, so that the one that opens the file has not made it. */
async function requireFilled(tasks: number, filledBy: string, context: CaseContext): Promise<void> {
  if (!existsSync(filled(context.folder, tasks))) await runCase(filledBy, context);
}

function filled(folder: string, tasks: number): string {
  return join(folder, `filled-${tasks}`, 'fleet.db');
}

async function fill(store: Store, tasks: number) {
  const before = await liveBytes();
  const fleet = await startedFleet(store);
  await fleet.pause();
  const began = performance.now();
  await fleet.submitBatch(stream(tasks));
  const ms = performance.now() - began;
  const bytesEach = ((await liveBytes()) - before) / tasks;
  await fleet.stop({ graceful: false });
  return { perSecond: (tasks / ms) * 1_000, bytesEach };
}

async function startedFleet(store: Store) {
  const fleet = new FleetManager({ handlers, store });
  await fleet.start();
  return fleet;
}

async function* stream(tasks: number) {
  for (let index = 0; index < tasks; index++) {
    yield { id: String(index), type: 'noop' as const, data: null, priority: index % 3 };
  }
}

/** What is in use after a collection. */
async function liveBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await wait(100);
    globalThis.gc!();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
