import { EventEmitter } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

interface GraphileWorkerModule {
  readonly run: (options: {
    readonly preset: { readonly worker: WorkerOptions };
    readonly taskList: Readonly<Record<string, () => Promise<void>>>;
    readonly noHandleSignals: true;
    readonly events: EventEmitter;
  }) => Promise<Runner>;
  readonly makeWorkerUtils: (options: { readonly connectionString: string }) => Promise<WorkerUtils>;
}
interface WorkerOptions {
  readonly connectionString: string;
  readonly concurrentJobs: number;
  readonly maxPoolSize: number;
  readonly useNodeTime: boolean;
  readonly pollInterval: number;
  readonly localQueue?: { readonly size: number };
  readonly completeJobBatchDelay?: number;
}
interface Runner {
  stop(): Promise<void>;
}
interface WorkerUtils {
  migrate(): Promise<void>;
  addJobs(jobs: readonly { readonly identifier: string; readonly payload: unknown }[]): Promise<unknown>;
  withPgClient<TResult>(work: (client: PgClient) => Promise<TResult>): Promise<TResult>;
  release(): Promise<void>;
}
interface PgClient {
  query(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, number>>[] }>;
}

/** Jobs in one add_jobs: one statement, one commit. */
const chunkSize = 5_000;

export interface GraphileWorkerOptions {
  readonly concurrency: number;
  readonly tasks: number;
  /** Jobs that are fetched and locked at once. Defaults to one by one. */
  readonly localQueue?: number;
  /** How long a completion waits for others to be committed with, ms. Defaults to none: each by itself. */
  readonly completeDelayMs?: number;
}

/** Jobs that are added while the worker runs; the last completions are committed when it stops, and so is what is measured. */
export function graphileWorker(options: GraphileWorkerOptions): Case {
  const { concurrency, tasks, localQueue, completeDelayMs } = options;
  const isBatched = localQueue !== undefined;
  return {
    settings:
      `add_jobs of ${chunkSize}, concurrentJobs ${concurrency}, useNodeTime, ` +
      `${isBatched ? `localQueue ${localQueue}, completeJobBatchDelay ${completeDelayMs} ms` : 'no batching'}, ` +
      `pool of 20, fsync and synchronous_commit on, loopback, ${tasks} tasks`,
    server: 'PostgreSQL',
    maxRounds: 3,
    async run({ serverUrl }) {
      const peer = 'graphile-worker';
      const { run, makeWorkerUtils } = (await import(peer)) as GraphileWorkerModule;
      const utils = await makeWorkerUtils({ connectionString: serverUrl });
      await utils.migrate();
      const worker: WorkerOptions = {
        connectionString: serverUrl,
        concurrentJobs: concurrency,
        maxPoolSize: 20,
        useNodeTime: true,
        pollInterval: 100,
        ...(isBatched && { localQueue: { size: localQueue } }),
        ...(completeDelayMs !== undefined && { completeJobBatchDelay: completeDelayMs })
      };
      const figures = await measureTasks(tasks, async (count) => {
        let done = 0;
        let told = (): void => {};
        const all = new Promise<void>((resolve) => {
          told = resolve;
        });
        const noop = async (): Promise<void> => {};
        const events = new EventEmitter();
        events.on('job:complete', () => {
          done += 1;
          if (done === count) told();
        });
        const runner = await run({ preset: { worker }, taskList: { noop }, noHandleSignals: true, events });
        for (let from = 0; from < count; from += chunkSize) {
          const length = Math.min(chunkSize, count - from);
          await utils.addJobs(
            Array.from({ length }, (_, index) => ({ identifier: 'noop', payload: { index: from + index } }))
          );
        }
        await all;
        await runner.stop();
        return done;
      });
      const countLeft = async (): Promise<unknown> => {
        const sql = 'SELECT count(*)::int AS jobs FROM graphile_worker.jobs';
        return (await utils.withPgClient((client) => client.query(sql))).rows[0]?.['jobs'];
      };
      // It tells that a job is complete a moment before it has removed it.
      for (let looks = 0; looks < 50 && (await countLeft()) !== 0; looks++) await wait(100);
      const left = await countLeft();
      if (left !== 0) throw new Error(`${String(left)} jobs are left`);
      await utils.release();
      return figures;
    }
  };
}
