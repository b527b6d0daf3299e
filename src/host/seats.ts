import { type FencedError, LockedError } from '../errors.ts';
import type { Store, StoreReader } from '../store.ts';
import { seatPrefix } from './hostConfig.ts';

export interface SeatsOptions {
  readonly store: Store;
  readonly group: string;
  /** Told once when the seat is somebody else's, or may be. */
  readonly onLost: (error: FencedError) => void;
}

/**
 * The place of this host among the others: a scope of the store, leased like a fleet, that holds nothing.
 *
 * Seats are numbered from 1 on, and the first one that is free is taken: what the dead leave is used again, so there are never
 * more than there were hosts at once.
 */
export class Seats {
  readonly #options: SeatsOptions;
  #held: { readonly seat: number; readonly watch: Disposable } | null = null;

  constructor(options: SeatsOptions) {
    this.#options = options;
  }

  /** Takes a seat; one that was lost is given up first. @param signal - Aborted: nobody waits. @throws {StoreError} */
  async take(signal: AbortSignal): Promise<number> {
    await this.release();
    for (let seat = 1; ; seat++) {
      try {
        await this.#open(seat);
      } catch (error) {
        if (error instanceof LockedError) continue;
        throw error;
      }
      if (signal.aborted) await this.release();
      return seat;
    }
  }

  /** Never rejects: a lease that cannot be given up ends by itself. */
  async release(): Promise<void> {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    held.watch[Symbol.dispose]();
    await this.#options.store.release(scopeOf(this.#options.group, held.seat)).catch(() => {});
  }

  async #open(seat: number): Promise<void> {
    const { store, group, onLost } = this.#options;
    const scope = scopeOf(group, seat);
    await store.open(scope, `host of ${JSON.stringify(group)} in process ${process.pid}`);
    this.#held = { seat, watch: store.watchOwnership!(scope, onLost) };
  }
}

/** A host that lives. */
export interface SeatedHost {
  readonly group: string;
  readonly seat: number;
  /** What the store says of its process. */
  readonly owner: string;
}

/** The hosts of a group that live, by their seats; of all groups, where none is named. */
export async function readSeats(
  store: StoreReader,
  scopes: readonly string[],
  group?: string
): Promise<readonly SeatedHost[]> {
  const prefix = group === undefined ? seatPrefix : scopeOf(group, '');
  const seats = scopes.filter((scope) => scope.startsWith(prefix) && /\/\d+$/.test(scope));
  const hosts = await Promise.all(seats.map(async (scope) => hostOf(scope, await store.readOwner(scope))));
  return hosts.filter((host) => host !== null).sort((left, right) => left.seat - right.seat);
}

function scopeOf(group: string, seat: number | ''): string {
  return `${seatPrefix}${group}/${seat}`;
}

function hostOf(scope: string, owner: string | null): SeatedHost | null {
  if (owner === null) return null;
  const slash = scope.lastIndexOf('/');
  return { group: scope.slice(seatPrefix.length, slash), seat: Number(scope.slice(slash + 1)), owner };
}
