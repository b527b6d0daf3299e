import { setTimeout as wait } from 'node:timers/promises';
import { Child, Children } from './child.ts';
import type { FleetContext, FleetRun } from './fleetProcess.ts';
import { processorUs, residentBytes } from './processor.ts';

/** What a process of workers is told. */
export interface WorkersRun {
  readonly url: string;
  readonly fleet: string;
  /** Workers in the process. */
  readonly count: number;
  /** Tasks at once, of each. */
  readonly concurrency: number;
}

/** What workers cost that are there and have nothing to do. Processor time in µs a second, the rest in bytes a second. */
export interface Presence {
  readonly workers: number;
  readonly manager: number;
  readonly redis: number;
  readonly redisNetwork: number;
  readonly redisCommands: number;
  /** µs a second of one worker. */
  readonly worker: number;
  /** What Redis holds more than without them, bytes. */
  readonly redisHeld: number;
  readonly managerMemory: number;
  /** Of a task that is spread over so many, each of which has one at once and one ahead: µs. */
  readonly managerEach: number;
  readonly redisEach: number;
  readonly workersEach: number;
  readonly redisCommandsEach: number;
}

const processes = 4;
/** Several heartbeats of 5 s. */
const watchedMs = 20_000;

/** Lets so many workers join a fleet, and looks at what their being there costs. */
export async function presenceOf(workers: number, context: FleetContext): Promise<Presence> {
  const { redisServer } = context;
  const name = `present-${workers}`;
  const empty = await redisServer.usage();
  await using fleet = new Child<number>('fleet', {
    ...context,
    name,
    kind: { ledger: 'memory', isRemote: true },
    workers,
    prefetch: 1
  } satisfies FleetRun);
  const options: WorkersRun = { url: context.redis, fleet: name, count: workers / processes, concurrency: 1 };
  await using staff = new Children(processes, 'workers', options);
  // Its first batch is done when all are there.
  await fleet.told();
  const look = async () => ({
    at: performance.now(),
    manager: processorUs(fleet.pid),
    workers: staff.all.reduce((sum, { pid }) => sum + processorUs(pid), 0),
    redis: await redisServer.usage()
  });
  const before = await look();
  await wait(watchedMs);
  const after = await look();
  fleet.tell();
  await fleet.told();
  const done = await look();
  const each = (from: number | null, to: number | null): number => ((to ?? 0) - (from ?? 0)) / context.tasks;
  const seconds = (after.at - before.at) / 1_000;
  return {
    workers,
    manager: (after.manager - before.manager) / seconds,
    redis: (after.redis.processorUs - before.redis.processorUs) / seconds,
    redisNetwork: ((after.redis.networkBytes ?? 0) - (before.redis.networkBytes ?? 0)) / seconds,
    redisCommands: ((after.redis.commands ?? 0) - (before.redis.commands ?? 0)) / seconds,
    worker: (after.workers - before.workers) / seconds / workers,
    redisHeld: after.redis.heldBytes - empty.heldBytes,
    managerMemory: residentBytes(fleet.pid),
    managerEach: each(after.manager, done.manager),
    redisEach: each(after.redis.processorUs, done.redis.processorUs),
    workersEach: each(after.workers, done.workers),
    redisCommandsEach: each(after.redis.commands, done.redis.commands)
  };
}
