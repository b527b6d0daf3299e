import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import type { Case } from '../case.ts';
import { measureTasks } from '../measure.ts';

interface PlainjobModule {
  readonly defineQueue: (options: { readonly connection: Connection; readonly logger: Logger }) => Queue;
  readonly defineWorker: (
    type: string,
    work: () => Promise<void>,
    options: { readonly queue: Queue; readonly logger: Logger; readonly onCompleted: () => void }
  ) => { start(): Promise<void>; stop(): Promise<void> };
}
interface Queue {
  addMany(type: string, data: readonly unknown[]): void;
  close(): void;
}
type Connection = ReturnType<typeof connectionOf>;
type Logger = typeof silent;

const nothing = (): void => {};
const silent = { error: nothing, warn: nothing, info: nothing, debug: nothing };

/**
 * A queue on SQLite in the process. It claims job by job, in the thread of the handlers, and commits each claim and
 * each completion by itself; more workers do not change that.
 */
export function plainjob(synchronous: 'FULL' | 'NORMAL', tasks: number): Case {
  return {
    settings:
      `addMany(), one worker, WAL mode, synchronous ${synchronous}, ${tasks} tasks, ` +
      `2 commits a task beside the submission; through our driver`,
    async run({ folder }) {
      const peer = 'plainjob';
      const { defineQueue, defineWorker } = (await import(peer)) as PlainjobModule;
      const path = join(await mkdtemp(join(folder, 'plainjob-')), 'jobs.db');
      const connection = connectionOf(path);
      const queue = defineQueue({ connection, logger: silent });
      connection.pragma(`synchronous = ${synchronous}`);
      return measureTasks(tasks, async (count) => {
        let done = 0;
        await new Promise<void>((resolve) => {
          const worker = defineWorker('noop', async () => {}, {
            queue,
            logger: silent,
            onCompleted() {
              done += 1;
              if (done === count) void worker.stop().then(resolve);
            }
          });
          queue.addMany(
            'noop',
            Array.from({ length: count }, (_, index) => ({ index }))
          );
          void worker.start();
        });
        return done;
      });
    }
  };
}

/** What plainjob uses of better-sqlite3, which would have to be compiled. */
function connectionOf(path: string) {
  const database = new DatabaseSync(path);
  const inTransaction =
    <TArgs extends readonly unknown[], TResult>(begin: string, work: (...args: TArgs) => TResult) =>
    (...args: TArgs): TResult => {
      database.exec(begin);
      const result = work(...args);
      database.exec('COMMIT');
      return result;
    };
  return {
    driver: 'better-sqlite3',
    filename: path,
    pragma: (text: string) => database.exec(`PRAGMA ${text}`),
    exec: (text: string) => database.exec(text),
    prepare: (text: string) => database.prepare(text),
    transaction: <TArgs extends readonly unknown[], TResult>(work: (...args: TArgs) => TResult) =>
      Object.assign(inTransaction('BEGIN', work), { immediate: inTransaction('BEGIN IMMEDIATE', work) }),
    close: () => database.close()
  };
}
