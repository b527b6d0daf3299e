import type { Store } from './store.ts';
import { memoryStore } from './stores/memory.ts';
import { limits } from './validation/limits.ts';
import { assertStore } from './validation/ports.ts';
import { assertId, assertIdWithoutSlash, readFields, readOptions, refuse } from './validation/validation.ts';

/** What lives under a name: it is started before it is handed out. */
export interface Agent {
  /** Takes up what the store has under its name. */
  start(): Promise<void>;
  /** Ends gracefully: what is unfinished is there for the next start. Idempotent. */
  stop(): Promise<void>;
}

/** What an agent is made with. */
export interface AgentOptions {
  /** Its scope in the store: `<class>/<name>`. */
  readonly name: string;
  readonly store: Store;
}

/**
 * A class of agents, or a function that makes one. What has a `prototype` is called with `new`.
 *
 * The second argument is the name that was asked for, without its class: a worker's id, say.
 */
export type AgentSource<TAgent extends Agent = Agent> =
  (new (options: AgentOptions, name: string) => TAgent) | ((options: AgentOptions, name: string) => TAgent);

export type AgentSources = Readonly<Record<string, AgentSource>>;

/** What a source makes. */
export type AgentOf<TSource extends AgentSource> =
  Made<TSource> extends infer TAgent extends Agent ? TAgent : never;

type Made<TSource extends AgentSource> = TSource extends new (...args: never[]) => infer TAgent
  ? TAgent
  : TSource extends (...args: never[]) => infer TAgent
    ? TAgent
    : never;

export interface AgentRegistryOptions {
  /** Where the agents are durable. Stays open when the registry stops. Defaults to a `memoryStore()` of its own. */
  readonly store?: Store;
}

/** Names of one class. */
export interface AgentNames {
  /** Agents in memory. */
  readonly live: readonly string[];
  /** Agents that the store has something of, live or not. */
  readonly stored: readonly string[];
}

/** The agents of one class. */
export interface AgentNamespace<TAgent extends Agent = Agent> {
  /** See {@link getAgentByName}. */
  get(name: string): Promise<TAgent>;
  list(): Promise<AgentNames>;
  /** Stops the agent and removes everything that the store has of it. @returns `false`: there was nothing. */
  delete(name: string): Promise<boolean>;
}

/** All agents of an app: one namespace for each class, and what goes for all. */
export type AgentRegistry<TSources extends AgentSources = AgentSources> = {
  readonly [TClass in keyof TSources]: AgentNamespace<AgentOf<TSources[TClass]>>;
} & RegistryMembers<TSources>;

export interface RegistryMembers<TSources extends AgentSources = AgentSources> extends AsyncDisposable {
  /** Which agents there are, by class. */
  list(): Promise<{ readonly [TClass in keyof TSources]: AgentNames }>;
  /** Stops an agent and removes everything of it. @param name - `<class>/<name>`. @returns `false`: there was nothing. */
  delete(name: string): Promise<boolean>;
  delete(className: keyof TSources & string, name: string): Promise<boolean>;
  /** Stops all agents, gracefully. An agent that is asked for afterwards is made anew. @throws the first failure */
  stop(): Promise<void>;
}

const memberNames = ['list', 'delete', 'stop', 'then', 'constructor', '__proto__'];
const namespaces = new WeakMap<object, ReadonlyMap<string, AgentNamespace>>();

/**
 * A registry of agents: at most one of each class and name is alive for each store.
 *
 * Nothing is made until it is asked for. In the store an agent's scope is `<class>/<name>`; a class has no slash, so no
 * two agents share one.
 *
 * @param sources - By class, such as `{ FLEET: ImageFleet, WORKER: (_, id) => new ImageWorker({ id }) }`. No class is
 * called like a member of the registry.
 * @throws {ValidationError}
 */
export function createAgentRegistry<TSources extends AgentSources>(
  sources: TSources,
  options: AgentRegistryOptions = {}
): AgentRegistry<TSources> {
  const { store = memoryStore() } = readOptions('options', options, ['store']);
  assertStore('options.store', store);
  const classes = new Map<string, AgentClass>();
  for (const [className, source] of Object.entries(readFields('sources', sources as AgentSources))) {
    assertIdWithoutSlash('class', className);
    if (memberNames.includes(className))
      refuse('class', className, `another name than ${memberNames.join(', ')}`);
    if (typeof source !== 'function') refuse(`sources.${className}`, source, 'a class or a function');
    classes.set(className, new AgentClass(className, source, store));
  }
  const stop = async (): Promise<void> => {
    const ended = await Promise.allSettled([...classes.values()].map((agents) => agents.stop()));
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  };
  const members: RegistryMembers = {
    async list() {
      const scopes = await store.listScopes();
      return Object.fromEntries([...classes].map(([className, agents]) => [className, agents.names(scopes)]));
    },
    async delete(...[classOrPath, name]: readonly [string, string?]) {
      const [className, own] = name === undefined ? splitPath(classOrPath) : [classOrPath, name];
      return requireClass(classes, className).delete(own);
    },
    stop,
    [Symbol.asyncDispose]: stop
  };
  const registry = Object.freeze({ ...Object.fromEntries(classes), ...members });
  namespaces.set(registry, classes);
  return registry as unknown as AgentRegistry<TSources>;
}

/**
 * The agent of a class and name, started. Whoever asks gets the same one, for as long as it lives; it is restored from
 * the store when it is not in memory, be it new, be it stopped. Those who ask at once share one start.
 *
 * @param name - At most 256 bytes together with its class and a slash.
 * @throws {ValidationError} for a class that the registry has not. @throws {LockedError} while another process owns it.
 * @throws what its start throws: nothing is left of it then, and asking again tries again.
 */
export function getAgentByName<TAgent extends Agent>(
  namespace: AgentNamespace<TAgent>,
  name: string
): Promise<TAgent>;
export function getAgentByName<TSources extends AgentSources, TClass extends keyof TSources & string>(
  registry: AgentRegistry<TSources>,
  className: TClass,
  name: string
): Promise<AgentOf<TSources[TClass]>>;
export async function getAgentByName(place: object, classOrName: string, name?: string): Promise<Agent> {
  if (place instanceof AgentClass) return place.get(classOrName);
  const classes =
    namespaces.get(place) ?? refuse('registry', place, 'what createAgentRegistry made, or a class of it');
  return requireClass(classes, classOrName).get(name!);
}

/** An agent in memory. */
interface Live {
  readonly starting: Promise<Agent>;
  /** Set when it began to stop: who asks from then on waits for the end, and gets another one. */
  stopping: Promise<void> | null;
}

class AgentClass implements AgentNamespace {
  readonly #className: string;
  readonly #source: AgentSource;
  readonly #store: Store;
  readonly #live = new Map<string, Live>();
  /** What is being removed, by name. */
  readonly #deleting = new Map<string, Promise<boolean>>();

  constructor(className: string, source: AgentSource, store: Store) {
    this.#className = className;
    this.#source = source;
    this.#store = store;
  }

  async get(name: string): Promise<Agent> {
    const scope = this.#scopeOf(name);
    for (;;) {
      const ending = this.#deleting.get(name) ?? this.#live.get(name)?.stopping;
      if (ending == null) break;
      await ending.catch(() => {});
    }
    return (this.#live.get(name) ?? this.#add(name, scope)).starting;
  }

  async list(): Promise<AgentNames> {
    return this.names(await this.#store.listScopes());
  }

  names(scopes: readonly string[]): AgentNames {
    const prefix = `${this.#className}/`;
    const stored = scopes
      .filter((scope) => scope.startsWith(prefix))
      .map((scope) => scope.slice(prefix.length));
    return { live: [...this.#live.keys()].sort(), stored: stored.sort() };
  }

  async delete(name: string): Promise<boolean> {
    const scope = this.#scopeOf(name);
    const isUnderWay = this.#deleting.get(name);
    if (isUnderWay !== undefined) return isUnderWay;
    const deleting = this.#delete(name, scope).finally(() => this.#deleting.delete(name));
    this.#deleting.set(name, deleting);
    return deleting;
  }

  async stop(): Promise<void> {
    const ended = await Promise.allSettled([...this.#live.values()].map(stopLive));
    await Promise.allSettled(this.#deleting.values());
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  #add(name: string, scope: string): Live {
    // Begun once it is in the map: whatever becomes of it finds its entry.
    const live: Live = {
      starting: Promise.resolve().then(() => this.#begin(live, name, scope)),
      stopping: null
    };
    this.#live.set(name, live);
    return live;
  }

  async #begin(live: Live, name: string, scope: string): Promise<Agent> {
    let agent: Agent | null = null;
    try {
      agent = requireAgent(make(this.#source, { name: scope, store: this.#store }, name), this.#className);
      this.#watchStop(live, name, agent);
      await agent.start();
      return agent;
    } catch (error) {
      // It may hold a part of what it needs. That it did not start is what counts.
      await Promise.resolve(agent?.stop()).catch(() => {});
      this.#forget(live, name);
      throw error;
    }
  }

  /** Whoever stops the agent stops the one that is handed out: the next who asks gets another. */
  #watchStop(live: Live, name: string, agent: Agent): void {
    const stop = agent.stop.bind(agent) as (...args: unknown[]) => Promise<void>;
    // Whatever a class of somebody else does: it may throw, or give no promise.
    const stopped = async (...args: unknown[]): Promise<void> => {
      try {
        await stop(...args);
      } finally {
        this.#forget(live, name);
      }
    };
    const value = (...args: unknown[]): Promise<void> => (live.stopping = stopped(...args));
    Object.defineProperty(agent, 'stop', { value, configurable: true, writable: true });
  }

  #forget(live: Live, name: string): void {
    if (this.#live.get(name) === live) this.#live.delete(name);
  }

  async #delete(name: string, scope: string): Promise<boolean> {
    const live = this.#live.get(name);
    if (live !== undefined) await stopLive(live);
    const isStored = (await this.#store.listScopes()).includes(scope);
    if (!isStored) return live !== undefined;
    await this.#store.open(scope, `the registry of agents in process ${process.pid}`);
    try {
      while (await this.#store.removeScope(scope));
    } finally {
      await this.#store.release(scope);
    }
    return true;
  }

  #scopeOf(name: string): string {
    assertId('name', name);
    const scope = `${this.#className}/${name}`;
    if (Buffer.byteLength(scope) > limits.idBytes) {
      refuse('name', name, `at most ${limits.idBytes} bytes of UTF-8 with its class before it`);
    }
    return scope;
  }
}

function make(source: AgentSource, options: AgentOptions, name: string): unknown {
  // Arrow functions and methods have none, and a plain function that is called with `new` returns what it makes.
  return 'prototype' in source && source.prototype !== undefined
    ? new (source as new (options: AgentOptions, name: string) => Agent)(options, name)
    : (source as (options: AgentOptions, name: string) => Agent)(options, name);
}

/** @throws {ValidationError} */
function requireAgent(made: unknown, className: string): Agent {
  const agent = (made ?? {}) as Agent;
  if (typeof agent.start === 'function' && typeof agent.stop === 'function') return agent;
  return refuse(`sources.${className}`, made, 'a class or a function whose agents have start() and stop()');
}

/** Waits for the start first: what is half started cannot be stopped gracefully. One that fails has ended. */
async function stopLive(live: Live): Promise<void> {
  const agent = await live.starting.catch(() => null);
  await (live.stopping ?? agent?.stop());
}

function requireClass(classes: ReadonlyMap<string, AgentNamespace>, className: string): AgentNamespace {
  return classes.get(className) ?? refuse('class', className, `one of ${[...classes.keys()].join(', ')}`);
}

function splitPath(path: string): [className: string, name: string] {
  assertId('name', path);
  const slash = path.indexOf('/');
  if (slash === -1)
    refuse('name', path, 'a class and a name with a slash between them, such as FLEET/default');
  return [path.slice(0, slash), path.slice(slash + 1)];
}
