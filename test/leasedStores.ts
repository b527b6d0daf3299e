import { FencedError, LockedError, memoryStore, type Store } from '../src/index.ts';
import type { SimulatedClock } from './harness.ts';

export const leaseMs = 3_000;

/**
 * A place in memory whose owner has a lease, as several processes see it. Time passes in it by the clock that it is
 * made with; a process whose own clock stands still renews nothing.
 */
export function leasedPlace(clock: SimulatedClock) {
  const shared = memoryStore();
  let term = 0;
  let owner = '';
  let endsAt = -Infinity;
  const commits: { readonly owner: string; readonly turn: number }[] = [];

  /** The store as one process has it. */
  const storeOf = (own: SimulatedClock): Store => {
    let ownTerm = 0;
    let ownName = '';
    let onLost: ((error: FencedError) => void) | null = null;
    let renewal: Disposable | null = null;
    const renew = (scope: string): void => {
      if (term !== ownTerm) {
        onLost?.(FencedError.ofFleet(scope, 'another owner has it'));
        onLost = null;
        return;
      }
      endsAt = clock.monotonic() + leaseMs;
      renewal = own.setAlarm(() => renew(scope), leaseMs / 3);
    };
    return {
      ...shared,
      async open(scope, name) {
        if (clock.monotonic() < endsAt) throw new LockedError('leased', owner, 500);
        await shared.release(scope);
        const found = await shared.open(scope, name);
        ownTerm = ++term;
        owner = ownName = name;
        renew(scope);
        return found;
      },
      async commit(commit) {
        if (term !== ownTerm) throw FencedError.ofFleet(commit.scope, 'another owner has it');
        await shared.commit(commit);
        commits.push({ owner: ownName, turn: commit.head.turn });
      },
      async answerCommand(scope, id, reply) {
        if (term !== ownTerm) throw FencedError.ofFleet(scope, 'another owner has it');
        await shared.answerCommand(scope, id, reply);
      },
      watchOwnership(_, listener) {
        onLost = listener;
        return { [Symbol.dispose]: () => void (onLost = null) };
      },
      async release(scope) {
        renewal?.[Symbol.dispose]();
        if (term !== ownTerm) return;
        ownTerm = -1;
        endsAt = -Infinity;
        await shared.release(scope);
      }
    };
  };
  return { storeOf, shared, commits };
}
