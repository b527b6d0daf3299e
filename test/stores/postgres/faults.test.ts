import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TcpProxy } from '../../../reliability/distributed/tcpProxy.ts';
import { FleetManager } from '../../../src/index.ts';
import type { Store } from '../../../src/store.ts';
import { postgresReader, postgresStore, type PostgresOptions } from '../../../src/stores/postgres.ts';
import { startPostgres } from '../../servers/postgres.ts';
import { postgresForTests } from '../../servers/postgresForTests.ts';
import type { Server } from '../../servers/serverProcess.ts';
import { commitOf, taskOf } from '../rows.ts';

const fleet = 'fleet-1';
const server = await postgresForTests();

/** What is not answered is given up after two seconds more. */
const hasty: PostgresOptions = { statementTimeoutMs: 1_000, connectTimeoutMs: 1_000 };

describe.skipIf(server === null)('postgresStore behind a bad link', () => {
  it('fences the commit of a connection that was cut, however late it comes', async () => {
    const { store, schema, sql, link } = await opened();
    await sql(
      `CREATE TABLE ${schema}.late (pid int);
      CREATE FUNCTION ${schema}.be_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT 1 FROM ${schema}.late WHERE pid = pg_backend_pid()) THEN PERFORM pg_advisory_xact_lock(7); END IF;
        RETURN NULL;
      END $$;
      CREATE TRIGGER late BEFORE UPDATE ON ${schema}.scopes EXECUTE FUNCTION ${schema}.be_late();
      INSERT INTO ${schema}.late SELECT pid FROM pg_stat_activity WHERE application_name = 'xstate-fleet';
      SELECT pg_advisory_lock(7)`
    );
    const failed = failureOf(store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] })));
    await until(async () => (await waiting(sql)) === 1);
    link.cut();
    expect(await failed).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });

    expect(await store.readHead(fleet)).toBeNull();
    await store.commit(commitOf(fleet, 1, { newTasks: [taskOf(2)] }));
    await sql('SELECT pg_advisory_unlock(7)');
    await until(async () => (await sessions(sql, schema)) === 0);
    const found = await store.listTasks(fleet, { limit: 9 });
    expect(found.map(({ row }) => row.context.seq)).toEqual([2]);
  });

  it('finds out that a commit took effect whose connection was cut while it waited', async () => {
    const { store, schema, sql, link } = await opened();
    const blocker = await blocked(`SELECT 1 FROM ${schema}.scopes FOR UPDATE`);
    const failed = failureOf(store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] })));
    await until(async () => (await waiting(sql)) === 1);
    link.cut();
    expect(await failed).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });

    const reading = store.readHead(fleet);
    await until(async () => (await waiting(sql)) === 2);
    await blocker.query('ROLLBACK');
    expect(await reading).toMatchObject({ turn: 1 });
  });

  it('removes while it finds out what became of a commit, and takes its own later term for nobody else’s', async () => {
    const { store, schema, sql, link } = await opened();
    const lost: unknown[] = [];
    store.watchOwnership!(fleet, (error) => lost.push(error));
    await store.commit(commitOf(fleet, 1));
    const blocker = await blocked(`SELECT 1 FROM ${schema}.scopes FOR UPDATE`);
    const failed = failureOf(store.commit(commitOf(fleet, 2)));
    await until(async () => (await waiting(sql)) === 1);
    const removing = store.removeBatch(fleet, 'b1');
    link.cut();
    expect(await failed).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });
    await failureOf(removing);
    const [reading, again] = [store.readHead(fleet), store.removeBatch(fleet, 'b1')];
    await until(async () => (await waiting(sql)) === 2);
    await blocker.query('ROLLBACK');

    expect(await reading).toMatchObject({ turn: 2 });
    expect(await again).toBe(false);
    await store.commit(commitOf(fleet, 3));
    expect(lost).toEqual([]);
  });

  it('gives a commit up as unknown whose answer disappears, and finds out that it took effect', async () => {
    const { store, link } = await opened(hasty);
    link.drop('toClient');
    const failed = await failureOf(store.commit(commitOf(fleet, 1)));
    expect(failed).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });

    const reading = store.readHead(fleet);
    await link.heal();
    expect(await reading).toMatchObject({ turn: 1 });
    await store.commit(commitOf(fleet, 2));
  });

  it('gives a commit up as unknown that disappears, and finds out that it did not take effect', async () => {
    const { store, link } = await opened(hasty);
    link.drop('toServer');
    const failed = await failureOf(store.commit(commitOf(fleet, 1)));
    expect(failed).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });

    const reading = store.readHead(fleet);
    await link.heal();
    expect(await reading).toBeNull();
    await store.commit(commitOf(fleet, 1));
  });

  it('has the fleet whose taking was answered to nobody', async () => {
    const { store, schema, sql, link } = await opened();
    await store.commit(commitOf(fleet, 1));
    await store.release(fleet);
    const blocker = await blocked(`SELECT 1 FROM ${schema}.scopes FOR UPDATE`);
    const opening = store.open(fleet, 'me again');
    await until(async () => (await waiting(sql)) === 1);
    link.cut();
    await until(async () => (await waiting(sql)) === 2);
    await blocker.query('ROLLBACK');

    expect(await opening).toMatchObject({ head: { turn: 1 } });
    await store.commit(commitOf(fleet, 2));
  });

  it('takes the fleet again that it could not release', async () => {
    const { store, schema, link, url } = await opened({ ...hasty, leaseMs: 60_000 });
    await store.commit(commitOf(fleet, 1));
    link.drop('toServer');
    expect(await failureOf(store.release(fleet))).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });
    await link.heal();
    const other = postgresStore(url, { schema });
    onTestFinished(() => other.close());
    await expect(other.open(fleet, 'another')).rejects.toMatchObject({ code: 'ERR_LOCKED' });

    expect(await store.open(fleet, 'me again')).toMatchObject({ head: { turn: 1 } });
    await expect(store.open(fleet, 'me twice')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    await store.commit(commitOf(fleet, 2));
  });

  it('is closed while nothing passes', async () => {
    const { store, link } = await opened(hasty);
    await store.listTasks(fleet, { limit: 1 }); // its second connection
    link.hold('toServer');
    link.hold('toClient');

    await expect(store.close()).resolves.toBeUndefined();
    await expect(store.readHead(fleet)).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
  });

  it('reads again what a cut took away', async () => {
    const { store, schema, sql, link, url } = await opened();
    await store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] }));
    const reader = postgresReader(url, { schema });
    onTestFinished(() => reader.close());
    await reader.readHead(fleet);
    const blocker = await blocked(`LOCK ${schema}.tasks`);
    const reading = [store.readTasks(fleet, ['task-1']), reader.listTasks(fleet, { limit: 9 })];
    await until(async () => (await waiting(sql)) === 2);
    link.cut();
    await blocker.query('ROLLBACK');

    for (const found of await Promise.all(reading)) expect(found).toHaveLength(1);
  });

  it('tells at last that nothing passes', async () => {
    const { store, link } = await opened({ ...hasty, leaseMs: 1_000 });
    link.refuse();
    link.cut();

    await expect(store.readHead(fleet)).rejects.toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
  });

  it('is waited for through cuts by a fleet', async () => {
    const { store, link, url } = await linked();
    const { fleet: running, name, runs, batchId } = await started(store);
    const waited = running.waitForBatch(batchId);
    for (let cuts = 0; cuts < 10; cuts += 1) {
      const settled = runs.length;
      link.cut();
      await until(async () => runs.length > settled || runs.length === taskCount);
    }

    expect(await waited).toMatchObject({ completedTasks: taskCount });
    await expectOnce(runs, url, name, batchId);
    await running.stop();
  });
});

describe.skipIf(server === null)('postgresStore on a server that', () => {
  it.each<[what: string, befall: (own: Server, failed: () => Promise<unknown>) => Promise<unknown>]>([
    ['is killed, and recovers', (own) => own.restart()],
    [
      'is frozen until a commit was given up, and thawed',
      async (own, failed) => {
        own.freeze();
        await failed();
        own.thaw();
      }
    ]
  ])('%s, loses, repeats and forgets nothing of a fleet', async (_, befall) => {
    const own = await startPostgres({ mayFetch: false });
    onTestFinished(() => own.stop());
    const store = postgresStore(own.url, { ...hasty, leaseMs: 30_000 });
    onTestFinished(() => store.close());
    let failures = 0;
    const watched: Store = {
      ...store,
      async commit(commit) {
        try {
          await store.commit(commit);
        } catch (error) {
          failures += 1;
          throw error;
        }
      }
    };
    const { fleet: running, name, runs, batchId } = await started(watched);
    const waited = running.waitForBatch(batchId);
    for (let times = 1; times <= 2; times += 1) {
      await until(async () => runs.length >= (taskCount * times) / 3);
      const before = failures;
      await befall(own, () => until(async () => failures > before));
    }

    expect(await waited).toMatchObject({ completedTasks: taskCount });
    await expectOnce(runs, own.url, name, batchId);
    const other = postgresStore(own.url);
    onTestFinished(() => other.close());
    await expect(other.open(name, 'another')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    await running.stop();
  });
});

describe.skipIf(server === null)('postgresStore on a disk that is full', () => {
  it('tells its fleet, which goes on when room was made', async () => {
    const schema = `test_${randomUUID().replaceAll('-', '')}`;
    const store = postgresStore(server!.url, { schema });
    onTestFinished(() => store.close());
    const { fleet: running, runs, batchId } = await started(store);
    const told = (type: 'store.unavailable' | 'store.recovered') =>
      new Promise((resolve) => running.on(type, resolve));
    const [unavailable, recovered] = [told('store.unavailable'), told('store.recovered')];
    const client = await connected();
    // As the server answers where a table has no room to grow.
    await client.query(
      `CREATE FUNCTION ${schema}.be_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
      END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON ${schema}.results EXECUTE FUNCTION ${schema}.be_full()`
    );
    expect(await unavailable).toMatchObject({ code: 'ERR_STORE_FULL' });
    const submitting = running.submitBatch([{ id: 'a', type: 'note', data: 'a' }]);
    expect(await failureOf(submitting)).toMatchObject({ code: 'ERR_STORE_FULL', outcome: 'refused' });
    await client.query(`DROP TRIGGER full_disk ON ${schema}.results`);

    await recovered;
    expect(await running.waitForBatch(batchId)).toMatchObject({ completedTasks: taskCount });
    expect(runs).toHaveLength(taskCount);
    await running.stop();
  });
});

const taskCount = 400;

/** A fleet with a batch, and the tasks that its handler was called with. */
async function started(store: Store) {
  const runs: string[] = [];
  const name = `fleet-${randomUUID()}`;
  const fleet = new FleetManager({
    name,
    handlers: {
      note: async (id: string) => {
        runs.push(id);
        await wait(5);
      }
    },
    store,
    config: { maxConcurrentWorkers: 5 }
  });
  await fleet.start();
  const tasks = Array.from({ length: taskCount }, (_, index) => ({
    id: `${index}`,
    type: 'note' as const,
    data: `${index}`
  }));
  return { fleet, name, runs, batchId: await fleet.submitBatch(tasks) };
}

/** Every task was begun once, and has one result. */
async function expectOnce(runs: readonly string[], url: string, scope: string, batchId: string) {
  expect(new Set(runs).size).toBe(taskCount);
  expect(runs).toHaveLength(taskCount);
  const reader = postgresReader(url);
  onTestFinished(() => reader.close());
  const results = await reader.readResults(scope, { batchId, limit: 1_000 });
  expect(new Set(results.map(({ key }) => key)).size).toBe(taskCount);
  expect(results).toHaveLength(taskCount);
}

/** A store behind a link of its own, and that link. */
async function linked(options: PostgresOptions = {}) {
  const link = await TcpProxy.to(Number(new URL(server!.url).port));
  const url = new URL(server!.url);
  url.port = String(link.port);
  const store = postgresStore(url.href, options);
  onTestFinished(async () => {
    await link.heal();
    await store.close();
    await link[Symbol.asyncDispose]();
  });
  return { store, link, url: url.href };
}

/** The same with an open fleet, in a schema of its own; and SQL past the link. */
async function opened(options: PostgresOptions = {}) {
  const schema = `test_${randomUUID().replaceAll('-', '')}`;
  const { store, link, url } = await linked({ schema, ...options });
  await store.open(fleet, 'me');
  const client = await connected();
  const sql = async (text: string) => (await client.query<Record<string, unknown>>(text)).rows;
  return { store, link, url, schema, sql };
}

type Sql = Awaited<ReturnType<typeof opened>>['sql'];

async function connected(): Promise<Client> {
  const client = new Client({ connectionString: server!.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** A transaction that holds what a statement locks. */
async function blocked(text: string): Promise<Client> {
  const client = await connected();
  await client.query('BEGIN');
  await client.query(text);
  return client;
}

/** How many statements of stores wait for a lock. */
async function waiting(sql: Sql): Promise<number> {
  const rows = await sql(
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'xstate-fleet' AND wait_event_type = 'Lock'"
  );
  return rows.length;
}

/** How many of the connections are left that were made late. */
async function sessions(sql: Sql, schema: string): Promise<number> {
  return (await sql(`SELECT 1 FROM pg_stat_activity JOIN ${schema}.late USING (pid)`)).length;
}

function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => null,
    (error: unknown) => error
  );
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  while (!(await isReached())) await wait(5);
}
