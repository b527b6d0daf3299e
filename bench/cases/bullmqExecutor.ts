import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetManager, type Store } from 'xstate-fleet';
import { bullmqExecutor, bullmqWorker } from 'xstate-fleet/bullmq';
import { sqliteStore } from 'xstate-fleet/sqlite';
import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';
import { arrayOf, handlers } from './noopFleet.ts';
import { prepareRedis } from './redis.ts';

export interface OverBullMq {
  /** Attempts that its one worker runs at once. */
  readonly concurrency: number;
  readonly tasks: number;
  /** Where the fleet keeps its ledger. */
  readonly store: 'memory' | 'SQLite';
  /** What becomes of errors that nobody waits for. Defaults to the worker's default; plain BullMQ has `exit`. */
  readonly onDetachedError?: 'isolate' | 'exit';
}

/**
 * A fleet whose handlers run through BullMQ: what plain BullMQ is set against, on the same server with the same settings.
 * As there, both sides are in one process.
 */
export function overBullMq({ concurrency, tasks, store: kind, onDetachedError }: OverBullMq): Case {
  const ledger = kind === 'memory' ? 'memoryStore' : 'sqliteStore, durability full';
  return {
    settings:
      `${ledger}; bullmqExecutor with its defaults, 1 bullmqWorker, concurrency ${concurrency}, ` +
      `${onDetachedError === undefined ? '' : `onDetachedError ${onDetachedError}, `}appendonly with ` +
      `appendfsync everysec, loopback, one batch of ${tasks} tasks`,
    server: 'Redis',
    maxRounds: 3,
    async run({ serverUrl: url, folder }) {
      await prepareRedis(url, 'everysec');
      const store: { store?: Store } =
        kind === 'memory'
          ? {}
          : {
              store: sqliteStore(join(await mkdtemp(join(folder, 'bullmq-')), 'fleet.db'), {
                durability: 'full'
              })
            };
      const fleet = new FleetManager({ ...store, executor: bullmqExecutor({ url, fleet: 'bench' }) });
      await fleet.start();
      const worker = bullmqWorker({
        url,
        fleet: 'bench',
        concurrency,
        handlers: { noop: handlers.noop },
        onDetachedError
      });
      await worker.start();
      const figures = await measureTasks(tasks, async (count) => {
        const batchId = await fleet.submitBatch(arrayOf(count));
        return (await fleet.waitForBatch(batchId)).completedTasks;
      });
      await worker.drain();
      await fleet.stop({ graceful: false });
      return figures;
    }
  };
}
