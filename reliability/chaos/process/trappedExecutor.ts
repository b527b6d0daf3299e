import type { AbortCause, Executor } from '../../../src/executor.ts';
import type { CrashPoint } from '../crashPoints.ts';
import type { Trap } from './trap.ts';

/** Of the aborts that a commit lets out. */
const abortPoints: Readonly<Partial<Record<AbortCause['kind'], CrashPoint>>> = {
  cancelled: 'cancel: committed, not aborted',
  timeout: 'timeout: committed, not aborted',
  stopped: 'stop: attempts released, not aborted'
};

/** An executor with the crash points between a commit and what it lets out, and before the last commit. */
export function trappedExecutor(executor: Executor, trap: Trap): Executor {
  return {
    types: executor.types,
    start: (reports) => executor.start(reports),
    startWorker: (workerId) => executor.startWorker(workerId),
    stopWorker: (workerId) => executor.stopWorker(workerId),
    reattach: (attempts) => executor.reattach(attempts),
    dispatch(attempts) {
      trap.pass('claim: committed, no handler started');
      executor.dispatch(attempts.slice(0, 1));
      if (attempts.length < 2) return;
      trap.pass('claim: committed, some handlers started');
      executor.dispatch(attempts.slice(1));
    },
    abort(attempt, cause) {
      const point = abortPoints[cause.kind];
      if (point !== undefined) trap.pass(point);
      executor.abort(attempt, cause);
    },
    async stop() {
      trap.pass('close: before the last snapshots');
      await executor.stop();
    }
  };
}
