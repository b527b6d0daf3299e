import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { StoreReader } from '../../src/store.ts';
import type * as sqlite from '../../src/stores/sqlite.ts';
import { freePort, type Server } from '../../test/servers/serverProcess.ts';
import { compiledFolder } from '../compiled.ts';
import { NodeProcess } from './nodeProcess.ts';
import { TcpProxy } from './tcpProxy.ts';
import { readTestimonies } from './witness.ts';
import type { LinkName, Member, Need, ServerName, Topology, World, WorldOptions } from './world.ts';

/** How often what cannot tell is looked at, ms. */
const lookMs = 20;

/** A manager and one that stands by, one process for each worker, a client: one machine and its SQLite file. */
export const localTopology: Topology = {
  offers: new Set<Need>(['standby', 'other clocks']),
  open: (options) => new LocalWorld(options)
};

class LocalWorld implements World {
  readonly witnessFolder: string;
  readonly #options: WorldOptions;
  readonly #storePath: string;
  readonly #processes: NodeProcess[] = [];
  readonly #frozen = new Set<Member>();
  #frontPort = 0;
  #frontLink: TcpProxy | null = null;
  #managersMade = 0;
  #reader: StoreReader | null = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.witnessFolder = join(options.folder, 'witnesses');
    this.#storePath = join(options.folder, 'fleet.db');
    mkdirSync(this.witnessFolder);
  }

  async start(): Promise<void> {
    this.#frontPort = await freePort();
    this.#frontLink = await TcpProxy.to(this.#frontPort);
    this.addManager();
    this.addManager();
    const { batches, isRepeated } = this.#options.workload;
    const links = new Map<LinkName, TcpProxy>([['front', this.#frontLink]]);
    const plan = {
      role: 'client',
      storePath: this.#storePath,
      witnessFolder: this.witnessFolder,
      frontPort: this.#frontLink.port,
      batches,
      isRepeated
    } as const;
    this.#processes.push(new NodeProcess(plan, {}, links));
  }

  managers(): readonly NodeProcess[] {
    const alive = this.#processes.filter(({ role, isAlive }) => role === 'manager' && isAlive);
    return alive.sort((left, right) => Number(right.hasSaid('started')) - Number(left.hasSaid('started')));
  }

  workers(): readonly Member[] {
    const pids = new Set(
      readTestimonies(this.witnessFolder).flatMap(({ type, pid }) => (type === 'began' ? [pid] : []))
    );
    return [...pids].filter(isWorker).map((pid) => this.#workerOf(pid));
  }

  clients(): readonly NodeProcess[] {
    return this.#processes.filter(({ role, isAlive }) => role === 'client' && isAlive);
  }

  links(name: LinkName): readonly TcpProxy[] {
    return [...new Set(this.#processes.flatMap(({ links }) => links.get(name) ?? []))];
  }

  server(name: ServerName): Server {
    throw new Error(`There is no ${name} on one machine: a fault that needs it says so.`);
  }

  addManager(): void {
    const { workload, planted, surroundings } = this.#options;
    const { managers } = surroundings;
    const env = managers[this.#managersMade++ % managers.length] ?? {};
    const plan = {
      role: 'manager',
      storePath: this.#storePath,
      witnessFolder: this.witnessFolder,
      frontPort: this.#frontPort,
      maxRecoveries: workload.maxRecoveries,
      planted
    } as const;
    this.#processes.push(new NodeProcess(plan, env));
  }

  async heal(): Promise<void> {
    for (const member of this.#frozen) member.thaw();
    for (const process of this.#processes) process.thaw();
    await this.#frontLink?.heal();
    for (let missing = 2 - this.managers().length; missing > 0; missing--) this.addManager();
  }

  processes(): readonly NodeProcess[] {
    return this.#processes;
  }

  async reader(): Promise<StoreReader> {
    if (this.#reader === null) {
      // From the compiled library, whose thread starts without a loader.
      const module = pathToFileURL(join(compiledFolder(), 'src/stores/sqlite.js')).href;
      const { sqliteReader } = (await import(module)) as typeof sqlite;
      this.#reader = sqliteReader(this.#storePath);
    }
    return this.#reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#frozen) member.thaw();
    await Promise.all(this.#processes.map((process) => process.kill()));
    await this.#reader?.close();
    await this.#frontLink?.[Symbol.asyncDispose]();
    // Workers end when their manager has: until then they may write.
    while (this.workers().length > 0) await sleep(lookMs);
  }

  /** A process of the executor `processes`, known by what its handlers said. */
  #workerOf(pid: number): Member {
    const signal = (name: NodeJS.Signals): void => {
      if (isWorker(pid)) process.kill(pid, name);
    };
    const worker: Member = {
      pid,
      links: new Map(),
      async kill() {
        signal('SIGKILL');
        while (isWorker(pid)) await sleep(1);
      },
      freeze: () => {
        this.#frozen.add(worker);
        signal('SIGSTOP');
      },
      thaw: () => signal('SIGCONT')
    };
    return worker;
  }
}

/** Whether the process runs and is a worker of ours: ids of processes are used again. */
function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('isolatedMain');
  } catch {
    return false;
  }
}
