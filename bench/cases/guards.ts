import type { Case } from '../case.ts';
import { pQueue } from '../peers/pQueue.ts';
import { rawSqlite } from '../peers/rawSqlite.ts';
import { calibration } from './calibration.ts';
import { inMemory } from './inMemory.ts';
import { onSqlite } from './onSqlite.ts';

const tasks = 30_000;
const durableTasks = 5_000;

/** What `bench:check` measures: short, so that there is time for many rounds. */
export const guards = {
  'a plain loop, short': calibration(10 * tasks),
  'p-queue, short': pQueue(100, 3 * tasks),
  'raw SQLite, short': rawSqlite(2 * durableTasks, 100),
  'memory, 100 workers, short': inMemory(100, 1, tasks),
  'memory, 10 workers, short': inMemory(10, 1, tasks),
  'SQLite, 100 workers, short': onSqlite(100, durableTasks)
} as const satisfies Readonly<Record<string, Case>>;

export type GuardName = keyof typeof guards;

/** Those that may not become slower, by those that measure their cost: these change with the machine and Node alone. */
export const yardsticksOf = {
  'memory, 100 workers, short': ['a plain loop, short', 'p-queue, short'],
  'memory, 10 workers, short': ['a plain loop, short', 'p-queue, short'],
  'SQLite, 100 workers, short': ['a plain loop, short', 'raw SQLite, short']
} as const satisfies Readonly<Partial<Record<GuardName, readonly GuardName[]>>>;

export type Guarded = keyof typeof yardsticksOf;
