import type { Executor, ExecutorReports } from '../../../src/executor.ts';
import type { Commit, Store } from '../../../src/store.ts';
import type { PlantedBug } from '../plans.ts';

/** The store, broken if that is the bug. */
export function plantedStore(store: Store, planted: PlantedBug | null): Store {
  if (planted !== 'dropped batch') return store;
  return replacing(store, 'commit', (commit: Commit) => {
    // Acknowledged, and never written.
    const isDropped = ({ batchId }: { batchId: string | null }): boolean => batchId === 'batch-1';
    return store.commit({
      ...commit,
      newTasks: commit.newTasks.filter(({ row }) => !isDropped(row.context)),
      tasks: commit.tasks.filter(({ context }) => !isDropped(context)),
      batches: commit.batches.filter(({ context }) => context.id !== 'batch-1'),
      results: commit.results.filter((result) => !isDropped(result))
    });
  });
}

/** The executor, broken if that is the bug. */
export function plantedExecutor(executor: Executor, planted: PlantedBug | null): Executor {
  switch (planted) {
    case 'double start':
      return replacing(executor, 'dispatch', (attempts) => {
        executor.dispatch(attempts);
        executor.dispatch(attempts);
      });
    case 'swallowed outcome':
      return replacing(executor, 'start', (reports) => executor.start(deaf(reports)));
    default:
      return executor;
  }
}

/** Reports that never hear how the first task of the first batch ended. */
function deaf(reports: ExecutorReports): ExecutorReports {
  return replacing(reports, 'settled', (attempt, outcome) => {
    if (attempt.seq !== 1) reports.settled(attempt, outcome);
  });
}

function replacing<T extends object, TName extends keyof T>(
  target: T,
  name: TName,
  replacement: T[TName]
): T {
  return new Proxy(target, {
    get(_, property) {
      if (property === name) return replacement;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    }
  });
}
