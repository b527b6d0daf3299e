import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

interface BullMqModule {
  readonly Queue: new (name: string, options: { readonly connection: Redis }) => Queue;
  readonly Worker: new (
    name: string,
    work: () => Promise<void>,
    options: {
      readonly connection: Redis;
      readonly concurrency: number;
      readonly removeOnComplete: { readonly count: number };
    }
  ) => Worker;
}
interface Queue {
  addBulk(jobs: readonly { readonly name: string; readonly data: unknown }[]): Promise<unknown>;
  close(): Promise<void>;
}
interface Worker {
  on(event: 'completed', listener: () => void): void;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}
interface IoRedisModule {
  readonly default: new (url: string, options: { readonly maxRetriesPerRequest: null }) => Redis;
}
interface Redis {
  call(command: string, ...args: readonly string[]): Promise<unknown>;
  quit(): Promise<unknown>;
}

/** Jobs in one addBulk: it sends them as one transaction. */
const chunkSize = 1_000;

export interface BullMqOptions {
  /** When Redis syncs its log: before it answers, or once a second, so that a power cut takes what was acknowledged. */
  readonly appendfsync: 'always' | 'everysec';
  readonly concurrency: number;
  readonly tasks: number;
}

/**
 * One queue and one worker of BullMQ. Settled jobs are removed, which is its quickest: the worker fetches the next job
 * with the call that completes one.
 */
export function bullMq({ appendfsync, concurrency, tasks }: BullMqOptions): Case {
  return {
    settings:
      `addBulk() of ${chunkSize}, concurrency ${concurrency}, removeOnComplete, appendonly with ` +
      `appendfsync ${appendfsync}, loopback, ${tasks} tasks`,
    server: 'Redis',
    maxRounds: 3,
    async run({ serverUrl }) {
      const [peer, client] = ['bullmq', 'ioredis'];
      const { Queue, Worker } = (await import(peer)) as BullMqModule;
      const { default: Redis } = (await import(client)) as IoRedisModule;
      const connect = (): Redis => new Redis(serverUrl, { maxRetriesPerRequest: null });
      const [connection, ofWorker] = [connect(), connect()];
      await connection.call('FLUSHALL');
      await connection.call('CONFIG', 'SET', 'appendfsync', appendfsync);
      const queue = new Queue('noop', { connection });
      let done = 0;
      let told = (): void => {};
      const worker = new Worker('noop', async () => {}, {
        connection: ofWorker,
        concurrency,
        removeOnComplete: { count: 0 }
      });
      worker.on('completed', () => {
        done += 1;
        told();
      });
      await worker.waitUntilReady();
      const figures = await measureTasks(tasks, async (count) => {
        done = 0;
        const all = new Promise<void>((resolve) => {
          told = () => void (done === count && resolve());
        });
        for (let from = 0; from < count; from += chunkSize) {
          const length = Math.min(chunkSize, count - from);
          await queue.addBulk(
            Array.from({ length }, (_, index) => ({ name: 'noop', data: { index: from + index } }))
          );
        }
        await all;
        return done;
      });
      await worker.close();
      await queue.close();
      return figures;
    }
  };
}
