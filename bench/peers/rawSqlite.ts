import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import type { Case, CaseContext } from '../case.ts';
import { measureEach, measureTasks } from '../measure.ts';

/**
 * What a durable queue must write at least, straight through the driver: each task is inserted, claimed and
 * settled, each in a transaction with others, each transaction synced to the disk.
 */
export function rawSqlite(tasks: number, rowsPerCommit: number): Case {
  return {
    settings:
      `three writes for each of ${tasks} tasks in WAL mode, synchronous FULL, ` +
      `${rowsPerCommit} rows per commit, one thread, no queue`,
    async run(context) {
      const database = await openDatabase(context);
      const insert = database.prepare("INSERT INTO task VALUES (?, ?, 'queued', ?, NULL)");
      const claim = database.prepare("UPDATE task SET state = 'running' WHERE seq = ?");
      const settle = database.prepare("UPDATE task SET state = 'completed', result = ? WHERE seq = ?");
      const count = database.prepare(
        "SELECT count(*) AS done FROM task WHERE state = 'completed' AND seq >= ?"
      );
      let first = 0;
      return measureTasks(tasks, async (all) => {
        const from = first;
        first += all;
        const inCommits = (write: (seq: number) => void): void => {
          for (let next = from; next < first; next += rowsPerCommit) {
            database.exec('BEGIN IMMEDIATE');
            for (let seq = next; seq < Math.min(first, next + rowsPerCommit); seq++) write(seq);
            database.exec('COMMIT');
          }
        };
        inCommits((seq) => void insert.run(seq, `batch/${seq}`, JSON.stringify({ index: seq })));
        inCommits((seq) => void claim.run(seq));
        inCommits((seq) => void settle.run('null', seq));
        return (count.get(from) as { done: number }).done;
      });
    }
  };
}

/** One row in a transaction of its own, synced: nothing durable is told sooner. */
export function oneRawCommit(times: number): Case {
  return {
    settings: `one INSERT in WAL mode, synchronous FULL, ${times} times, one after the other, one thread`,
    async run(context) {
      const database = await openDatabase(context);
      const insert = database.prepare("INSERT INTO task VALUES (NULL, ?, 'queued', ?, NULL)");
      return measureEach(times, (index) => insert.run(`batch/${index}`, JSON.stringify({ index })));
    }
  };
}

async function openDatabase({ folder }: CaseContext): Promise<InstanceType<typeof DatabaseSync>> {
  const database = new DatabaseSync(join(await mkdtemp(join(folder, 'raw-')), 'raw.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec(
    'CREATE TABLE task (seq INTEGER PRIMARY KEY, key TEXT UNIQUE, state TEXT, data TEXT, result TEXT)'
  );
  return database;
}
