import type { Figure } from './case.ts';
import type { CaseName } from './cases/index.ts';

/** What we want of a figure, alone or as a ratio to that of others measured in the same rounds. */
export interface Goal {
  readonly work: string;
  readonly of: CaseName;
  readonly figure: Figure;
  /** The best of them counts. Without any, the goal is about the figure itself. */
  readonly against?: readonly CaseName[];
  readonly bound: 'at least' | 'at most';
  readonly goal: number;
}

const graphile100 = [
  'graphile-worker, 100 at once, one by one',
  'graphile-worker, 100 at once, batched',
  'graphile-worker, 100 at once, batched for 50 ms'
] as const;
const graphile10 = [
  'graphile-worker, 10 at once, one by one',
  'graphile-worker, 10 at once, batched'
] as const;

export const goals: readonly Goal[] = [
  faster('in memory, 100 workers × 1', 'memory, 100 workers', ['p-queue, 100 at once'], 1),
  faster('in memory, 1 worker × 100', 'memory, 1 worker × 100', ['fastq with promises, 100 at once'], 1.5),
  faster('the same', 'memory, 1 worker × 100', ['fastq with callbacks, 100 at once'], 1.5),
  faster('in memory, 10 workers × 1', 'memory, 10 workers', ['p-queue, 10 at once'], 0.6),
  faster('in memory, 1,000 workers × 1', 'memory, 1,000 workers', ['memory, 100 workers'], 0.9),
  faster('durable, 100 workers', 'SQLite, 100 workers', graphile100, 3),
  faster(
    'the same',
    'SQLite, 100 workers',
    ['BullMQ, synced, 100 at once', 'BullMQ, synced, 500 at once'],
    6
  ),
  faster('the same', 'SQLite, 100 workers', ['raw SQLite, 100 rows per commit'], 0.5),
  faster(
    'through BullMQ, 100 at once',
    'bullmqExecutor, 1 worker × 100',
    ['BullMQ, once a second, 100 at once'],
    0.8
  ),
  faster(
    'the same, errors not isolated, as in BullMQ',
    'bullmqExecutor, 1 worker × 100, errors not isolated',
    ['BullMQ, once a second, 100 at once'],
    0.8
  ),
  faster('durable, 10 workers', 'SQLite, 10 workers', graphile10, 1),
  faster('in PostgreSQL, 100 workers', 'PostgreSQL, 100 workers', graphile100, 2),
  faster('the same', 'PostgreSQL, 100 workers', ['SQLite, 100 workers'], 0.5),
  {
    work: '1,000,000 tasks, each',
    of: 'memory, a stream of 1,000,000',
    figure: 'wallUs',
    against: ['memory, 100 workers'],
    bound: 'at most',
    goal: 1.2
  },
  limit('the event loop meanwhile', 'memory, a stream of 1,000,000', 'blockMs', 20),
  limit('1,000,000 queued in memory', 'queued in memory, 1,000,000', 'bytesEach', 200),
  limit('1,000,000 queued on SQLite', 'queued on SQLite, 1,000,000', 'bytesEach', 200),
  limit('1,000,000 queued, opened again', 'opened again with 1,000,000 queued', 'openMs', 2_000),
  limit('one task alone, in memory', 'one task, memory', 'p50Us', 60),
  {
    work: 'one task alone, durable',
    of: 'one task, SQLite',
    figure: 'p50Us',
    against: ['one raw commit'],
    bound: 'at most',
    goal: 2.5
  },
  faster('a fresh worker for each task, 100', 'ephemeral, 100 workers', ['memory, 100 workers'], 0.5),
  faster('a fresh worker for each task, 1,000', 'ephemeral, 1,000 workers', ['ephemeral, 100 workers'], 0.8),
  faster(
    'while 10,000 tasks are in backoff',
    'beside 10,000 tasks in backoff',
    ['beside 0 tasks in backoff'],
    0.9
  ),
  faster('while 10,000 timeouts are armed', 'beside 10,000 timeouts', ['beside 0 timeouts'], 0.9),
  limit('after kill -9, the first task', 'killed at half', 'firstTaskMs', 300),
  limit('after kill -9, tasks lost', 'killed at half', 'lost', 0),
  limit('after kill -9, completed tasks done again', 'killed at half', 'repeated', 0),
  limit('import of the package', 'import of the package', 'startMs', 100),
  limit('the command line’s --help', 'the command line’s --help', 'startMs', 250)
];

/** A comparison of what looking at a fleet costs: the first case is what the others are set against. */
export const lookers: readonly (readonly CaseName[])[] = [
  [
    'seen by nobody',
    'seen by a listener',
    'seen through the read model',
    'seen by an inspector, no rows',
    'seen by an inspector, the default sample',
    'seen by an inspector, 1,000 tasks',
    'seen by the official inspector, no rows',
    'seen by the official inspector',
    'recorded'
  ],
  ['SQLite, seen by nobody', 'SQLite, recorded']
];

function faster(work: string, of: CaseName, against: readonly CaseName[], goal: number): Goal {
  return { work, of, figure: 'perSecond', against, bound: 'at least', goal };
}

function limit(work: string, of: CaseName, figure: Figure, goal: number): Goal {
  return { work, of, figure, bound: 'at most', goal };
}
