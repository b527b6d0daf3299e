import type { FleetConfig } from '../../machines/fleetConfig.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { ActiveClock } from '../journal/activeClock.ts';
import { Deadlines } from '../ledger/deadlines.ts';
import { offerKey } from '../ledger/dispatchQueue.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { QueuedKind } from '../ledger/queuedKinds.ts';

/**
 * Tells once of each kind of task that no worker that is there can take, where workers come by themselves.
 *
 * Not before it has waited for as long as a worker may be silent: after a start of the fleet they come one by one.
 */
export class UnroutableTasks {
  readonly #ledger: Ledger;
  readonly #active: ActiveClock;
  readonly #tell: (facts: readonly FleetFact[]) => void;
  /** Kinds that nobody can take, those that were told of included. */
  #kinds: ReadonlyMap<string, QueuedKind> = new Map();
  /** When to tell of each, in active time. */
  readonly #deadlines = new Deadlines<string>();
  /** What was looked at last. */
  #offersVersion = -1;
  #kindsVersion = -1;

  constructor(ledger: Ledger, active: ActiveClock, tell: (facts: readonly FleetFact[]) => void) {
    this.#ledger = ledger;
    this.#active = active;
    this.#tell = tell;
  }

  /** When to look again, in active time; `undefined`: whenever there is a turn. */
  get nextAt(): number | undefined {
    return this.#deadlines.nextAt;
  }

  /** Looks at what a turn has left in the queue. */
  look({ heartbeatTimeoutMs }: Pick<FleetConfig, 'heartbeatTimeoutMs'>): void {
    const { queuedKinds, roster } = this.#ledger;
    const now = this.#active.now();
    if (queuedKinds.version !== this.#kindsVersion || roster.offersVersion !== this.#offersVersion) {
      this.#kindsVersion = queuedKinds.version;
      this.#offersVersion = roster.offersVersion;
      this.#compare(now + heartbeatTimeoutMs);
    }
    const due = this.#deadlines.takeDue(now);
    if (due.length === 0) return;
    this.#tell(due.map((key) => unroutable(this.#kinds.get(key)!)));
  }

  #compare(tellAt: number): void {
    const kinds = new Map<string, QueuedKind>();
    for (const kind of this.#ledger.unroutable()) kinds.set(offerKey(kind.tags, [kind.type]), kind);
    for (const key of this.#kinds.keys()) if (!kinds.has(key)) this.#deadlines.delete(key);
    for (const key of kinds.keys()) if (!this.#kinds.has(key)) this.#deadlines.set(key, tellAt);
    this.#kinds = kinds;
  }
}

function unroutable({ type, tags }: QueuedKind): FleetFact {
  return { type: 'tasks.unroutable', taskType: type, tags };
}
