import type { Executor, ExecutorReports } from '../../../src/executor.ts';
import type { PlantedBug } from '../plans.ts';

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
