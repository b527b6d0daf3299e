import { FencedError, LockedError, memoryStore, type Store } from '../src/index.ts';
import type { SimulatedClock } from './harness.ts';

export const leaseMs = 3_000;

/** Who has a fleet, and until when. */
interface Lease {
  term: number;
  owner: string;
  endsAt: number;
}

/** What a process knows of a lease that it took. */
interface HeldLease {
  readonly term: number;
  readonly owner: string;
  onLost: ((error: FencedError) => void) | null;
  renewal: Disposable | null;
}

/**
 * A place in memory whose owners have leases, a fleet each, as several processes see it. Time passes in it by the clock that it
 * is made with; a process whose own clock stands still renews nothing.
 */
export function leasedPlace(clock: SimulatedClock) {
  const shared = memoryStore();
  const leases = new Map<string, Lease>();
  const commits: { readonly owner: string; readonly turn: number }[] = [];

  /** The store as one process has it. */
  const storeOf = (own: SimulatedClock): Store => {
    const held = new Map<string, HeldLease>();
    const isHeld = (scope: string): boolean =>
      held.has(scope) && leases.get(scope)!.term === held.get(scope)!.term;
    const refuseFenced = (scope: string): void => {
      if (!isHeld(scope)) throw FencedError.ofFleet(scope, 'another owner has it');
    };
    const renew = (scope: string, mine: HeldLease): void => {
      const lease = leases.get(scope)!;
      if (lease.term !== mine.term) {
        mine.onLost?.(FencedError.ofFleet(scope, 'another owner has it'));
        mine.onLost = null;
        return;
      }
      lease.endsAt = clock.monotonic() + leaseMs;
      mine.renewal = own.setAlarm(() => renew(scope, mine), leaseMs / 3);
    };
    return {
      ...shared,
      async open(scope, name) {
        const last = leases.get(scope);
        if (last !== undefined && clock.monotonic() < last.endsAt) {
          throw new LockedError('leased', last.owner, 500);
        }
        // Before anything is waited for: of two that come at once one is too late.
        const mine: HeldLease = { term: (last?.term ?? 0) + 1, owner: name, onLost: null, renewal: null };
        held.get(scope)?.renewal?.[Symbol.dispose]();
        held.set(scope, mine);
        leases.set(scope, { term: mine.term, owner: name, endsAt: clock.monotonic() + leaseMs });
        renew(scope, mine);
        await shared.release(scope);
        return shared.open(scope, name);
      },
      async readOwner(scope) {
        const lease = leases.get(scope);
        return lease !== undefined && clock.monotonic() < lease.endsAt ? lease.owner : null;
      },
      async commit(commit) {
        refuseFenced(commit.scope);
        await shared.commit(commit);
        commits.push({ owner: held.get(commit.scope)!.owner, turn: commit.head.turn });
      },
      async answerCommand(scope, id, reply) {
        refuseFenced(scope);
        await shared.answerCommand(scope, id, reply);
      },
      watchOwnership(scope, listener) {
        const mine = held.get(scope)!;
        mine.onLost = listener;
        return { [Symbol.dispose]: () => void (mine.onLost = null) };
      },
      async release(scope) {
        const mine = held.get(scope);
        if (mine === undefined) return;
        mine.renewal?.[Symbol.dispose]();
        const wasHeld = isHeld(scope);
        held.delete(scope);
        if (!wasHeld) return;
        leases.get(scope)!.endsAt = -Infinity;
        await shared.release(scope);
      }
    };
  };
  return { storeOf, shared, commits };
}
