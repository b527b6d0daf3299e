import { createActor, fromPromise, waitFor, type ActorRefFrom } from 'xstate';
import { pathToFileURL } from 'node:url';
import { hostedFleetMachine } from '../machines/hostedFleetMachine.ts';
import { hostMachine, type HostFact, type Sight } from '../machines/hostMachine.ts';
import { pause } from './pause.ts';
import { systemClock, type Clock } from './clock.ts';
import { readStopOptions, type StopOptions } from './fleet/stopOptions.ts';
import type { FleetTelemetry } from './fleetTelemetry.ts';
import { assertLeases, readHostConfig, type HostConfig } from './host/hostConfig.ts';
import { HostedFleets } from './host/hostedFleets.ts';
import { readOwners, type HostStatus } from './host/hostStatus.ts';
import { Seats } from './host/seats.ts';
import type { Store } from './store.ts';
import { storeAt } from './stores/storeAt.ts';
import { assertClock, assertTelemetry } from './validation/ports.ts';
import { assertDuration, assertFunction, readOptions, refuse } from './validation/validation.ts';

export type { HostedFleetState } from '../machines/hostedFleetMachine.ts';
export type { HostFact } from '../machines/hostMachine.ts';
export type {
  FleetPlace,
  HostableFleet,
  HostConfig,
  HostedFleet,
  HostedFleetOptions
} from './host/hostConfig.ts';
export type { FleetOwner, HostStatus, Owners } from './host/hostStatus.ts';
export type { SeatedHost } from './host/seats.ts';

export interface HostOptions {
  /** How long from one look at the store to the next, ms, and up to a quarter more. At least 10. Defaults to 1,000. */
  readonly lookMs?: number;
  /** How long running tasks may take when a fleet is handed over, ms; then they are aborted, uncharged. Defaults to 30,000. */
  readonly drainMs?: number;
  /** What a relative path of handlers starts from: a folder, ending in a slash. Defaults to the working directory. */
  readonly base?: URL;
  /** Measures and traces all fleets that run here. Defaults to none. */
  readonly telemetry?: FleetTelemetry;
  /** Told of every change, from the first one on. Defaults to nobody. */
  readonly onFact?: (fact: HostFact) => void;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
  /** In [0, 1): spreads looks and retries. Defaults to `Math.random`. */
  readonly random?: () => number;
}

/** A process that runs its share of the fleets. */
export interface Host extends AsyncDisposable {
  /** Who owns what. @throws {StoreError} */
  status(): Promise<HostStatus>;
  /**
   * Hands over all fleets, and leaves. Idempotent; once more without `graceful` aborts what still runs.
   *
   * @param options - As of a fleet; `timeoutMs` defaults to the host's `drainMs`.
   */
  stop(options?: StopOptions): Promise<void>;
}

const defaults = { lookMs: 1_000, drainMs: 30_000 } as const;

/** How much later a look or a retry may come, as a share of it: hosts do not look together. */
const spread = 0.25;
/** How long a start that failed is waited after, ms: doubled each time, up to the second. */
const retryMs = { first: 1_000, longest: 60_000 } as const;

const { random: systemRandom } = Math;

/** The config as it is, for editors that complete it. */
export function defineHost(config: HostConfig): HostConfig {
  return config;
}

/**
 * Runs a share of many fleets in this process, beside other hosts with the same config: each fleet on one of them, each host as
 * many as the others, give or take one. What a host leaves that dies is taken over when its leases have ended.
 *
 * Resolves when the store has answered; fleets start after that.
 *
 * @throws {ValidationError} @throws {StoreError} when the store cannot be read.
 */
export async function hostFleets(config: HostConfig, options: HostOptions = {}): Promise<Host> {
  const resolved = resolveOptions(options);
  const { store: place, group, fleets } = readHostConfig(config);
  const store = typeof place === 'string' ? await storeAt(place, {}) : place;
  const ownsStore = store !== place;
  try {
    assertLeases('config.store', store);
    await store.listScopes();
  } catch (error) {
    if (ownsStore) await store.close();
    throw error;
  }
  return new RunningHost({ ...resolved, store, ownsStore, group, fleets });
}

interface ResolvedHost extends ReturnType<typeof resolveOptions> {
  readonly store: Store;
  readonly ownsStore: boolean;
  readonly group: string;
  readonly fleets: HostConfig['fleets'];
}

class RunningHost implements Host {
  readonly #options: ResolvedHost;
  readonly #names: readonly string[];
  readonly #seats: Seats;
  readonly #running: HostedFleets;
  readonly #actor: ActorRefFrom<typeof hostMachine>;
  readonly #problems = new Map<string, string | null>();
  #stopping: Promise<void> | null = null;

  constructor(options: ResolvedHost) {
    this.#options = options;
    this.#names = Object.keys(options.fleets).sort();
    this.#seats = new Seats({
      ...options,
      onLost: ({ message }) => this.#actor.send({ type: 'seat.lost', message })
    });
    this.#running = new HostedFleets({
      ...options,
      onLost: (name, message) => this.#fleet(name)?.send({ type: 'ownership.lost', message })
    });
    this.#actor = createActor(this.#machine(), { input: { fleets: this.#names } });
    this.#actor.on('*', (fact) => this.#take(fact));
    this.#actor.start();
  }

  async status(): Promise<HostStatus> {
    const { hosts, fleets } = await readOwners(this.#options.store, this.#names, this.#options.group);
    const { seat, states } = this.#actor.getSnapshot().context;
    return {
      seat,
      hosts,
      fleets: fleets.map(({ name, owner }) => ({
        name,
        owner,
        state: states[name]!,
        problem: this.#problems.get(name) ?? null
      }))
    };
  }

  async stop(options: StopOptions = {}): Promise<void> {
    const { graceful, timeoutMs } = readStopOptions({ timeoutMs: this.#options.drainMs, ...options });
    if (this.#stopping === null) {
      this.#running.drainWithin(graceful ? timeoutMs : 0);
      this.#stopping = this.#leave();
    }
    if (!graceful) await this.#running.abort();
    await this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #leave(): Promise<void> {
    this.#actor.send({ type: 'host.leave' });
    await waitFor(this.#actor, ({ status }) => status !== 'active', { timeout: Infinity });
    if (this.#options.ownsStore) await this.#options.store.close();
  }

  #take(fact: HostFact): void {
    if (fact.type === 'fleet.changed') this.#problems.set(fact.fleet, fact.problem);
    this.#options.onFact?.(fact);
  }

  #fleet(name: string): ActorRefFrom<typeof hostedFleetMachine> | undefined {
    const { children } = this.#actor.getSnapshot();
    return children[name] as ActorRefFrom<typeof hostedFleetMachine> | undefined;
  }

  #machine(): typeof hostMachine {
    const { clock, random, lookMs, store, group } = this.#options;
    const hostedFleet = hostedFleetMachine.provide({
      actors: {
        startFleet: fromPromise(({ input }) => this.#running.start(input.fleet)),
        stopFleet: fromPromise(({ input }) => this.#running.stop(input.fleet, input.graceful)),
        awaitRetry: fromPromise(({ input, signal }) => {
          const delayMs = Math.min(retryMs.first * 2 ** (input.failures - 1), retryMs.longest);
          return pause(clock, delayMs * (1 + spread * random()), signal);
        })
      }
    });
    return hostMachine.provide({
      actors: {
        hostedFleet,
        takeSeat: fromPromise(({ signal }) => this.#seats.take(signal)),
        look: fromPromise<Sight>(async () => {
          const { hosts, fleets } = await readOwners(store, this.#names, group);
          const free = fleets.filter(({ owner }) => owner === null).map(({ name }) => name);
          return { hosts: hosts.map(({ seat }) => seat), free };
        }),
        rest: fromPromise(({ signal }) => pause(clock, lookMs * (1 + spread * random()), signal)),
        releaseSeat: fromPromise(() => this.#seats.release())
      }
    });
  }
}

function resolveOptions(options: HostOptions) {
  const names = ['lookMs', 'drainMs', 'base', 'telemetry', 'onFact', 'clock', 'random'];
  const {
    lookMs = defaults.lookMs,
    drainMs = defaults.drainMs,
    base = new URL('./', pathToFileURL(`${process.cwd()}/`)),
    telemetry = null,
    onFact,
    clock = systemClock,
    random = systemRandom
  } = readOptions('options', options, names);
  assertDuration('options.lookMs', lookMs, 10);
  assertDuration('options.drainMs', drainMs, 0);
  if (!(base instanceof URL)) refuse('options.base', base, 'a URL');
  if (telemetry !== null) assertTelemetry('options.telemetry', telemetry);
  if (onFact !== undefined) assertFunction('options.onFact', onFact);
  assertClock('options.clock', clock);
  assertFunction('options.random', random);
  return { lookMs, drainMs, base, telemetry, onFact, clock, random };
}
