import type { Case } from '../case.ts';
import { runNoops } from './noopFleet.ts';

/** A batch of one array, through a fleet that keeps everything in memory. */
export function inMemory(workers: number, workerConcurrency: number, tasks: number): Case {
  return {
    settings: `memoryStore, ${workers} workers × ${workerConcurrency}, one batch of ${tasks} tasks`,
    run: () => runNoops({ tasks, options: { config: { maxConcurrentWorkers: workers, workerConcurrency } } })
  };
}

/** A stream that is too long to be an array, and how the event loop fares meanwhile. */
export function streamed(tasks: number): Case {
  return {
    settings: `memoryStore, 100 workers × 1, one batch of ${tasks} tasks from an async iterable; all rows and results are kept`,
    maxRounds: 3,
    run: () =>
      runNoops({ tasks, isStream: true, warmUp: 10_000, options: { config: { maxConcurrentWorkers: 100 } } })
  };
}
