import { cpSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterEach, describe, expect, it } from 'vitest';
import { failureOf } from '../../../src/stores/sqlite/failure.ts';
import type { Database } from '../../../src/stores/sqlite/library.ts';
import { type Cell } from '../../../src/stores/cells.ts';
import { encodeCommit } from '../../../src/stores/sqlite/encodedCommit.ts';
import { StoreDriver } from '../../../src/stores/sqlite/storeDriver.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, range, resultOf, rowOf, settledBatchOf, taskOf } from '../rows.ts';
import { decodeHead } from '../../../src/stores/rowCells.ts';

const fleet = 'fleet-1';
const opened: StoreDriver[] = [];

afterEach(() => {
  for (const driver of opened.splice(0)) driver.close();
});

describe('an error of SQLite', () => {
  const write = 'INSERT INTO tasks';

  it.each<[what: string, at: string, errcode: number, code: string, outcome?: string]>([
    ['SQLITE_FULL', write, 13, 'ERR_STORE_FULL', 'refused'],
    ['SQLITE_FULL', 'COMMIT', 13, 'ERR_STORE_FULL', 'refused'],
    ['SQLITE_READONLY', 'BEGIN', 8, 'ERR_STORE_READONLY', 'refused'],
    ['SQLITE_CANTOPEN', 'BEGIN', 14, 'ERR_STORE_READONLY', 'refused'],
    ['SQLITE_BUSY', 'BEGIN', 5, 'ERR_STORE_BUSY', 'refused'],
    ['SQLITE_BUSY_SNAPSHOT', write, 5 | (2 << 8), 'ERR_STORE_BUSY', 'refused'],
    ['SQLITE_LOCKED', write, 6, 'ERR_STORE_BUSY', 'refused'],
    ['SQLITE_IOERR_WRITE', write, 10 | (3 << 8), 'ERR_STORE_IO', 'refused'],
    ['SQLITE_IOERR_WRITE', 'COMMIT', 10 | (3 << 8), 'ERR_STORE_IO', 'unknown'],
    ['SQLITE_IOERR_FSYNC', 'COMMIT', 10 | (4 << 8), 'ERR_STORE_IO', 'unknown'],
    ['SQLITE_IOERR_FSYNC', write, 10 | (4 << 8), 'ERR_STORE_IO', 'unknown'],
    ['SQLITE_NOMEM', write, 7, 'ERR_STORE_IO', 'refused'],
    ['SQLITE_CORRUPT', write, 11, 'ERR_STORE_CORRUPT'],
    ['SQLITE_NOTADB', 'BEGIN', 26, 'ERR_STORE_CORRUPT']
  ])('%s at %j (%i) becomes %s %s, and the store goes on', (_, at, errcode, code, outcome) => {
    const { driver, failNext } = openDriver();
    driver.commit(encodeCommit(commitOf(fleet, 1)));
    failNext(at, errcode);

    expect(errorAt(driver, 2)).toMatchObject(outcome === undefined ? { code } : { code, outcome });

    expect(decodeHead(driver.head(fleet))).toMatchObject({ turn: 1 });
    expect(driver.tasks(fleet, ['task-2'])).toEqual([]);
    driver.commit(encodeCommit(commitOf(fleet, 2, { newTasks: [taskOf(2)] })));
    expect(decodeHead(driver.head(fleet))).toMatchObject({ turn: 2 });
  });

  it('is unknown, too, when COMMIT took effect all the same', () => {
    const { driver, failNext } = openDriver();
    failNext('after COMMIT', 10 | (4 << 8));

    expect(errorAt(driver, 1)).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });

    expect(decodeHead(driver.head(fleet))).toMatchObject({ turn: 1 });
    driver.commit(encodeCommit(commitOf(fleet, 2)));
  });

  // The log may be in memory alone: the system forgets pages that it failed to flush.
  it('that left the outcome unknown is decided once the database holds the log, whoever reads beside', () => {
    const path = temporaryPath();
    const { driver, failNext } = openDriver(path);
    const reader = new DatabaseSync(path);
    reader.exec('BEGIN; SELECT * FROM meta');
    failNext('after COMMIT', 10 | (4 << 8));
    expect(errorAt(driver, 1)).toMatchObject({ outcome: 'unknown' });

    expect(() => driver.head(fleet)).toThrow(
      expect.objectContaining({ failure: expect.objectContaining({ code: 'ERR_STORE_BUSY' }) as unknown })
    );
    reader.close();
    expect(decodeHead(driver.head(fleet))).toMatchObject({ turn: 1 });
    const copy = temporaryPath();
    cpSync(path, copy);
    expect(decodeHead(openDriver(copy).driver.head(fleet))).toMatchObject({ turn: 1 });
  });
});

describe('a removal', () => {
  const count = 2_500;

  it.each([
    ['BEGIN', 1],
    ['BEGIN', 2],
    ['INSERT INTO removals', 1],
    ['DELETE FROM batches', 1],
    ['DELETE FROM results', 1],
    ['DELETE FROM results', 2],
    ['DELETE FROM payloads', 1],
    ['DELETE FROM tasks', 1],
    ['UPDATE removals', 1],
    ['DELETE FROM removals', 1],
    ['COMMIT', 1],
    ['COMMIT', 2],
    ['after COMMIT', 1],
    ['after COMMIT', 2]
  ])(
    'that fails at %j from slice %i on is seen whole or not at all, and goes on when the file is opened again',
    (at, slice) => {
      const path = temporaryPath();
      const first = openDriver(path);
      commitBatch(first.driver, 1, count);
      for (let done = 1; done < slice; done++) first.driver.removeBatch(fleet, 'b');
      first.failNext(at, 10 | (4 << 8));
      expect(() => removeWhole(first.driver)).toThrow(/injected|COMMIT failed/);
      first.driver.close();

      const { driver, removing } = openDriver(path);
      const isWhole = driver.batch(fleet, 'b') !== null;
      expect(removing).toEqual(isWhole ? [] : ['b']);
      expect(seenOf(driver)).toEqual(isWhole ? { tasks: 1_000, results: 1_000 } : { tasks: 0, results: 0 });
      removeWhole(driver);
      expect(driver.payloads(fleet, range(1, count))).toEqual([]);
      commitBatch(driver, 2, 3);
      expect(seenOf(driver)).toEqual({ tasks: 3, results: 3 });
    }
  );
});

describe('a removal of a scope', () => {
  const count = 2_500;

  it.each([
    ['BEGIN', 1],
    ['BEGIN', 2],
    ['INSERT OR IGNORE INTO dropped', 1],
    ['DELETE FROM scopes', 1],
    ['DELETE FROM tasks', 1],
    ['DELETE FROM tasks', 2],
    ['DELETE FROM dropped', 1],
    ['COMMIT', 1],
    ['COMMIT', 2],
    ['after COMMIT', 1],
    ['after COMMIT', 2]
  ])(
    'that fails at %j from slice %i on leaves all of it or nothing to be seen, and is ended by the next one',
    (at, slice) => {
      const path = temporaryPath();
      const first = openDriver(path);
      commitBatch(first.driver, 1, count);
      for (let done = 1; done < slice; done++) first.driver.removeScope(fleet);
      first.failNext(at, 10 | (4 << 8));
      expect(() => removeScope(first.driver)).toThrow(/injected|COMMIT failed/);
      first.driver.close();

      const { driver } = openDriver(path);
      const isWhole = driver.head(fleet)[0] !== null;
      expect(seenOf(driver)).toEqual(isWhole ? { tasks: 1_000, results: 1_000 } : { tasks: 0, results: 0 });
      removeScope(driver);
      driver.close();
      const database = new DatabaseSync(path);
      for (const table of ['scopes', 'dropped', 'tasks', 'payloads', 'batches', 'results']) {
        expect(database.prepare(`SELECT count(*) AS rows FROM ${table}`).get()).toMatchObject({ rows: 0 });
      }
      database.close();
    }
  );

  it('leaves no turn behind that would be missed after a crash', () => {
    const path = temporaryPath();
    const driver = openFull(path);
    driver.commit(encodeCommit(commitOf(fleet, 7)));
    removeScope(driver);
    // As a crash leaves it: the mark lies beside a store that has been changed since.
    const copy = temporaryPath();
    for (const end of ['', '-wal', '-mark']) cpSync(path + end, copy + end);
    driver.close();

    const next = openFull(copy);
    expect(decodeHead(next.head(fleet))).toBeNull();
    next.close();
  });

  it('has its number given again only when nothing is left of it', () => {
    const { driver } = openDriver();
    commitBatch(driver, 1, count);
    driver.removeScope(fleet);
    driver.release(fleet);
    driver.open('other', 'me');
    driver.commit(encodeCommit(commitOf('other', 1, { newTasks: [taskOf(1)] })));
    driver.open(fleet, 'me');
    while (driver.removeScope(fleet));

    expect(driver.listTasks('other', { limit: 9 })).toHaveLength(1);
    expect(driver.scopes()).toEqual(['other']);
  });
});

function removeScope(driver: StoreDriver): void {
  while (driver.removeScope(fleet));
}

/** A driver that notes which turns it acknowledges. */
function openFull(path: string): StoreDriver {
  const driver = new StoreDriver(
    { path, durability: 'full', busyTimeoutMs: 0 },
    (location, options) => new DatabaseSync(location, options),
    () => undefined
  );
  driver.open(fleet, 'me');
  opened.push(driver);
  return driver;
}

/** Commits the batch `b`, which has settled. */
function commitBatch(driver: StoreDriver, turn: number, count: number): void {
  const tasks = range(1, count).map((seq) => {
    const task = taskOf(seq, { key: `b/${seq}`, batchId: 'b' });
    return { ...task, row: rowOf(task, 'completed') };
  });
  const results = range(1, count).map((seq) => resultOf(seq, { key: `b/${seq}`, batchId: 'b' }));
  const batches = [settledBatchOf('b', { firstSeq: 1, lastSeq: count })];
  driver.commit(encodeCommit(commitOf(fleet, turn, { newTasks: tasks, results, batches })));
}

function removeWhole(driver: StoreDriver): void {
  while (driver.removeBatch(fleet, 'b'));
}

/** Rows of the first page of each kind. */
function seenOf(driver: StoreDriver) {
  return {
    tasks: driver.listTasks(fleet, { limit: 1_000 }).length,
    results: driver.results(fleet, { limit: 1_000 }).length
  };
}

/** What the commit of a turn is refused with. */
function errorAt(driver: StoreDriver, turn: number): unknown {
  try {
    driver.commit(encodeCommit(commitOf(fleet, turn, { newTasks: [taskOf(turn)] })));
  } catch (error) {
    const failure = failureOf(error, 'fleet.db');
    return failure.kind === 'store' ? failure : { code: `ERR_STORE_${failure.kind.toUpperCase()}` };
  }
  return expect.unreachable();
}

/** A driver whose SQLite fails when it is told to. `at`: how the statement begins. */
function openDriver(path = temporaryPath()) {
  let fault: { readonly at: string; readonly errcode: number } | null = null;
  const strike = (sql: string): void => {
    if (!fault || !sql.startsWith(fault.at)) return;
    const error = Object.assign(new Error('injected'), { errcode: fault.errcode });
    fault = null;
    throw error;
  };
  const driver = new StoreDriver(
    { path, durability: 'none', busyTimeoutMs: 0 },
    (location, options) => failing(new DatabaseSync(location, options), strike),
    () => undefined
  );
  const { removing } = driver.open(fleet, 'me');
  opened.push(driver);
  return { driver, removing, failNext: (at: string, errcode: number) => void (fault = { at, errcode }) };
}

/** @param strike - Called before each statement runs, and after COMMIT did; what it throws is the error. */
function failing(database: Database, strike: (sql: string) => void): Database {
  return {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    get isTransaction() {
      return database.isTransaction;
    },
    prepare: (sql) => {
      const statement = database.prepare(sql);
      return {
        get: (...values: Cell[]) => statement.get(...values) as unknown,
        all: (...values: Cell[]) => statement.all(...values) as unknown[],
        setReturnArrays: (isSet) => statement.setReturnArrays(isSet),
        run: (...values: Cell[]) => {
          strike(sql);
          const done = statement.run(...values);
          strike(`after ${sql}`);
          return done;
        }
      };
    }
  };
}
