import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { sqliteStore } from 'xstate-fleet/sqlite';
import type { Case } from '../case.ts';
import { runNoops } from './noopFleet.ts';

/** The same end to end on the disk: what the durable peers are set against. */
export function onSqlite(workers: number, tasks: number): Case {
  return {
    settings:
      `sqliteStore, durability full: fsync before the submission is answered, before each handler starts, ` +
      `before each completion is told; ${workers} workers × 1, one batch of ${tasks} tasks`,
    async run({ folder }) {
      const path = join(await mkdtemp(join(folder, 'sqlite-')), 'fleet.db');
      const store = sqliteStore(path, { durability: 'full' });
      return runNoops({ tasks, store, options: { config: { maxConcurrentWorkers: workers } } });
    }
  };
}
