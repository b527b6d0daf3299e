import {
  FencedError,
  LockedError,
  StoreError,
  type Clock,
  type Commit,
  type Store
} from '../../src/index.ts';
import type { CommitFault } from './plan.ts';

/** What is to go wrong with the store. It outlives processes: a disk that fails does so for the next one too. */
export interface StoreFaults {
  readonly commits: CommitFault[];
  /** Reads and slices of removals that are refused from now on. */
  reads: number;
  /** Where in the next commit the process dies; `null`: it lives. */
  death: 'beforeWrite' | 'afterWrite' | null;
  /** Another process owns the fleet. */
  isTakenOver: boolean;
  /** It has owned it since the last process that is seen here took it: that one writes nothing more. */
  isFenced: boolean;
  /** Tells the process that took it last; `null`: nobody listens. */
  tellOfLoss: ((error: FencedError) => void) | null;
}

export interface StoreUser {
  readonly clock: Clock;
  readonly isAlive: () => boolean;
  /** Ends the process. */
  readonly die: () => void;
  /** Told of a commit at the moment at which it was made, before anything can go wrong with it. */
  readonly onCommit: (commit: Commit) => void;
}

/** How soon whoever waits for the ownership is to look again, ms. */
const takeoverLookMs = 500;

const faultlessly: CommitFault = { ends: 'well', beforeMs: 0, afterMs: 0 };

/** What an owner is told that has been taken over. */
export function fenced(): FencedError {
  return FencedError.ofFleet('simulated', 'another owner has taken it over');
}

/** What the loop itself asks for beside its commits; what callers read is left alone, so that the oracle reads too. */
const faultyCalls = [
  'readHead',
  'readPayloads',
  'readTasks',
  'readBatch',
  'hasResults',
  'removeBatch'
] as const;

/** A store as one process has it: faulty, and silent once the process is dead. */
export function withFaults(inner: Store, faults: StoreFaults, user: StoreUser): Store {
  const commit = async (commit: Commit): Promise<void> => {
    user.onCommit(commit);
    const { ends, beforeMs, afterMs } = faults.commits.shift() ?? faultlessly;
    await pause(user.clock, beforeMs);
    if (faults.death === 'beforeWrite') return die();
    if (faults.isFenced) throw fenced();
    if (ends === 'refused') throw new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused');
    if (ends === 'lostWrite') throw new StoreError('ERR_STORE_IO', 'The write was lost', 'unknown');
    await inner.commit(commit);
    if (faults.death === 'afterWrite') return die();
    await pause(user.clock, afterMs);
    if (ends === 'lostAnswer') throw new StoreError('ERR_STORE_IO', 'The answer was lost', 'unknown');
  };
  const open: Store['open'] = async (scope, owner) => {
    if (faults.isTakenOver) throw new LockedError('memory', 'another owner', takeoverLookMs);
    const found = await inner.open(scope, owner);
    faults.isFenced = false;
    return found;
  };
  const watchOwnership: Store['watchOwnership'] = (_, onLost) => {
    faults.tellOfLoss = onLost;
    return { [Symbol.dispose]: () => void (faults.tellOfLoss = null) };
  };
  const own = { commit, open, watchOwnership };
  const die = (): Promise<never> => {
    faults.death = null;
    user.die();
    return silence();
  };
  return new Proxy(inner, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(name in own ? own : target, name, receiver);
      if (typeof member !== 'function') return member;
      const isFaulty = (faultyCalls as readonly PropertyKey[]).includes(name);
      return (...args: unknown[]): unknown => {
        if (!user.isAlive()) return silence();
        if (isFaulty && faults.reads > 0) {
          faults.reads -= 1;
          return Promise.reject(new StoreError('ERR_STORE_IO', 'The disk cannot be read', 'refused'));
        }
        return (member as (...args: unknown[]) => unknown).apply(target, args);
      };
    }
  });
}

/** Waits, unless there is nothing to wait for: then not even a microtask passes. */
function pause(clock: Clock, ms: number): Promise<void> | undefined {
  return ms === 0 ? undefined : new Promise((resolve) => void clock.setAlarm(resolve, ms));
}

function silence(): Promise<never> {
  return new Promise(() => {});
}
