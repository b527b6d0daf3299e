import { DatabaseSync } from '@photostructure/sqlite';
import { beforeAll, describe, expect, it } from 'vitest';
import { taskStatuses } from '../../../machines/task.ts';
import type { Database } from '../../../src/stores/sqlite/library.ts';
import { encodeCommit } from '../../../src/stores/sqlite/encodedCommit.ts';
import { StoreDriver } from '../../../src/stores/sqlite/storeDriver.ts';
import type { ResultQuery, TaskQuery } from '../../../src/store.ts';
import { cancel } from '../contract.ts';
import { temporaryPath } from '../directory.ts';
import {
  agentOf,
  batchOf,
  commitOf,
  failureOf,
  now,
  range,
  resultOf,
  rowOf,
  scheduleOf,
  settledBatchOf,
  taskOf
} from '../rows.ts';

const fleet = 'fleet-1';
/** Bounded by the number of fleets in a file, by what is in an argument, or by the limit of a page. */
const smallTables =
  /^SCAN (scopes|dropped|meta|sqlite_schema|[iks] VIRTUAL TABLE|\(subquery-1\)|\d+-ROW VALUES CLAUSE)/;

describe('the statements of a store', () => {
  const statements = new Set<string>();
  const path = temporaryPath();
  let plans: Map<string, string[]>;

  beforeAll(() => {
    const driver = new StoreDriver(
      { path, durability: 'none', busyTimeoutMs: 0 },
      (location, options) => recording(new DatabaseSync(location, options), statements),
      () => undefined
    );
    exercise(driver);
    driver.close();
    const database = new DatabaseSync(path);
    plans = new Map(
      [...statements].map((sql) => [
        sql,
        (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[]).map(
          ({ detail }) => detail
        )
      ])
    );
    database.close();
  });

  it('are more than a few', () => {
    expect(plans.size).toBeGreaterThan(60);
  });

  it('look for a submitted result by its key, however many results its worker has', () => {
    const lookups = [...plans].filter(([sql]) => sql.includes('attempts = ?'));
    expect(lookups).toHaveLength(1);
    expect(lookups[0]![1]).toEqual([expect.stringContaining('results_key')]);
  });

  it('never go through a whole table', () => {
    const scans = [...plans].filter(([, plan]) =>
      plan.some((step) => step.startsWith('SCAN') && !smallTables.test(step))
    );
    expect(scans).toEqual([]);
  });

  it.each([
    ['a worker', 'worker = ?', 'results_worker'],
    ['a type', 'type = ?', 'results_type'],
    ['failures', 'success = 0', 'results_failed'],
    ['a batch', 'batch = ?', 'results_batch'],
    ['a time', 'received_at >= ?', 'INTEGER PRIMARY KEY'],
    ['an end', 'received_at < ?', 'INTEGER PRIMARY KEY']
  ])('find the results of %s alone without looking at others', (_, term, index) => {
    const conditions = / (worker|type) = \?|success = [01]|AND batch = \?|received_at (>=|<) \?/g;
    const alone = [...plans].filter(
      ([sql]) =>
        sql.includes('LIMIT ? OFFSET ?') &&
        sql.includes('FROM results') &&
        (sql.match(conditions) ?? []).length === 1 &&
        sql.includes(term)
    );
    expect(alone.length).toBeGreaterThan(0);
    for (const [, plan] of alone) expect(plan[0]).toMatch(new RegExp(`^SEARCH results USING .*${index}`));
  });

  it('never sort what they find, but for the batches that have not settled', () => {
    const sorts = [...plans].filter(([, plan]) => plan.some((step) => step.includes('TEMP B-TREE')));
    expect(sorts.map(([sql]) => sql)).toEqual([expect.stringContaining("state IN ('accepting'")]);
  });

  it('touch no index when a task is claimed', () => {
    const claims = [...statements].filter(
      (sql) => sql.startsWith('UPDATE tasks') && !sql.includes('outcome')
    );
    expect(claims.some((sql) => sql.includes('VALUES'))).toBe(true);
    expect(claims.some((sql) => !sql.includes('VALUES'))).toBe(true);
    const database = new DatabaseSync(path);
    for (const sql of claims) {
      const written = (database.prepare(`EXPLAIN ${sql}`).all() as { opcode: string }[]).map(
        ({ opcode }) => opcode
      );
      expect(written).not.toContain('IdxInsert');
    }
    database.close();
  });
});

/** Makes every call, with every combination of filters. */
function exercise(driver: StoreDriver): void {
  driver.open(fleet, 'me');
  const tasks = [taskOf(1), taskOf(2, { batchId: 'b', workerId: 'w', timeoutMs: 1 })];
  driver.commit(
    encodeCommit(
      commitOf(fleet, 1, {
        newTasks: tasks,
        batches: [batchOf('b')],
        agents: [agentOf('fleet')],
        schedules: [scheduleOf('nightly'), { id: 'gone', row: null, template: null }],
        results: [resultOf(1)]
      })
    )
  );
  const error = { name: 'Error', message: 'no luck', retryable: true };
  const rows = taskStatuses.flatMap((status) => [
    rowOf(tasks[0]!, status),
    rowOf(tasks[0]!, status, {
      attempt: 1,
      failures: 1,
      recoveries: 1,
      workerId: 'w',
      dueAt: 1,
      startedAt: 1,
      error
    })
  ]);
  driver.commit(
    encodeCommit(
      commitOf(fleet, 2, {
        tasks: rows,
        results: [failureOf(2, { batchId: 'b' }), resultOf(3, { workerId: 'w' })]
      })
    )
  );
  const many = range(3, 52).map((seq) => taskOf(seq));
  driver.commit(encodeCommit(commitOf(fleet, 3, { newTasks: many })));
  driver.commit(encodeCommit(commitOf(fleet, 4, { tasks: many.map((task) => rowOf(task, 'running')) })));

  for (const batchId of [undefined, 'b']) {
    for (const type of [undefined, 'check']) {
      for (const status of [undefined, ...taskStatuses]) {
        driver.listTasks(fleet, defined<TaskQuery>({ batchId, type, status, limit: 9 }));
      }
    }
    for (const workerId of [undefined, 'w']) {
      for (const success of [undefined, true, false]) {
        for (const since of [undefined, 1]) {
          for (const order of ['oldest', 'newest'] as const) {
            for (const taskType of [undefined, 'check']) {
              for (const until of [undefined, now * 2]) {
                const query = { batchId, workerId, success, taskType, since, until, order, limit: 9 };
                driver.results(fleet, defined<ResultQuery>(query));
              }
            }
          }
        }
      }
    }
  }
  driver.batches(fleet, { limit: 9 });
  driver.batches(fleet, { limit: 9, status: 'paused', after: 'b' });
  driver.batch(fleet, 'b');
  driver.tasks(fleet, ['task-1']);
  driver.taskRows(fleet, { keys: ['task-1'] });
  driver.taskRows(fleet, { seqs: [1] });
  driver.keyHolders(fleet, ['once']);
  driver.payloads(fleet, [1]);
  driver.liveTasks(fleet, 0, 9);
  driver.result(fleet, 'task-1');
  driver.hasResults(fleet, [{ workerId: 'w', key: 'task-1', attempt: 1 }]);
  driver.sumResults(fleet, 0);
  driver.schedule(fleet, 'nightly');
  driver.listSchedules(fleet, { limit: 9, after: 'a' });
  driver.head(fleet);
  driver.owner(fleet);
  driver.scopes();
  driver.watch(1, fleet);
  driver.sendCommand(fleet, cancel('c1'));
  driver.answerCommand(fleet, 'c1', { ok: true, value: null });
  driver.readReply(fleet, 'c1');
  const settled = settledBatchOf('b', { firstSeq: 1, lastSeq: 2 });
  driver.commit(encodeCommit(commitOf(fleet, 5, { batches: [settled] })));
  driver.expiredBatches(fleet, { settledBefore: 2, keep: 0, limit: 9 });
  driver.removeBatch(fleet, 'b');
  driver.removeOutsideResults(fleet, 9);
  driver.removeExpiredResults(fleet, { receivedBefore: now * 2, upToSettledSeq: 9 });
  while (driver.removeScope(fleet));
}

/** A connection that notes what it prepares. */
function recording(database: Database, statements: Set<string>): Database {
  return {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    get isTransaction() {
      return database.isTransaction;
    },
    prepare: (sql) => {
      if (/^(SELECT|INSERT|UPDATE|DELETE)/.test(sql)) statements.add(sql);
      return database.prepare(sql);
    }
  };
}

/** A query without the filters that are not set. */
function defined<T>(query: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as T;
}
