import type { FleetTelemetry } from '../fleetTelemetry.ts';
import { FleetManager } from '../fleetManager.ts';
import { HandlerModuleError } from '../errors.ts';
import { importHandlers } from '../handlers/handlerModule.ts';
import type { Handlers } from '../handlers/handler.ts';
import type { Store } from '../store.ts';
import { refuse } from '../validation/validation.ts';
import type { FleetPlace, HostableFleet, HostConfig, HostedFleet } from './hostConfig.ts';

export interface HostedFleetsOptions {
  readonly fleets: HostConfig['fleets'];
  readonly store: Store;
  readonly telemetry: FleetTelemetry | null;
  /** What a relative path of handlers starts from. */
  readonly base: URL;
  /** How long running tasks may take when a fleet is handed over, ms. */
  readonly drainMs: number;
  /** Told when another process owns a fleet that ran here, or may. */
  readonly onLost: (name: string, message: string) => void;
}

/** A fleet that is being made, or was. */
interface Made {
  readonly fleet: Promise<HostableFleet>;
}

/** The fleets that run in this process: one is made for each time that it is to run here, and forgotten when it has ended. */
export class HostedFleets {
  readonly #options: HostedFleetsOptions;
  readonly #made = new Map<string, Made>();
  /** Modules of handlers that did not load, by URL, and how often: a module system remembers that it failed. */
  readonly #imports = new Map<string, number>();
  #drainMs: number;

  constructor(options: HostedFleetsOptions) {
    this.#options = options;
    this.#drainMs = options.drainMs;
  }

  /** Takes the lease. Resolves when the fleet runs. @throws {LockedError} and others; nothing is left then. */
  async start(name: string): Promise<void> {
    const made: Made = { fleet: this.#make(name) };
    this.#made.set(name, made);
    try {
      const fleet = await made.fleet;
      fleet.on('ownership.lost', ({ message }) => {
        if (this.#made.get(name) === made) this.#options.onLost(name, message);
      });
      await fleet.start();
    } catch (error) {
      if (this.#made.get(name) === made) this.#made.delete(name);
      throw error;
    }
  }

  /** Ends the fleet here. Resolves when nothing of it is left. */
  async stop(name: string, graceful: boolean): Promise<void> {
    const made = this.#made.get(name);
    if (made === undefined) return;
    try {
      const fleet = await made.fleet;
      await fleet.stop({ graceful, timeoutMs: this.#drainMs });
    } finally {
      if (this.#made.get(name) === made) this.#made.delete(name);
    }
  }

  /** From now on what runs may take so long when it is handed over, ms. */
  drainWithin(timeoutMs: number): void {
    this.#drainMs = timeoutMs;
  }

  /** What runs is aborted, uncharged, also in fleets that are being handed over. */
  async abort(): Promise<void> {
    this.#drainMs = 0;
    await Promise.all([...this.#made.keys()].map((name) => this.stop(name, false).catch(() => {})));
  }

  async #make(name: string): Promise<HostableFleet> {
    const { fleets, store, telemetry } = this.#options;
    const place: FleetPlace = { name, store, ...(telemetry !== null && { telemetry }) };
    const made = await this.#create(fleets[name]!, place);
    if (typeof made?.start === 'function' && typeof made.stop === 'function') return made;
    return refuse(`what config.fleets[${JSON.stringify(name)}] makes`, made, 'a FleetManager');
  }

  async #create(fleet: HostedFleet, place: FleetPlace): Promise<HostableFleet> {
    if (typeof fleet === 'function') return fleet(place);
    const { handlers, ...options } = fleet;
    if (handlers === undefined) return new FleetManager({ ...place, ...options });
    const isModule = typeof handlers === 'string' || handlers instanceof URL;
    return new FleetManager({
      ...place,
      ...options,
      handlers: isModule ? await this.#import(new URL(handlers, this.#options.base)) : handlers
    });
  }

  async #import(url: URL): Promise<Handlers> {
    const failures = this.#imports.get(url.href) ?? 0;
    const next = new URL(url);
    if (failures > 0) next.searchParams.set('retry', String(failures));
    this.#imports.set(url.href, failures + 1);
    let handlers: Handlers | null;
    try {
      handlers = await importHandlers(next.href);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new HandlerModuleError(url.href, reason, { cause: error });
    }
    if (handlers === null) throw new HandlerModuleError(url.href, 'it exports no function');
    this.#imports.set(url.href, failures);
    return handlers;
  }
}
