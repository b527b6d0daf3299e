import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import { sqliteReader, sqliteStore } from '../../../src/stores/sqlite.ts';
import type { Database } from '../../../src/stores/sqlite/library.ts';
import { OwnerLock } from '../../../src/stores/sqlite/ownerLock.ts';
import { createSchema, writeSchemaSum } from '../../../src/stores/sqlite/schema.ts';
import { StoreFile } from '../../../src/stores/sqlite/storeFile.ts';
import { TurnMark } from '../../../src/stores/sqlite/turnMark.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, range, taskOf } from '../rows.ts';

const fleet = 'fleet-1';

/** A store with a few pages in it. */
async function makeStore(path: string): Promise<void> {
  const store = sqliteStore(path);
  await store.open(fleet, 'me');
  await store.commit(commitOf(fleet, 1, { newTasks: range(1, 200).map((seq) => taskOf(seq)) }));
  await store.close();
}

/** The files of a directory, each with its hash. */
function filesIn(directory: string): Record<string, string> {
  const hash = (name: string) =>
    createHash('sha256')
      .update(readFileSync(`${directory}/${name}`))
      .digest('hex');
  return Object.fromEntries(readdirSync(directory).map((name) => [name, hash(name)]));
}

function execute(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

/** Leaves a page, and the journal of the transaction that was about to write it. @param pagesBefore - Of the file. */
function cutOffFirstPage(path: string, pagesBefore: number): void {
  const page = Buffer.alloc(4_096);
  page.write('SQLite format 3\0');
  writeFileSync(path, page);
  const journal = Buffer.alloc(512);
  journal.write('d9d505f920a163d7', 'hex');
  journal.writeUInt32BE(pagesBefore, 16);
  journal.writeUInt32BE(512, 20);
  journal.writeUInt32BE(4_096, 24);
  writeFileSync(`${path}-journal`, journal);
}

describe('a file that is not a store', () => {
  it.each<[what: string, code: string, make: (path: string) => Promise<void> | void]>([
    ['is one byte', 'ERR_STORE_CORRUPT', (path) => writeFileSync(path, 'S')],
    ['is less than a header', 'ERR_STORE_CORRUPT', (path) => writeFileSync(path, 'SQLite format 3\0')],
    ['is garbage', 'ERR_STORE_CORRUPT', (path) => writeFileSync(path, 'garbage '.repeat(2_000))],
    ['is zeros', 'ERR_STORE_CORRUPT', (path) => writeFileSync(path, new Uint8Array(8_192))],
    ["is another program's database", 'ERR_STORE_CORRUPT', (path) => execute(path, 'CREATE TABLE t (a)')],
    [
      "is another program's database with a log",
      'ERR_STORE_CORRUPT',
      (path) => execute(path, 'PRAGMA journal_mode = WAL; CREATE TABLE t (a); PRAGMA application_id = 7')
    ],
    [
      'is half a store',
      'ERR_STORE_CORRUPT',
      async (path) => {
        await makeStore(path);
        truncateSync(path, readFileSync(path).length / 2);
      }
    ],
    [
      'is the first half page of a store',
      'ERR_STORE_CORRUPT',
      async (path) => {
        await makeStore(path);
        truncateSync(path, 2_048);
      }
    ],
    [
      'is a store with another definition of a table',
      'ERR_STORE_CORRUPT',
      async (path) => {
        await makeStore(path);
        execute(path, 'ALTER TABLE tasks ADD COLUMN colour TEXT');
      }
    ],
    [
      'is a store of this version with the tables of another',
      'ERR_STORE_CORRUPT',
      (path) => {
        const database = new DatabaseSync(path);
        createSchema(database);
        database.exec('ALTER TABLE payloads DROP COLUMN traceparent');
        writeSchemaSum(database);
        database.close();
      }
    ],
    [
      'is a store with a damaged header',
      'ERR_STORE_CORRUPT',
      async (path) => {
        await makeStore(path);
        const bytes = readFileSync(path);
        bytes.fill(0xff, 16, 24);
        writeFileSync(path, bytes);
      }
    ],
    [
      'is a store of a later version',
      'ERR_STORE_VERSION',
      async (path) => {
        await makeStore(path);
        execute(path, 'PRAGMA user_version = 99');
      }
    ]
  ])('is refused and left as it is when it %s', async (_, code, make) => {
    const path = temporaryPath();
    await make(path);
    const before = filesIn(dirname(path));
    const [store, reader] = [sqliteStore(path), sqliteReader(path)];

    await expect(store.open(fleet, 'me')).rejects.toMatchObject({ code, path });
    await expect(reader.listScopes()).rejects.toMatchObject({ code, path });
    await store.close();
    await reader.close();

    expect(filesIn(dirname(path))).toEqual(before);
  });

  it('is left as it is when the transaction that was cut off there was of another program', async () => {
    const path = temporaryPath();
    cutOffFirstPage(path, 1);
    const before = readFileSync(path);
    const store = sqliteStore(path);

    await expect(store.open(fleet, 'me')).rejects.toMatchObject({ code: 'ERR_STORE_READONLY' });
    await store.close();

    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it.each<[what: string, make: (path: string) => void]>([
    ['of zero bytes', (path) => writeFileSync(path, '')],
    [
      'without a table, as one that was killed too early leaves it',
      (path) => execute(path, 'PRAGMA journal_mode = WAL')
    ],
    ['half of whose first page was written when it was killed', (path) => cutOffFirstPage(path, 0)]
  ])('is made a store when it is an empty one %s', async (_, make) => {
    const path = temporaryPath();
    make(path);
    await makeStore(path);

    const reader = sqliteReader(path);
    expect(await reader.readHead(fleet)).toMatchObject({ turn: 1 });
    await reader.close();
  });
});

it('is looked at as of one moment: an owner that makes it meanwhile is no other program', () => {
  const path = temporaryPath('fleet.db');
  const owner = new DatabaseSync(path);
  // With a log, which readers read too.
  owner.exec('PRAGMA journal_mode = WAL; CREATE TABLE made (it); DROP TABLE made');
  let makeSchema = () => {
    makeSchema = () => {};
    createSchema(owner);
  };
  const file = new StoreFile({
    path,
    // Between the first thing that it reads and the second one, the owner makes its tables.
    open: (location, options) => betweenStatements(new DatabaseSync(location, options), () => makeSchema()),
    durability: 'process',
    busyTimeoutMs: 0,
    lock: new OwnerLock(path, (location, options) => new DatabaseSync(location, options)),
    mark: new TurnMark(path)
  });

  expect(file.inspect()).toBe('empty');
  expect(file.inspect()).toBe('store');
  owner.close();
});

/** The connection, with something done before each statement but the first one. */
function betweenStatements(database: Database, act: () => void): Database {
  let prepared = 0;
  return {
    isTransaction: false,
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare(sql) {
      if (prepared++ > 0) act();
      return database.prepare(sql);
    }
  };
}
