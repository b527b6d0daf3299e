import type { Case } from '../case.ts';
import { measureEach, measureTasks } from '../measure.ts';

/** The part of p-queue that is measured. It is installed for the benchmark alone. */
interface PQueue {
  add(task: () => Promise<void>): Promise<void>;
  onIdle(): Promise<void>;
}
interface PQueueModule {
  readonly default: new (options: { readonly concurrency: number }) => PQueue;
}

/** Tasks that do nothing through p-queue: no retries, no store, no ids. */
export function pQueue(concurrency: number, tasks: number): Case {
  return {
    settings: `concurrency ${concurrency}, add() for each of ${tasks} tasks, then onIdle()`,
    async run() {
      const queue = await newQueue(concurrency);
      return measureTasks(tasks, async (count) => {
        let done = 0;
        for (let index = 0; index < count; index++) {
          void queue.add(async () => {
            done += 1;
          });
        }
        await queue.onIdle();
        return done;
      });
    }
  };
}

/** One task at a time, from add() to its end. */
export function pQueueAlone(times: number): Case {
  return {
    settings: `await add(), ${times} times, one after the other`,
    async run() {
      const queue = await newQueue(10);
      return measureEach(times, () => queue.add(async () => {}));
    }
  };
}

async function newQueue(concurrency: number): Promise<PQueue> {
  const peer = 'p-queue';
  const { default: PQueue } = (await import(peer)) as PQueueModule;
  return new PQueue({ concurrency });
}
