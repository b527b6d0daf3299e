import { join } from 'node:path';
import { statSync } from 'node:fs';
import { Child, Children } from './child.ts';
import { nameOf, type Kind } from './kinds.ts';
import type { WorkersRun } from './presence.ts';
import { processorUs, residentBytes, writtenBytes } from './processor.ts';
import type { MeasuredServer, ServerUsage } from './servers.ts';

/** What a fleet's process is told. */
export interface FleetRun {
  readonly name: string;
  readonly kind: Kind;
  readonly folder: string;
  readonly postgres: string;
  readonly redis: string;
  /** Tasks at once; of a remote fleet, worker processes. */
  readonly workers: number;
  /** Attempts that a worker elsewhere is given ahead. */
  readonly prefetch: number;
  readonly tasks: number;
  /** Of each task, and its result. */
  readonly data: string;
}

/** What a task has cost, by who paid. Processor time in µs, the rest in bytes. */
export interface Costs {
  readonly kind: string;
  readonly perSecond: number;
  readonly manager: number;
  readonly workers: number;
  readonly redis: number;
  readonly postgres: number;
  /** What the manager's process sent and got over its sockets. */
  readonly managerNetwork: number;
  readonly redisNetwork: number;
  readonly redisCommands: number;
  /** What Redis keeps of a task that is over. */
  readonly redisHeld: number;
  /** What was written to the append-only file of Redis. */
  readonly redisLog: number;
  /** What was written to the log of PostgreSQL; with SQLite, what the manager's process had written to disks. */
  readonly ledgerLog: number;
  /** What the ledger keeps of a task and its result. */
  readonly ledgerHeld: number;
  /** What the manager's process holds in its memory at the end, for all tasks. */
  readonly managerMemory: number;
  /** Processor time of a removal: of the manager, and of PostgreSQL. */
  readonly removal: number;
  readonly removalPostgres: number;
  readonly removalLog: number;
}

export interface FleetContext extends Omit<FleetRun, 'kind' | 'name' | 'workers' | 'prefetch'> {
  readonly redisServer: MeasuredServer;
  readonly postgresServer: MeasuredServer;
}

/** Worker processes of a remote fleet, and tasks that each has at once. */
const processes = 3;
const concurrency = 50;
const prefetch = 100;
/** Tasks at once where the handlers run in the fleet's process. */
const workersInside = 100;

/** Measures one batch of a fleet that has done a smaller one before. */
export async function costsOf(kind: Kind, context: FleetContext): Promise<Costs> {
  const name = nameOf(kind).replace(', ', '-');
  const { redisServer, postgresServer, tasks, folder } = context;
  const workers = kind.isRemote ? processes : workersInside;
  await using fleet = new Child<number>('fleet', {
    ...context,
    name,
    kind,
    workers,
    prefetch
  } satisfies FleetRun);
  const options: WorkersRun = { url: context.redis, fleet: name, count: 1, concurrency };
  await using staff = new Children(kind.isRemote ? processes : 0, 'workers', options);

  const look = async (networkBytes: number) => ({
    at: performance.now(),
    networkBytes,
    manager: processorUs(fleet.pid),
    written: writtenBytes(fleet.pid),
    workers: staff.all.reduce((sum, { pid }) => sum + processorUs(pid), 0),
    redis: await redisServer.usage(),
    postgres: await postgresServer.usage()
  });
  const before = await look(await fleet.told());
  fleet.tell();
  const done = await look(await fleet.told());
  const managerMemory = residentBytes(fleet.pid);
  const heldInFile = kind.ledger === 'SQLite' ? sizeOf(join(folder, `${name}.db`)) : 0;
  fleet.tell();
  const removed = await look(await fleet.told());

  const used = (read: (usage: ServerUsage) => number | null, server: 'redis' | 'postgres'): number =>
    ((read(done[server]) ?? 0) - (read(before[server]) ?? 0)) / tasks;
  return {
    kind: nameOf(kind),
    perSecond: (tasks / (done.at - before.at)) * 1_000,
    manager: (done.manager - before.manager) / tasks,
    workers: (done.workers - before.workers) / tasks,
    redis: used(({ processorUs: us }) => us, 'redis'),
    postgres: used(({ processorUs: us }) => us, 'postgres'),
    managerNetwork: (done.networkBytes - before.networkBytes) / tasks,
    redisNetwork: used(({ networkBytes }) => networkBytes, 'redis'),
    redisCommands: used(({ commands }) => commands, 'redis'),
    redisHeld: used(({ heldBytes }) => heldBytes, 'redis'),
    redisLog: used(({ logBytes }) => logBytes, 'redis'),
    ledgerLog:
      kind.ledger === 'PostgreSQL'
        ? used(({ logBytes }) => logBytes, 'postgres')
        : (done.written - before.written) / tasks,
    ledgerHeld:
      kind.ledger === 'PostgreSQL'
        ? used(({ heldBytes }) => heldBytes, 'postgres')
        : heldInFile / (tasks + Math.ceil(tasks / 10)),
    managerMemory,
    removal: (removed.manager - done.manager) / tasks,
    removalPostgres: (removed.postgres.processorUs - done.postgres.processorUs) / tasks,
    removalLog: (removed.postgres.logBytes - done.postgres.logBytes + removed.written - done.written) / tasks
  };
}

function sizeOf(path: string): number {
  return [path, `${path}-wal`].reduce(
    (sum, each) => sum + (statSync(each, { throwIfNoEntry: false })?.size ?? 0),
    0
  );
}
