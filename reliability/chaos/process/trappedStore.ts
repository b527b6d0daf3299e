import type { Commit, Store, StoredFleet, TaskRow } from '../../../src/store.ts';
import type { CrashPoint } from '../crashPoints.ts';
import type { Trap } from './trap.ts';

/** A store with the crash points around its commits and its removals, and while it is opened and given up. */
export function trappedStore(store: Store, trap: Trap, isStopping: () => boolean): Store {
  let commits = 0;
  return {
    ...store,
    async open(scope, owner) {
      const stored = await store.open(scope, owner);
      trap.pass('recovery: opened, nothing loaded');
      return { ...stored, tasks: trappedPages(stored.tasks, trap) };
    },
    async commit(commit) {
      if (commit.newTasks.length > 0) trap.pass('submit: before its commit');
      if (commit.results.length > 0) trap.pass('completion: before its commit');
      await store.commit(commit);
      commits += 1;
      if (commits === 1) trap.pass('recovery: first turn committed');
      for (const point of pointsAfter(commit)) trap.pass(point);
      if (isStopping()) trap.pass('drain: between two commits');
    },
    async removeBatch(scope, batchId) {
      trap.pass('remove: before its first slice');
      const isUnfinished = await store.removeBatch(scope, batchId);
      trap.pass(isUnfinished ? 'remove: between two slices' : 'remove: gone, not acknowledged');
      return isUnfinished;
    },
    async release(scope) {
      trap.pass('close: last snapshots committed');
      await store.release(scope);
      trap.pass('close: store released');
    }
  };
}

async function* trappedPages(pages: StoredFleet['tasks'], trap: Trap): AsyncGenerator<readonly TaskRow[]> {
  yield* pages;
  trap.pass('recovery: loaded, no turn taken');
}

/** What has just become durable, and what would follow from it. */
function* pointsAfter({ newTasks, tasks, batches, results, agents }: Commit): Generator<CrashPoint> {
  if (newTasks.length > 0) yield 'submit: committed, not acknowledged';
  for (const { state, context } of batches) {
    if (state === 'accepting') {
      yield context.id.startsWith('stream') ? 'stream: between two chunks' : 'array: between two chunks';
    }
    if (state === 'cancelling' && results.length > 1_000) yield 'cancel: between two slices of a batch';
  }
  if (tasks.some(({ state }) => state === 'backingOff')) yield 'retry: committed, no alarm set';
  if (results.length > 0) yield 'completion: committed, not told';
  if (agents.some(({ id }) => id === 'fleet')) yield 'settings: committed, not acknowledged';
}
