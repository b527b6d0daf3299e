import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import type { Clock } from '../clock.ts';
import type { FleetActor } from '../fleet/fleetActor.ts';
import type { FleetHealth } from '../fleet/fleetHealth.ts';
import type { MetricsPage } from '../fleetTelemetry.ts';
import type { ReadModelStore } from '../journal/readModel.ts';
import type { TurnObservers } from '../journal/turnObserver.ts';
import type { Store, StoredResult } from '../store.ts';
import { Access } from './access.ts';
import { EdgeCounter } from './edgeCounter.ts';
import { EventStreams } from './eventStreams.ts';
import type { Frame } from './frame.ts';
import { readFrame } from './readFrame.ts';
import { RecentFailures } from './recentFailures.ts';
import type { ServedFleet } from './servedFleet.ts';
import { resolveServeOptions, type ServeOptions } from './serveOptions.ts';

/** A page that shows a fleet while it runs. */
export interface LivePage extends AsyncDisposable {
  /** Where it is. The token is no part of it. */
  readonly url: string;
  /** What its buttons need. */
  readonly token: string;
  /** Ends it. Those who look at it are told. Idempotent. */
  close(): Promise<void>;
}

interface LivePagesOptions {
  readonly name: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly actor: FleetActor;
  readonly readModel: ReadModelStore;
  readonly observers: TurnObservers;
  readonly fleet: ServedFleet;
  readonly health: () => FleetHealth;
  /** `null`: it has no telemetry. */
  readonly metrics: (() => Promise<MetricsPage | null>) | null;
  /** Told of what went wrong while a page was served. */
  readonly onError: (error: unknown) => void;
}

/** The pages of a fleet that are served. While there is none, nothing is kept for them. */
export class LivePages {
  readonly #options: LivePagesOptions;
  readonly #pages = new Set<LivePage>();
  /** From the first page on. */
  #failures: RecentFailures | null = null;

  constructor(options: LivePagesOptions) {
    this.#options = options;
  }

  /** Serves a page, until it or the fleet ends. @throws {NotRunningError} @throws {ValidationError} @throws {ListenError} */
  async open(options: ServeOptions): Promise<LivePage> {
    const { actor, clock, fleet, health, metrics, observers, onError } = this.#options;
    const running = actor.require('serve');
    const resolved = resolveServeOptions(options);
    // Its libraries are loaded when they are needed.
    const [{ startPageServer }, { readPageAssets }] = await Promise.all([
      import('./pageServer.ts'),
      import('./pageAssets.ts')
    ]);
    const [assets, failures] = await Promise.all([readPageAssets(), this.#loadFailures()]);
    actor.require('serve');
    const counter = new EdgeCounter();
    const streams = new EventStreams({
      clock,
      readFrame: () => ({ ...this.#readFrame(running.getSnapshot(), failures), edges: counter.edges }),
      onChange: (listener) => {
        const subscription = running.subscribe(listener);
        const observation = observers.add(counter);
        return {
          [Symbol.dispose]: () => {
            subscription.unsubscribe();
            observation[Symbol.dispose]();
          }
        };
      },
      onError
    });
    const access = new Access(resolved.token, clock);
    const server = await startPageServer({
      fleet,
      health,
      metrics,
      clock,
      assets,
      access,
      streams,
      options: resolved,
      onError
    });
    const close = async (): Promise<void> => {
      ended.unsubscribe();
      await server.close();
      this.#pages.delete(page);
    };
    const page: LivePage = {
      url: urlOf(resolved.host, server.port),
      token: resolved.token,
      close,
      [Symbol.asyncDispose]: close
    };
    try {
      // It may have stopped while the server began to listen.
      actor.require('serve');
    } catch (error) {
      await server.close();
      throw error;
    }
    this.#pages.add(page);
    const end = (): void => void close();
    // However it ends. A page that is closed before is forgotten by it.
    const ended = running.subscribe({ complete: end, error: end });
    return page;
  }

  /** Takes the results of a committed turn. */
  released(results: readonly StoredResult[]): void {
    if (results.length > 0) this.#failures?.add(results);
  }

  /** Resolves when no page is served any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#pages].map((page) => page.close()));
    this.#failures = null;
  }

  async #loadFailures(): Promise<RecentFailures> {
    const { store, name, actor } = this.#options;
    const failures = (this.#failures ??= new RecentFailures());
    await failures.load(store, name, actor.journal.ledger.head.settledSeq);
    return failures;
  }

  #readFrame(fleet: FleetSnapshot, { newestFirst }: RecentFailures): Frame {
    const { actor, clock, readModel } = this.#options;
    return readFrame({
      at: clock.now(),
      fleet,
      journal: actor.journal,
      readModel: readModel.getSnapshot().context,
      failures: newestFirst
    });
  }
}

/** Whoever listens on all addresses of this machine is found under its own. */
function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}/`;
}
