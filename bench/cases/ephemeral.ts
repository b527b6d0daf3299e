import type { Case } from '../case.ts';
import { runNoops } from './noopFleet.ts';

/** A fresh worker for each task. */
export function ephemeral(workers: number, tasks: number): Case {
  return {
    settings: `memoryStore, ${workers} workers × 1, tasksPerWorker: 1, one batch of ${tasks} tasks`,
    run: () => runNoops({ tasks, options: { config: { maxConcurrentWorkers: workers, tasksPerWorker: 1 } } })
  };
}
