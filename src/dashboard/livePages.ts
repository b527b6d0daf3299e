import type { Clock } from '../clock.ts';
import type { FleetActor } from '../fleet/fleetActor.ts';
import type { FleetHealth } from '../fleet/fleetHealth.ts';
import type { MetricsPage } from '../fleetTelemetry.ts';
import type { ReadModelStore } from '../journal/readModel.ts';
import type { TurnObservers } from '../journal/turnObserver.ts';
import type { Store, StoredResult } from '../store.ts';
import { RecentFailures } from './recentFailures.ts';
import type { ServedFleet } from './servedFleet.ts';
import type { ServeOptions } from './serveOptions.ts';

/** A page that shows a fleet while it runs. */
export interface LivePage extends AsyncDisposable {
  /** Where it is. The token is no part of it. */
  readonly url: string;
  /** What its buttons need. */
  readonly token: string;
  /** Ends it. Those who look at it are told. Idempotent. */
  close(): Promise<void>;
}

export interface LivePagesOptions {
  readonly name: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly actor: FleetActor;
  readonly readModel: ReadModelStore;
  readonly observers: TurnObservers;
  readonly fleet: ServedFleet;
  /** Whether its workers are elsewhere. */
  readonly isRemote: boolean;
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
    this.#options.actor.require('serve');
    // What serves it, libraries included, is loaded when it is needed.
    const { openPage } = await import('./openPage.ts');
    return openPage({
      ...this.#options,
      options,
      loadFailures: () => this.#loadFailures(),
      onOpened: (page) => this.#pages.add(page),
      onClosed: (page) => this.#pages.delete(page)
    });
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
}
