import { FleetManager } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';

/** What the process tells while it works. */
export interface News {
  /** Keys of tasks whose completion was told. */
  readonly completed: readonly string[];
  /** Keys of tasks whose handler started. */
  readonly started: readonly string[];
  readonly firstTaskMs?: number;
  /** Tasks of the batch that are completed at the end. */
  readonly done?: number;
}

const newsSize = 100;

/** Submits a batch that may be there already, and works until all of it is done, or until it is killed. */
const [path = '', tasks = ''] = process.argv.slice(2);

let completed: string[] = [];
let started: string[] = [];
let firstTaskMs: number | undefined;

const began = performance.now();
await using fleet = new FleetManager({
  store: sqliteStore(path),
  config: { maxConcurrentWorkers: 100 },
  handlers: {
    noop: async (_data: null, { key }) => {
      firstTaskMs ??= performance.now() - began;
      started.push(key);
    }
  }
});
using _ = fleet.on('task.settled', ({ key }) => {
  if (completed.push(key) >= newsSize) tell();
});
await fleet.start();
const all = Array.from({ length: Number(tasks) }, (_, index) => ({
  id: String(index),
  type: 'noop' as const,
  data: null
}));
const batchId = await fleet.submitBatch(all, { batchId: 'killed' });
const { completedTasks } = await fleet.waitForBatch(batchId);
tell(completedTasks);

function tell(done?: number): void {
  const news: News = {
    completed,
    started,
    ...(firstTaskMs !== undefined && { firstTaskMs }),
    ...(done !== undefined && { done })
  };
  process.send?.(news, () => {
    if (done !== undefined) process.disconnect?.();
  });
  completed = [];
  started = [];
}
