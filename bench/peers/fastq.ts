import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

interface FastqModule {
  readonly default: {
    (work: (task: unknown, done: (error: unknown) => void) => void, concurrency: number): CallbackQueue;
    promise(work: (task: unknown) => Promise<void>, concurrency: number): PromiseQueue;
  };
}
interface CallbackQueue {
  drain: () => void;
  push(task: unknown): void;
}
interface PromiseQueue {
  push(task: unknown): Promise<void>;
  drained(): Promise<void>;
}

/** Its API of promises: each push returns one for the end of its task. */
export function fastqPromises(concurrency: number, tasks: number): Case {
  return {
    settings: `fastq.promise, concurrency ${concurrency}, push() for each of ${tasks} tasks, then drained()`,
    async run() {
      const fastq = await load();
      return measureTasks(tasks, async (count) => {
        let done = 0;
        const queue = fastq.promise(async () => {
          done += 1;
        }, concurrency);
        for (let index = 0; index < count; index++) void queue.push({ index });
        await queue.drained();
        return done;
      });
    }
  };
}

/** Its API of callbacks, which is its fastest: nobody can wait for a single task. */
export function fastqCallbacks(concurrency: number, tasks: number): Case {
  return {
    settings: `fastq with callbacks around async tasks, concurrency ${concurrency}, push() for each of ${tasks}, then drain`,
    async run() {
      const fastq = await load();
      return measureTasks(tasks, async (count) => {
        let done = 0;
        const noop = async (): Promise<void> => {
          done += 1;
        };
        const queue = fastq((_task, settle) => {
          void noop().then(() => settle(null), settle);
        }, concurrency);
        await new Promise<void>((resolve) => {
          queue.drain = resolve;
          for (let index = 0; index < count; index++) queue.push({ index });
        });
        return done;
      });
    }
  };
}

async function load(): Promise<FastqModule['default']> {
  const peer = 'fastq';
  return ((await import(peer)) as FastqModule).default;
}
