import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

interface AsyncModule {
  readonly queue: (work: (task: unknown) => Promise<void>, concurrency: number) => AsyncQueue;
}
interface AsyncQueue {
  push(tasks: readonly unknown[]): void;
  drain(): Promise<void>;
}

/** The queue of async, given all tasks at once. */
export function asyncQueue(concurrency: number, tasks: number): Case {
  return {
    settings: `queue(), concurrency ${concurrency}, one push() of ${tasks} tasks, then drain()`,
    async run() {
      const peer = 'async';
      const { queue: newQueue } = (await import(peer)) as AsyncModule;
      return measureTasks(tasks, async (count) => {
        let done = 0;
        const queue = newQueue(async () => {
          done += 1;
        }, concurrency);
        queue.push(Array.from({ length: count }, (_, index) => ({ index })));
        await queue.drain();
        return done;
      });
    }
  };
}
