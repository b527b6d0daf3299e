import { setTimeout as sleep } from 'node:timers/promises';
import type { Executor } from '../../../src/executor.ts';
import type { Store } from '../../../src/store.ts';
import type { Fault } from '../faults.ts';

/** How long after its acknowledgement an early commit is written, ms. */
const earlyMs = 150;

/** The store, broken if that is the fault. */
export function faultyStore(store: Store, fault: Fault | null): Store {
  if (fault === 'early acknowledgement') return earlyStore(store);
  if (fault === 'dropped commit') return droppingStore(store);
  return store;
}

/** The executor, broken if that is the fault. */
export function faultyExecutor(executor: Executor, fault: Fault | null): Executor {
  if (fault !== 'double start') return executor;
  return {
    types: executor.types,
    start: (reports) => executor.start(reports),
    startWorker: (workerId) => executor.startWorker(workerId),
    stopWorker: (workerId) => executor.stopWorker(workerId),
    reattach: (attempts) => executor.reattach(attempts),
    abort: (attempt, cause) => executor.abort(attempt, cause),
    stop: () => executor.stop(),
    dispatch(attempts) {
      executor.dispatch(attempts);
      executor.dispatch(attempts);
    }
  };
}

/** What is broken beside the fleet. */
export function breakProcess(fault: Fault | null): void {
  if (fault === 'unhandled rejection') void Promise.reject(new Error('planted'));
  if (fault === 'leaked timer') setInterval(() => {}, 1_000);
}

function earlyStore(store: Store): Store {
  let written: Promise<unknown> = Promise.resolve();
  return {
    ...store,
    commit(commit) {
      written = written.then(() => sleep(earlyMs)).then(() => store.commit(commit));
      return Promise.resolve();
    }
  };
}

function droppingStore(store: Store): Store {
  let hasDropped = false;
  return {
    ...store,
    async commit(commit) {
      const isDropped = !hasDropped && commit.newTasks.length > 0;
      hasDropped ||= isDropped;
      if (!isDropped) await store.commit(commit);
    }
  };
}
