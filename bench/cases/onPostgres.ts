import { postgresStore } from 'xstate-fleet/postgres';
import type { Case } from '../case.ts';
import { runNoops } from './noopFleet.ts';

/** The same end to end in a PostgreSQL: what graphile-worker is set against, on the same server with the same settings. */
export function onPostgres(workers: number, tasks: number): Case {
  return {
    settings:
      `postgresStore, fsync and synchronous_commit on, loopback: committed before the submission is answered, before ` +
      `each handler starts, before each completion is told; ${workers} workers × 1, one batch of ${tasks} tasks`,
    server: 'PostgreSQL',
    async run({ serverUrl }) {
      const store = postgresStore(serverUrl, { schema: `fleet_${process.pid}` });
      const figures = await runNoops({
        tasks,
        store,
        options: { config: { maxConcurrentWorkers: workers } }
      });
      await store.close();
      return figures;
    }
  };
}
