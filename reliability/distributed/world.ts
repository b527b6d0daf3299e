import type { StoreReader } from '../../src/store.ts';
import type { Server } from '../../test/servers/serverProcess.ts';
import type { NodeProcess } from './nodeProcess.ts';
import type { PlantedBug } from './plans.ts';
import type { TcpProxy } from './tcpProxy.ts';
import type { Workload } from './workload.ts';

/** From a process to what it talks to: a client's manager, the fleet's store, what carries tasks to remote workers. */
export type LinkName = 'front' | 'ledger' | 'engine';

export type ServerName = 'Redis' | 'PostgreSQL';

/** What a fault needs to be there. Topologies without it are not struck by that fault. */
export type Need = ServerName | 'worker processes' | 'remote workers' | 'standby' | 'other clocks';

/** Environments of processes, where they differ: such as another time of day. */
export interface Surroundings {
  /** Of each manager in turn, and then again from the first. */
  readonly managers: readonly Readonly<Record<string, string>>[];
  /** Of remote workers. */
  readonly workers: readonly Readonly<Record<string, string>>[];
}

/** Remote workers, where a fault wants others than the usual. */
export interface WorkerForce {
  /** Workers of each process. Defaults to 1. */
  readonly sessions?: number;
  /** Attempts that each runs at once. Defaults to 2. */
  readonly concurrency?: number;
}

export interface WorldOptions {
  /** Empty. */
  readonly folder: string;
  readonly workload: Workload;
  readonly surroundings: Surroundings;
  readonly force: WorkerForce;
  /** What the topology offers of them runs. */
  readonly servers: ReadonlyMap<ServerName, Server>;
  /** What is broken on purpose, so that the verdict has something to find; `null`: nothing. */
  readonly planted: PlantedBug | null;
}

/** Which processes there are, and what they stand on. */
export interface Topology {
  readonly name: string;
  readonly offers: ReadonlySet<Need>;
  /** A world that has not started. */
  open(options: WorldOptions): World;
}

/** A process that can be done something to. */
export interface Member {
  readonly pid: number;
  /** Its own links: others of its kind have theirs. */
  readonly links: ReadonlyMap<LinkName, TcpProxy>;
  kill(): Promise<void>;
  /** Stops it where it is: a zombie once it is thawed. */
  freeze(): void;
  thaw(): void;
  /** Asks it to end in order. */
  terminate(): void;
}

/** All processes, links and servers of one cycle, as faults see them. */
export interface World extends AsyncDisposable {
  /** Starts everything. Clients begin to submit. */
  start(): Promise<void>;

  /** Those that live: the one that owns the fleet first. */
  managers(): readonly NodeProcess[];
  /** Those that live: remote ones, or processes of a manager that have begun an attempt. */
  workers(): readonly Member[];
  clients(): readonly NodeProcess[];
  /** All links of a name, of all processes. */
  links(name: LinkName): readonly TcpProxy[];
  /** One that nothing else is on while the cycle runs. @throws {Error} where there is none. */
  server(name: ServerName): Server;

  /** Another manager, which stands by. */
  addManager(): Promise<void>;
  /** A remote worker that has all handlers: the others lack `rare`. */
  addCompleteWorker(): Promise<void>;
  /** One of another version of the protocol, which is to be given nothing. */
  addStranger(): Promise<void>;
  /** Nothing is broken any more: all links are whole, servers run, frozen processes go on, and missing ones are there. */
  heal(): Promise<void>;

  /** All processes that have a plan, those that have ended included. */
  processes(): readonly NodeProcess[];
  /** Reads what is committed; opened at the first call. Closed with the world. */
  reader(): Promise<StoreReader>;
  readonly witnessFolder: string;
}
