import { fleetOnSqlite, fleetStream, fleetWith } from './fleet.ts';
import { pQueue } from './pQueue.ts';
import { rawSqlite } from './rawSqlite.ts';

/** By name; each runs its work once and says how many tasks that was. */
export const cases: Readonly<Record<string, () => Promise<number>>> = {
  'p-queue, concurrency 100': () => pQueue(100, 100_000),
  'fleet in memory, 100 workers': () => fleetWith(100, 100_000),
  'p-queue, concurrency 10': () => pQueue(10, 100_000),
  'fleet in memory, 10 workers': () => fleetWith(10, 100_000),
  'raw SQLite, full, 100 rows per commit': () => rawSqlite(20_000, 100),
  'fleet on SQLite, full, 100 workers': () => fleetOnSqlite(100, 20_000),
  'fleet in memory, a stream of 1,000,000': () => fleetStream(100, 1_000_000)
};
