import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { StoreReader } from '../../src/store.ts';
import { freePort, type Server } from '../../test/servers/serverProcess.ts';
import { compiledModule } from '../compiled.ts';
import { IsolatedWorker } from './isolatedWorker.ts';
import { NodeProcess } from './nodeProcess.ts';
import type { EnginePlan, LedgerPlan, ProcessPlan, RemoteEnginePlan } from './plans.ts';
import type * as ledgers from './process/ledger.ts';
import { TcpProxy } from './tcpProxy.ts';
import { readTestimonies } from './witness.ts';
import type { LinkName, Member, ServerName, World, WorldOptions } from './world.ts';

/** What a fleet is made of. */
export interface WorldParts {
  readonly ledger: LedgerPlan['kind'];
  readonly engine: EnginePlan['kind'];
}

/** How often what cannot tell is looked at, ms. */
const lookMs = 20;

const managerCount = 2;
const remoteWorkerCount = 3;

/** Processes of Node, each with links of its own to the servers that it needs. */
export class ProcessWorld implements World {
  readonly witnessFolder: string;
  readonly #parts: WorldParts;
  readonly #options: WorldOptions;
  /** Of what this cycle has on servers that it shares with others. */
  readonly #name = `cycle_${randomBytes(6).toString('hex')}`;
  readonly #processes: NodeProcess[] = [];
  readonly #links: TcpProxy[] = [];
  /** Of managers and remote workers. */
  readonly #made = { manager: 0, worker: 0 };
  /** Where managers listen to clients, through a link; `null`: they do not. */
  #front: { readonly port: number; readonly link: TcpProxy } | null = null;
  #reader: StoreReader | null = null;
  #isOver = false;

  constructor(parts: WorldParts, options: WorldOptions) {
    this.#parts = parts;
    this.#options = options;
    this.witnessFolder = join(options.folder, 'witnesses');
    mkdirSync(this.witnessFolder);
  }

  async start(): Promise<void> {
    if (this.#parts.ledger === 'sqlite') {
      const port = await freePort();
      this.#front = { port, link: await this.#linkTo(port) };
    }
    for (let count = 0; count < managerCount; count++) await this.addManager();
    if (this.#parts.engine === 'bullmq') {
      for (let count = 0; count < remoteWorkerCount; count++) await this.#addWorker(false);
    }
    await this.#addClient();
  }

  managers(): readonly NodeProcess[] {
    const since = ({ ownsSince }: NodeProcess): number => ownsSince ?? -1;
    return this.#alive('manager').sort((left, right) => since(right) - since(left));
  }

  workers(): readonly Member[] {
    if (this.#parts.engine === 'bullmq') return this.#alive('worker');
    const told = readTestimonies(this.witnessFolder);
    const pids = new Set(told.flatMap(({ type, pid }) => (type === 'began' ? [pid] : [])));
    return [...pids].map((pid) => new IsolatedWorker(pid)).filter(({ isAlive }) => isAlive);
  }

  clients(): readonly NodeProcess[] {
    return this.#alive('client');
  }

  links(name: LinkName): readonly TcpProxy[] {
    return [...new Set(this.#processes.flatMap(({ links }) => links.get(name) ?? []))];
  }

  server(name: ServerName): Server {
    const server = this.#options.servers.get(name);
    if (server === undefined) throw new Error(`There is no ${name} here: a fault that needs it says so.`);
    return server;
  }

  async addManager(): Promise<void> {
    const { workload, planted, surroundings } = this.#options;
    const { managers } = surroundings;
    const links = new Map<LinkName, TcpProxy>();
    this.#start(
      {
        role: 'manager',
        witnessFolder: this.witnessFolder,
        ledger: await this.#ledger('ledger', links),
        engine: await this.#engine(links),
        frontPort: this.#front?.port ?? null,
        maxRecoveries: workload.maxRecoveries,
        planted
      },
      links,
      managers[this.#made.manager++ % managers.length]
    );
  }

  async addCompleteWorker(): Promise<void> {
    await this.#addWorker(true);
  }

  async addStranger(): Promise<void> {
    const links = new Map<LinkName, TcpProxy>();
    const engine = (await this.#engine(links)) as RemoteEnginePlan;
    this.#start({ role: 'stranger', witnessFolder: this.witnessFolder, engine }, links);
  }

  async heal(): Promise<void> {
    for (const server of this.#options.servers.values()) server.thaw();
    for (const member of [...this.workers(), ...this.#processes]) member.thaw();
    await Promise.all(this.#links.map((link) => link.heal()));
    for (let missing = managerCount - this.managers().length; missing > 0; missing--) await this.addManager();
    if (this.clients().length === 0) await this.#addClient();
  }

  processes(): readonly NodeProcess[] {
    return this.#processes;
  }

  async reader(): Promise<StoreReader> {
    if (this.#reader === null) {
      // From the compiled library, whose thread starts without a loader.
      const module = pathToFileURL(compiledModule(new URL('process/ledger.ts', import.meta.url))).href;
      const { readerOf } = (await import(module)) as typeof ledgers;
      this.#reader = readerOf(await this.#ledger());
    }
    return this.#reader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    for (const server of this.#options.servers.values()) server.thaw();
    const isolated = this.workers();
    for (const member of isolated) member.thaw();
    await Promise.all(this.#processes.map((process) => process.kill()));
    await this.#reader?.close();
    await Promise.all(this.#links.map((link) => link[Symbol.asyncDispose]()));
    // Workers end when their manager has: until then they may write.
    while (this.workers().length > 0) await sleep(lookMs);
  }

  #alive(role: ProcessPlan['role']): NodeProcess[] {
    return this.#processes.filter((process) => process.role === role && process.isAlive);
  }

  async #addClient(): Promise<void> {
    const { batches, isRepeated } = this.#options.workload;
    const links = new Map<LinkName, TcpProxy>();
    const ledger = await this.#ledger('front', links);
    if (this.#front !== null) links.set('front', this.#front.link);
    const frontPort = this.#front?.link.port ?? null;
    this.#start(
      { role: 'client', witnessFolder: this.witnessFolder, ledger, frontPort, batches, isRepeated },
      links
    );
  }

  /** One that ends, for whatever reason, is followed by another one, as any supervisor has it. */
  async #addWorker(isComplete: boolean): Promise<void> {
    const { force, surroundings } = this.#options;
    const { sessions = 1, concurrency = 2 } = force;
    const { workers } = surroundings;
    const links = new Map<LinkName, TcpProxy>();
    const engine = (await this.#engine(links)) as RemoteEnginePlan;
    if (this.#isOver) return;
    const worker = this.#start(
      { role: 'worker', witnessFolder: this.witnessFolder, engine, sessions, concurrency, isComplete },
      links,
      workers[this.#made.worker++ % workers.length]
    );
    void worker.ended.then(() => (this.#isOver ? undefined : this.#addWorker(isComplete)));
  }

  #start(
    plan: ProcessPlan,
    links: ReadonlyMap<LinkName, TcpProxy>,
    env: Readonly<Record<string, string>> = {}
  ): NodeProcess {
    const process = new NodeProcess(plan, env, links);
    this.#processes.push(process);
    return process;
  }

  /** @param name - Of a link of its own that leads there, which is added to the links; without it: the server itself. */
  async #ledger(name?: LinkName, links?: Map<LinkName, TcpProxy>): Promise<LedgerPlan> {
    if (this.#parts.ledger === 'sqlite')
      return { kind: 'sqlite', path: join(this.#options.folder, 'fleet.db') };
    const { url } = this.server('PostgreSQL');
    return {
      kind: 'postgres',
      schema: this.#name,
      url: name === undefined ? url : await this.#linkedUrl(url, name, links!)
    };
  }

  async #engine(links: Map<LinkName, TcpProxy>): Promise<EnginePlan> {
    const { engine: kind } = this.#parts;
    if (kind !== 'bullmq') return { kind };
    return { kind, fleet: this.#name, url: await this.#linkedUrl(this.server('Redis').url, 'engine', links) };
  }

  async #linkedUrl(url: string, name: LinkName, links: Map<LinkName, TcpProxy>): Promise<string> {
    const linked = new URL(url);
    const link = await this.#linkTo(Number(linked.port));
    links.set(name, link);
    linked.port = String(link.port);
    return linked.href;
  }

  async #linkTo(port: number): Promise<TcpProxy> {
    const link = await TcpProxy.to(port);
    this.#links.push(link);
    return link;
  }
}
