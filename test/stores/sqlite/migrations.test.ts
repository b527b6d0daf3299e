import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import type { Database } from '../../../src/stores/sqlite/library.ts';
import { migrate, type Migration } from '../../../src/stores/sqlite/migrations.ts';
import { requireSchema, schemaVersion } from '../../../src/stores/sqlite/schema.ts';
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, range, taskOf } from '../rows.ts';

const target = schemaVersion + 2;

/** Two steps, of several statements each. */
const steps: ReadonlyMap<number, Migration> = new Map([
  [
    schemaVersion,
    (database) => {
      database.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)');
      database.exec("INSERT INTO notes (id, text) SELECT id, 'of ' || key FROM tasks");
    }
  ],
  [
    schemaVersion + 1,
    (database) => {
      database.exec('ALTER TABLE notes RENAME TO remarks');
      database.exec('CREATE INDEX remarks_text ON remarks (text)');
    }
  ]
]);

describe('a migration of a store', () => {
  it('is done once, whichever statement the process is killed at', async () => {
    const statements = await countStatements();
    expect(statements).toBeGreaterThan(8);
    for (let last = 0; last < statements; last += 1) {
      const path = await makeStore();
      migrateUntil(path, last);

      const database = new DatabaseSync(path);
      const version = versionOf(database);
      expect([schemaVersion, schemaVersion + 1, target]).toContain(version);
      requireSchema(database);
      migrate(database, version, steps, target);

      expect(versionOf(database)).toBe(target);
      expect(database.prepare('SELECT count(*) AS n FROM remarks').get()).toMatchObject({ n: 50 });
      requireSchema(database);
      database.close();
    }
  });

  it('that fails leaves the version before it, and its tables', async () => {
    const database = new DatabaseSync(await makeStore());
    const failing = new Map([
      ...steps,
      [schemaVersion + 1, () => database.exec('DROP TABLE there_is_none')] as const
    ]);

    expect(() => migrate(database, schemaVersion, failing, target)).toThrow('no such table');

    expect(versionOf(database)).toBe(schemaVersion + 1);
    expect(database.isTransaction).toBe(false);
    requireSchema(database);
    database.close();
  });

  it('changes nothing in a store of this version', async () => {
    const database = new DatabaseSync(await makeStore());
    migrate(database, schemaVersion);
    expect(versionOf(database)).toBe(schemaVersion);
    database.close();
  });
});

async function makeStore(): Promise<string> {
  const path = temporaryPath();
  const store = sqliteStore(path, { durability: 'none' });
  await store.open('fleet-1', 'me');
  await store.commit(commitOf('fleet-1', 1, { newTasks: range(1, 50).map((seq) => taskOf(seq)) }));
  await store.close();
  return path;
}

/** How many statements the migration has, its transactions included. */
async function countStatements(): Promise<number> {
  return migrateUntil(await makeStore(), Infinity);
}

/** Migrates, and ends as a killed process does after so many statements. @returns How many there were. */
function migrateUntil(path: string, last: number): number {
  const inner = new DatabaseSync(path);
  let count = 0;
  const note = (): void => {
    if (count >= last) throw new Killed();
    count += 1;
  };
  const database: Database = {
    close: () => inner.close(),
    // Nothing is rolled back by a process that is not there any more.
    get isTransaction() {
      return false;
    },
    exec: (sql) => {
      for (const statement of sql.split(';').filter((part) => part.trim() !== '')) {
        note();
        inner.exec(statement);
      }
    },
    prepare: (sql) => {
      note();
      return inner.prepare(sql);
    }
  };
  try {
    migrate(database, schemaVersion, steps, target);
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  // What a process leaves whose connection ends: an open transaction is gone.
  if (inner.isTransaction) inner.exec('ROLLBACK');
  inner.close();
  return count;
}

class Killed extends Error {}

function versionOf(database: Database): number {
  return (database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}
