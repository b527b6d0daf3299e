import type { Case } from '../case.ts';
import { asyncQueue } from '../peers/asyncQueue.ts';
import { bullMq } from '../peers/bullmq.ts';
import { effect } from '../peers/effect.ts';
import { fastqCallbacks, fastqPromises } from '../peers/fastq.ts';
import { graphileWorker } from '../peers/graphileWorker.ts';
import { plainjob } from '../peers/plainjob.ts';
import { pQueue, pQueueAlone } from '../peers/pQueue.ts';
import { oneRawCommit, rawSqlite } from '../peers/rawSqlite.ts';
import { rawXState } from '../peers/rawXState.ts';
import { besideBackoff, besideTimeouts } from './besideOthers.ts';
import { overBullMq } from './bullmqExecutor.ts';
import { calibration } from './calibration.ts';
import { ephemeral } from './ephemeral.ts';
import { inMemory, streamed } from './inMemory.ts';
import { killed } from './killed.ts';
import { observed } from './observed.ts';
import { oneInMemory, oneOnSqlite } from './oneTask.ts';
import { onPostgres } from './onPostgres.ts';
import { onSqlite } from './onSqlite.ts';
import { opened, queuedInMemory, queuedOnSqlite } from './queued.ts';
import { helping, importing, startingNode } from './starting.ts';

const tasks = 100_000;
const durableTasks = 20_000;
const million = 1_000_000;

/** All that is measured, in the order of a round: what is set against each other is close together. */
export const cases = {
  'memory, 100 workers': inMemory(100, 1, tasks),
  'p-queue, 100 at once': pQueue(100, tasks),
  'memory, 1 worker × 100': inMemory(1, 100, tasks),
  'fastq with callbacks, 100 at once': fastqCallbacks(100, tasks),
  'fastq with promises, 100 at once': fastqPromises(100, tasks),
  'async, 100 at once': asyncQueue(100, tasks),
  'Effect, 100 at once': effect(100, tasks),
  'raw XState, 100 at once': rawXState(100, tasks),
  'memory, 10 workers': inMemory(10, 1, tasks),
  'p-queue, 10 at once': pQueue(10, tasks),
  'memory, 1,000 workers': inMemory(1_000, 1, tasks),
  'a plain loop': calibration(tasks),

  'SQLite, 100 workers': onSqlite(100, durableTasks),
  'raw SQLite, 100 rows per commit': rawSqlite(durableTasks, 100),
  'SQLite, 10 workers': onSqlite(10, durableTasks),
  'raw SQLite, 10 rows per commit': rawSqlite(durableTasks, 10),
  'PostgreSQL, 100 workers': onPostgres(100, durableTasks),
  'PostgreSQL, 10 workers': onPostgres(10, durableTasks),
  'PostgreSQL, 1,000 workers': onPostgres(1_000, durableTasks),
  'graphile-worker, 100 at once, one by one': graphileWorker({ concurrency: 100, tasks: 5_000 }),
  'graphile-worker, 100 at once, batched': graphileWorker({
    concurrency: 100,
    tasks: durableTasks,
    localQueue: 500,
    completeDelayMs: 0
  }),
  'graphile-worker, 100 at once, batched for 50 ms': graphileWorker({
    concurrency: 100,
    tasks: durableTasks,
    localQueue: 500,
    completeDelayMs: 50
  }),
  'graphile-worker, 10 at once, one by one': graphileWorker({ concurrency: 10, tasks: 5_000 }),
  'graphile-worker, 10 at once, batched': graphileWorker({
    concurrency: 10,
    tasks: durableTasks,
    localQueue: 500,
    completeDelayMs: 0
  }),
  'BullMQ, synced, 100 at once': bullMq({ appendfsync: 'always', concurrency: 100, tasks: durableTasks }),
  'BullMQ, synced, 500 at once': bullMq({ appendfsync: 'always', concurrency: 500, tasks: durableTasks }),
  'BullMQ, once a second, 100 at once': bullMq({
    appendfsync: 'everysec',
    concurrency: 100,
    tasks: durableTasks
  }),
  'bullmqExecutor, 1 worker × 100': overBullMq({ store: 'memory', concurrency: 100, tasks: durableTasks }),
  'bullmqExecutor, 1 worker × 100, errors not isolated': overBullMq({
    store: 'memory',
    concurrency: 100,
    tasks: durableTasks,
    onDetachedError: 'exit'
  }),
  'bullmqExecutor on SQLite, 1 worker × 100': overBullMq({
    store: 'SQLite',
    concurrency: 100,
    tasks: durableTasks
  }),
  'plainjob, synced': plainjob('FULL', 2_000),
  'plainjob, not synced': plainjob('NORMAL', durableTasks),

  'memory, a stream of 1,000,000': streamed(million),
  'queued in memory, 1,000,000': queuedInMemory(million),
  'queued on SQLite, 1,000,000': queuedOnSqlite(million),
  'opened again with 1,000,000 queued': opened(million, 'queued on SQLite, 1,000,000'),

  'one task, memory': oneInMemory(5_000),
  'one task, p-queue': pQueueAlone(5_000),
  'one task, SQLite': oneOnSqlite(1_000),
  'one raw commit': oneRawCommit(1_000),

  'ephemeral, 100 workers': ephemeral(100, 50_000),
  'ephemeral, 1,000 workers': ephemeral(1_000, 50_000),
  'beside 10,000 tasks in backoff': besideBackoff(10_000, 50_000),
  'beside 0 tasks in backoff': besideBackoff(0, 50_000),
  'beside 10,000 timeouts': besideTimeouts(10_000, 50_000),
  'beside 0 timeouts': besideTimeouts(0, 50_000),
  'killed at half': killed(durableTasks),

  'seen by nobody': observed('nobody looks', 50_000),
  'seen by a listener': observed('a listener of task.settled', 50_000),
  'seen through the read model': observed('the read model subscribed', 50_000),
  'seen by an inspector, no rows': observed('an inspector, no rows', 50_000),
  'seen by an inspector, the default sample': observed('an inspector, the default sample', 50_000),
  'seen by an inspector, 1,000 tasks': observed('an inspector, 1,000 tasks', 50_000),
  'seen by the official inspector, no rows': observed('the official inspector, no rows', 50_000),
  'seen by the official inspector': observed('the official inspector, the default sample', 50_000),
  recorded: observed('a recording', 50_000),
  'SQLite, seen by nobody': observed('nobody looks', durableTasks, true),
  'SQLite, recorded': observed('a recording', durableTasks, true),

  'import of the package': importing,
  'the command line’s --help': helping,
  'Node by itself': startingNode
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof cases;
