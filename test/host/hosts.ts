import {
  hostFleets,
  type FleetPlace,
  type Host,
  type HostableFleet,
  type HostConfig,
  type HostedFleet,
  type HostFact,
  type HostOptions
} from '../../src/host.ts';
import { mortal, settled, SimulatedClock } from '../harness.ts';
import { leasedPlace } from '../leasedStores.ts';

/** A host as a process of its own: with a clock that can stand still, and a store that it can be cut from. */
export interface HostProcess {
  readonly name: string;
  readonly host: Host;
  readonly facts: HostFact[];
  /** Names of the fleets that run on it, as far as it knows. */
  running(): string[];
  /** `kill -9`. */
  kill(): void;
  /** SIGSTOP, and SIGCONT. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
  readonly isAlive: boolean;
  readonly isPaused: boolean;
}

/** Hosts on one place with leases, in simulated time. */
export class Hosts {
  readonly clock = new SimulatedClock();
  readonly place = leasedPlace(this.clock);
  readonly all: HostProcess[] = [];
  readonly #clocks = new Map<HostProcess, SimulatedClock>();
  readonly #random: () => number;

  constructor(random: () => number = () => 0.5) {
    this.#random = random;
  }

  get living(): HostProcess[] {
    return this.all.filter(({ isAlive, isPaused }) => isAlive && !isPaused);
  }

  /** A host that comes. */
  async join(
    fleets: HostConfig['fleets'],
    options: Pick<HostOptions, 'telemetry'> = {}
  ): Promise<HostProcess> {
    const clock = new SimulatedClock(this.clock.now());
    const { store, kill } = mortal(this.place.storeOf(clock));
    const facts: HostFact[] = [];
    const name = `host-${this.all.length + 1}`;
    const host = await hostFleets(
      { store, fleets },
      { ...options, clock, random: this.#random, onFact: (fact) => facts.push(fact) }
    );
    const states = new Map<string, string>();
    let isAlive = true;
    let isPaused = false;
    const process: HostProcess = {
      name,
      host,
      facts,
      running() {
        for (const fact of facts) if (fact.type === 'fleet.changed') states.set(fact.fleet, fact.state);
        return [...states].filter(([, state]) => state === 'running').map(([fleet]) => fleet);
      },
      kill() {
        isAlive = false;
        kill();
      },
      pause: () => void (isPaused = true),
      resume: () => void (isPaused = false),
      async stop() {
        const stopped = host.stop({ timeoutMs: 0 });
        for (let n = 0; n < 5; n++) await clock.advance(0);
        await stopped;
        isAlive = false;
      },
      get isAlive() {
        return isAlive;
      },
      get isPaused() {
        return isPaused;
      }
    };
    this.all.push(process);
    this.#clocks.set(process, clock);
    await settled();
    return process;
  }

  /** Time passes for the store and for every host that is not paused. */
  async advance(ms: number, stepMs = 500): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(stepMs);
      for (const host of this.living) await this.#clocks.get(host)!.advance(stepMs);
    }
  }

  async stopAll(): Promise<void> {
    for (const host of this.all) {
      if (host.isPaused) host.resume();
    }
    await this.advance(5_000);
    for (const host of this.living) await host.stop();
  }
}

/** So many fleets that hold their leases and do nothing. */
export function idleFleets(count: number): Record<string, HostedFleet> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, idleFleet]));
}

/** A fleet as far as a host is concerned: it takes the lease, hears of its loss, and gives it up. */
export function idleFleet({ name, store }: FleetPlace): HostableFleet {
  let tell: (fact: { readonly message: string }) => void = () => {};
  const fleet = {
    on(_: string, listener: typeof tell) {
      tell = listener;
      return { unsubscribe() {} };
    },
    async start() {
      await store.open(name, `fleet ${name}`);
      store.watchOwnership!(name, ({ message }) => tell({ message }));
    },
    stop: () => store.release(name)
  };
  return fleet as unknown as HostableFleet;
}
