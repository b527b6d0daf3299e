import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FleetManager } from '../../src/index.ts';
import { postgresReader, postgresStore, type PostgresOptions } from '../../src/stores/postgres.ts';
import type { Store } from '../../src/store.ts';
import { postgresForTests } from '../servers/postgresForTests.ts';
import { cancel, describeStore, watch } from './contract.ts';
import { commitOf, payloadOf, resultOf, rowOf, taskOf } from './rows.ts';

const fleet = 'fleet-1';
const server = await postgresForTests();

describe('postgresStore', () => {
  it.each<[argument: string, url: unknown, options: unknown]>([
    ['url', 5, {}],
    ['url', 'fleet.db', {}],
    ['url', 'mysql://localhost/x', {}],
    ['url', 'postgres://user:secret@host:port/x', {}],
    ['url', 'postgres://user:secret@host/x#y', {}],
    ['options', 'postgres://host/x', null],
    ['options.leaseMS', 'postgres://host/x', { leaseMS: 5 }],
    ['schema', 'postgres://host/x', { schema: 'x"; drop' }],
    ['schema', 'postgres://host/x', { schema: 'pg_x' }],
    ['leaseMs', 'postgres://host/x', { leaseMs: 999 }],
    ['leaseMs', 'postgres://host/x', { leaseMs: 1_000.5 }],
    ['statementTimeoutMs', 'postgres://host/x', { statementTimeoutMs: 0 }],
    ['connectTimeoutMs', 'postgres://host/x', { connectTimeoutMs: Infinity }]
  ])('refuses %s %j with %j, and shows no password', (argument, url, options) => {
    let refused: unknown;
    try {
      postgresStore(url as string, options as PostgresOptions);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: 'ERR_VALIDATION', argument });
    expect((refused as Error).message).not.toContain('secret');
  });

  it('tells of a server that cannot be reached without the password', async () => {
    const store = postgresStore('postgres://me:secret@127.0.0.1:1/x?password=secret');

    const refused = await store.open(fleet, 'me').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
    expect((refused as Error).message).toContain('postgres://me@127.0.0.1:1/x');
    expect(`${(refused as Error).message} ${store.location}`).not.toContain('secret');
    await store.close();
  });
});

describe.skipIf(server === null)('on a PostgreSQL server', () => {
  describeStore('postgresStore', async () => postgresStore(server!.url, { schema: newSchema() }));

  it('is found by a reader, and by a store that stood by, which were connected before it was made', async () => {
    const options = { schema: newSchema() };
    const [store, other, reader] = [
      postgresStore(server!.url, options),
      postgresStore(server!.url, options),
      postgresReader(server!.url, options)
    ];
    expect(await other.listScopes()).toEqual([]);
    await expect(reader.readHead(fleet)).rejects.toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
    await store.open(fleet, 'me');
    await store.commit(commitOf(fleet, 1, {}));

    expect(await other.listScopes()).toEqual([fleet]);
    expect(await reader.readHead(fleet)).toMatchObject({ turn: 1 });
    await Promise.all([store.close(), other.close(), reader.close()]);
  });

  it.each<[what: string, change: (url: URL) => void, message: string]>([
    ['a database that is not there', (url) => (url.pathname = '/none'), 'the database does not exist'],
    ['a user that is not there', (url) => (url.username = 'nobody'), 'check user and password']
  ])('tells of %s', async (_, change, message) => {
    const url = new URL(server!.url);
    change(url);
    const store = postgresStore(url.href);

    await expect(store.open(fleet, 'me')).rejects.toMatchObject({
      code: 'ERR_STORE_IO',
      outcome: 'refused',
      message: expect.stringContaining(message) as string
    });
    await store.close();
  });

  it('keeps NUL and lone surrogates in what is JSON and in messages, and refuses them in ids', async () => {
    const { store } = await opened();
    const text = '\0 \ud800 \u2028 \\ "';
    const error = { name: text, message: text, retryable: true };
    const task = { ...taskOf(1, { error }), payload: payloadOf(JSON.stringify(text)) };
    const result = resultOf(1, { error: text, failure: error, success: false, status: 'failed' });

    await store.commit(commitOf(fleet, 1, { newTasks: [task], results: [result] }));

    expect(await store.readTasks(fleet, ['task-1'])).toEqual([task]);
    expect(await store.readResult(fleet, 'task-1')).toEqual(result);
    const commit = store.commit(commitOf(fleet, 2, { newTasks: [taskOf(2, { key: 'a\0b' })] }));
    await expect(commit).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument: 'key' });
    await expect(store.open('\ud800', 'me')).rejects.toMatchObject({ code: 'ERR_VALIDATION' });
  });

  it('is made once by stores that open at the same time', async () => {
    const schema = newSchema();
    const stores = Array.from({ length: 4 }, () => newStore({ schema }));

    await Promise.all(stores.map((store, index) => store.open(`fleet-${index}`, 'me')));
    expect(await stores[0]!.listScopes()).toHaveLength(4);
  });

  it('is made once by a store that opens several fleets at the same time', async () => {
    const store = newStore({ schema: newSchema() });

    await Promise.all(['fleet-1', 'fleet-2', 'fleet-3'].map((scope) => store.open(scope, 'me')));
    expect(await store.listScopes()).toHaveLength(3);
  });

  it('is left untouched when another version has written it', async () => {
    const { schema, sql } = await opened();
    await sql(`UPDATE ${schema}.meta SET value = '99' WHERE name = 'version'`);

    await expect(newStore({ schema }).open('other', 'me')).rejects.toMatchObject({
      code: 'ERR_STORE_VERSION',
      found: 99
    });
  });

  describe('a lease', () => {
    it('keeps others out, and says when to look again: it may be released at any time', async () => {
      const { schema } = await opened({ leaseMs: 60_000 });

      const locked = newStore({ schema }).open(fleet, 'me');
      await expect(locked).rejects.toMatchObject({
        code: 'ERR_LOCKED',
        owner: expect.stringContaining('the first') as string
      });
      const { retryAfterMs } = (await locked.catch((error: unknown) => error)) as { retryAfterMs: number };
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual(1_000);
    });

    it('that is over is taken, and fences the old owner', async () => {
      const { store, schema, expire } = await opened();
      await store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] }));
      await expire();
      const second = newStore({ schema });
      expect(await second.open(fleet, 'the second')).toMatchObject({ head: { turn: 1 } });

      const fenced = store.commit(commitOf(fleet, 2, { newTasks: [taskOf(2)] }));
      await expect(fenced).rejects.toMatchObject({ code: 'ERR_FENCED', outcome: 'refused', fleet });
      await expect(store.removeBatch(fleet, 'b')).rejects.toMatchObject({ code: 'ERR_FENCED' });
      await store.release(fleet);
      expect(await second.readOwner(fleet)).toContain('the second');
      await second.commit(commitOf(fleet, 2, { newTasks: [taskOf(3)] }));
      expect((await second.listTasks(fleet, { limit: 9 })).map(({ row }) => row.context.seq)).toEqual([1, 3]);
    });

    it('that is over but not taken is still its owner’s, whose commit renews it', async () => {
      const { store, schema, expire } = await opened({ leaseMs: 60_000 });
      await expire();
      await store.commit(commitOf(fleet, 1));

      await expect(newStore({ schema }).open(fleet, 'me')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    });

    it('is renewed by itself, and tells its owner once when another has it', async () => {
      const { store, schema, sql } = await opened({ leaseMs: 1_000 });
      const lost: unknown[] = [];
      const isLost = new Promise((resolve) => {
        store.watchOwnership!(fleet, (error) => resolve(lost.push(error)));
      });
      const end = `SELECT expires_at FROM ${schema}.scopes`;
      const first = String((await sql(end))[0]!['expires_at']);
      await until(async () => String((await sql(end))[0]!['expires_at']) !== first);
      await sql(`UPDATE ${schema}.scopes SET holder = 'another', term = term + 1`);

      await isLost;
      await expect(store.commit(commitOf(fleet, 1))).rejects.toMatchObject({ code: 'ERR_FENCED' });
      expect(lost).toEqual([expect.objectContaining({ code: 'ERR_FENCED', fleet })]);
    });

    it('is given up at once by its owner', async () => {
      const { store, schema } = await opened({ leaseMs: 60_000 });
      await store.release(fleet);

      await expect(newStore({ schema }).open(fleet, 'me')).resolves.toMatchObject({ head: null });
    });

    it('that was given up is taken by who stood by before it would have been over', async () => {
      const options = { schema: newSchema(), leaseMs: 3_600_000 };
      const [first, second] = Array.from(
        { length: 2 },
        () => new FleetManager({ handlers: {}, store: newStore(options), standby: true })
      ) as [FleetManager, FleetManager];
      await first.start();
      const standing = new Promise((resolve) => second.on('standby.began', resolve));
      const started = second.start();
      await standing;
      await first.stop();

      await started;
      expect(second.state).toBe('running');
      await second.stop();
    });
  });

  describe('a connection', () => {
    it('that is ended between commits is made again, and the fleet is still owned', async () => {
      const { store, schema, endConnections } = await opened();
      await store.commit(commitOf(fleet, 1));
      await endConnections();

      await commitAsJournal(store, 2);
      expect(await store.readHead(fleet)).toMatchObject({ turn: 2 });
      await expect(newStore({ schema }).open(fleet, 'me')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    });

    it('that is ended during a commit leaves its outcome unknown, and then known for good', async () => {
      const { store, schema, sql, endConnections } = await opened();
      const blocker = await blocked(schema);
      const committing = store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] }));
      await until(async () => (await waiting(sql)) > 0);
      const failed = committing.catch((error: unknown) => error);
      await endConnections();
      expect(await failed).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });
      await blocker.query('ROLLBACK');

      expect(await store.readHead(fleet)).toBeNull();
      await store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] }));
      expect(await store.readHead(fleet)).toMatchObject({ turn: 1 });
    });

    it('that is ended during a commit takes no fleet from its owner, which removes meanwhile', async () => {
      const { store, schema, sql, endConnections } = await opened();
      const lost: unknown[] = [];
      store.watchOwnership!(fleet, (error) => lost.push(error));
      const blocker = await blocked(schema);
      const failed = store.commit(commitOf(fleet, 1)).catch((error: unknown) => error);
      await until(async () => (await waiting(sql)) > 0);
      await endConnections();
      expect(await failed).toMatchObject({ outcome: 'unknown' });
      await blocker.query('ROLLBACK');

      const committing = store.commit(commitOf(fleet, 1));
      const removals = [
        store.removeBatch(fleet, 'batch-1'),
        store.removeExpiredResults(fleet, { receivedBefore: 1, upToSettledSeq: 1 }),
        store.removeOutsideResults(fleet, 1)
      ];
      await committing;
      expect(await Promise.all(removals)).toEqual([false, false, false]);
      expect(lost).toEqual([]);
    });

    it('that is cut again and again loses and repeats nothing of a fleet', async () => {
      const schema = newSchema();
      const store = newStore({ schema });
      const sql = await connection();
      const manager = new FleetManager({
        handlers: { noop: async (data: number) => data },
        store,
        config: { maxConcurrentWorkers: 10 }
      });
      await manager.start();
      const tasks = Array.from({ length: 300 }, (_, index) => ({
        id: `${index}`,
        type: 'noop' as const,
        data: index
      }));
      const batchId = await manager.submitBatch(tasks);
      for (let cuts = 0; cuts < 20; cuts += 1) {
        await sql(endOthers);
        await wait(20);
      }
      const { completedTasks, totalTasks } = await manager.waitForBatch(batchId);

      expect([completedTasks, totalTasks]).toEqual([300, 300]);
      const [scope] = await store.listScopes();
      expect((await store.readResults(scope!, { limit: 1_000 })).map(({ key }) => key).toSorted()).toEqual(
        tasks.map(({ id }) => `${batchId}/${id}`).toSorted()
      );
      await manager.stop();
    });
  });

  describe('an inbox', () => {
    it('tells the owner of commands that a reader leaves, and the reader of its answer', async () => {
      const { store, schema } = await opened();
      const reader = postgresReader(server!.url, { schema });
      onTestFinished(() => reader.close());
      const inbox = watch(store, fleet);
      await reader.sendCommand(fleet, cancel('c1'));

      expect(await inbox.has(1)).toEqual([cancel('c1')]);
      expect(await reader.readReply(fleet, 'c1')).toBeNull();
      await store.answerCommand(fleet, 'c1', { ok: true, value: null });
      expect(await reader.readReply(fleet, 'c1')).toEqual({ ok: true, value: null });
    });

    it('keeps nothing of what was asked once it is answered', async () => {
      const { store, schema, sql } = await opened();
      await store.sendCommand(fleet, cancel('c1'));
      await store.answerCommand(fleet, 'c1', { ok: true, value: null });

      expect(await sql(`SELECT command FROM ${schema}.commands`)).toEqual([{ command: '{}' }]);
    });

    it('is looked into without a notification', async () => {
      const { store, schema, sql } = await opened();
      const inbox = watch(store, fleet);
      const { id, command, sentAt } = cancel('c1');
      await sql(
        `INSERT INTO ${schema}.commands (scope, id, command, sent_at) ` +
          `VALUES ('${fleet}', '${id}', '${JSON.stringify(command)}', ${sentAt})`
      );

      expect(await inbox.has(1)).toEqual([cancel('c1')]);
    });
  });

  it('is not made by a reader, which says that there is none', async () => {
    const reader = postgresReader(server!.url, { schema: newSchema() });
    onTestFinished(() => reader.close());

    await expect(reader.listScopes()).rejects.toMatchObject({
      code: 'ERR_STORE_IO',
      message: expect.stringContaining('does not exist') as string
    });
  });

  it('steps a large batch in a table that the server knows nothing of', async () => {
    const { store } = await opened();
    await store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] }));
    const tasks = Array.from({ length: 5_000 }, (_, index) => taskOf(index + 2));
    await store.commit(commitOf(fleet, 2, { newTasks: tasks }));
    await store.commit(commitOf(fleet, 3, { tasks: tasks.map((task) => rowOf(task, 'completed')) }));

    expect(await store.listTasks(fleet, { status: 'completed', limit: 1_000 })).toHaveLength(1_000);
  });
});

const endOthers =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xstate-fleet'";

function newSchema(): string {
  return `test_${randomUUID().replaceAll('-', '')}`;
}

/** Closed after the test. */
function newStore(options: PostgresOptions, url = server!.url): Store {
  const store = postgresStore(url, options);
  onTestFinished(() => store.close());
  return store;
}

/** A store with an open fleet, in a schema of its own. */
async function opened(options: PostgresOptions = {}, url = server!.url) {
  const schema = newSchema();
  const store = newStore({ schema, ...options }, url);
  await store.open(fleet, 'the first');
  const sql = await connection();
  return {
    store,
    schema,
    sql,
    expire: () => sql(`UPDATE ${schema}.scopes SET expires_at = clock_timestamp() - interval '1 s'`),
    endConnections: () => sql(endOthers)
  };
}

/** Runs SQL on a connection of its own. */
async function connection() {
  const client = new Client({ connectionString: server!.url });
  await client.connect();
  onTestFinished(() => client.end());
  return async (text: string) => (await client.query<Record<string, unknown>>(text)).rows;
}

/** A transaction that holds the row that every commit writes. */
async function blocked(schema: string): Promise<Client> {
  const client = new Client({ connectionString: server!.url });
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN');
  await client.query(`SELECT 1 FROM ${schema}.scopes FOR UPDATE`);
  return client;
}

/** How many statements of stores wait for a lock. */
async function waiting(sql: (text: string) => Promise<Record<string, unknown>[]>): Promise<number> {
  const rows = await sql(
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'xstate-fleet' AND wait_event_type = 'Lock'"
  );
  return rows.length;
}

/** Commits an empty turn as the journal does: when the outcome is not known it is read back. */
async function commitAsJournal(store: Store, turn: number): Promise<void> {
  for (;;) {
    try {
      await store.commit(commitOf(fleet, turn));
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_STORE_IO') throw error;
    }
    const head = await store.readHead(fleet).catch(() => null);
    if (head?.turn === turn) return;
  }
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  while (!(await isReached())) await wait(10);
}
