import type { FleetFact } from '../../machines/fleetFact.ts';
import { pause } from '../pause.ts';
import type { Clock } from '../clock.ts';
import { type FencedError, LockedError, NotRunningError, StoreError } from '../errors.ts';
import type { Store, StoredFleet } from '../store.ts';

export interface OwnershipOptions {
  readonly scope: string;
  /** Names this process in another one's `LockedError`. */
  readonly owner: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  /** Told once when another process owns the fleet, or may. */
  readonly onLost: (error: FencedError) => void;
  /** Tells the world, at once. */
  readonly tell: (fact: FleetFact) => void;
}

/** How much later than the hint a store is tried again, as a share of it: those that wait do not come together. */
const spread = 0.25;

/** Whether this process owns its fleet: how it comes to, and what becomes of it. */
export class Ownership {
  readonly #options: OwnershipOptions;
  #isHeld = false;
  /** What was found when it was taken, for whoever takes it up. */
  #found: StoredFleet | null = null;
  #watch: Disposable | null = null;
  /** Until nobody stands by any more; never rejects. */
  #standingBy: Promise<void> = Promise.resolve();
  #releasing: Promise<void> = Promise.resolve();

  constructor(options: OwnershipOptions) {
    this.#options = options;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Takes it, unless it was waited for and is there. @returns What is in the store. @throws {LockedError} and others */
  async take(): Promise<StoredFleet> {
    const found = this.#found ?? (await this.#open());
    this.#found = null;
    return found;
  }

  /**
   * Waits until no other process has it, and takes it. What goes wrong with the store at first is told: later it is
   * waited for.
   *
   * @param signal - Aborted when nobody waits any more.
   * @throws whatever keeps the store from being opened at all.
   */
  standBy(signal: AbortSignal): Promise<void> {
    const standing = this.#waitFor(signal);
    this.#standingBy = standing.catch(() => {});
    return standing;
  }

  /** Gives it up. Idempotent. */
  async release(): Promise<void> {
    await this.#standingBy;
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#watch?.[Symbol.dispose]();
      this.#watch = null;
      this.#releasing = this.#options.store.release(this.#options.scope);
    }
    await this.#releasing;
  }

  async #open(): Promise<StoredFleet> {
    const { store, scope, owner, onLost } = this.#options;
    const found = await store.open(scope, owner);
    this.#isHeld = true;
    this.#watch = store.watchOwnership?.(scope, onLost) ?? null;
    return found;
  }

  async #waitFor(signal: AbortSignal): Promise<void> {
    const { clock, random, scope, tell } = this.#options;
    let owner: string | null = null;
    let retryAfterMs = 0;
    for (;;) {
      try {
        this.#found = await this.#open();
      } catch (error) {
        if (error instanceof LockedError) {
          ({ retryAfterMs } = error);
          if (error.owner !== owner) tell({ type: 'standby.began', owner: error.owner });
          ({ owner } = error);
        } else if (owner === null || !(error instanceof StoreError)) throw error;
      }
      // Who stopped meanwhile waits for this before it gives up what was taken.
      if (signal.aborted) throw new NotRunningError(scope, 'start', 'stopped');
      if (this.#isHeld) break;
      await pause(clock, retryAfterMs * (1 + spread * random()), signal).catch(() => {
        throw new NotRunningError(scope, 'start', 'stopped');
      });
    }
    if (owner !== null) tell({ type: 'standby.ended' });
  }
}
