import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';

/**
 * What a durable queue must write at least, straight through the driver: each task is inserted, claimed and
 * settled, each in a transaction with others, each transaction synced to the disk.
 */
export async function rawSqlite(tasks: number, rowsPerCommit: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const database = new DatabaseSync(join(folder, 'raw.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec(
    'CREATE TABLE task (seq INTEGER PRIMARY KEY, key TEXT UNIQUE, state TEXT, data TEXT, result TEXT)'
  );
  const insert = database.prepare("INSERT INTO task VALUES (?, ?, 'queued', ?, NULL)");
  const claim = database.prepare("UPDATE task SET state = 'running' WHERE seq = ?");
  const settle = database.prepare("UPDATE task SET state = 'completed', result = ? WHERE seq = ?");

  const inCommits = (write: (seq: number) => void): void => {
    for (let from = 0; from < tasks; from += rowsPerCommit) {
      database.exec('BEGIN IMMEDIATE');
      for (let seq = from; seq < Math.min(tasks, from + rowsPerCommit); seq++) write(seq);
      database.exec('COMMIT');
    }
  };
  inCommits((seq) => void insert.run(seq, `batch/${seq}`, JSON.stringify({ index: seq })));
  inCommits((seq) => void claim.run(seq));
  inCommits((seq) => void settle.run('null', seq));

  const { done } = database.prepare("SELECT count(*) AS done FROM task WHERE state = 'completed'").get() as {
    done: number;
  };
  database.close();
  await rm(folder, { recursive: true });
  return done;
}
