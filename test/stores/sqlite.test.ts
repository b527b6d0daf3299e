import { existsSync, readdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sqliteReader, sqliteStore, type SqliteOptions } from '../../src/stores/sqlite.ts';
import type { Store, StoreReader } from '../../src/store.ts';
import { cancel, describeStore, watch } from './contract.ts';
import { temporaryPath } from './directory.ts';
import { batchOf, commitOf, payloadOf, range, resultOf, rowOf, taskOf } from './rows.ts';

const fleet = 'fleet-1';

describeStore('sqliteStore', async () => sqliteStore(temporaryPath()));

describe('sqliteStore', () => {
  it.each<[argument: string, path: unknown, options: unknown]>([
    ['path', '', {}],
    ['path', 'a\0b', {}],
    ['path', undefined, {}],
    ['path', 5, {}],
    ['options', 'x.db', null],
    ['options', 'x.db', 'full'],
    ['options.durabilty', 'x.db', { durabilty: 'none' }],
    ['durability', 'x.db', { durability: 'half' }],
    ['busyTimeoutMs', 'x.db', { busyTimeoutMs: -1 }],
    ['busyTimeoutMs', 'x.db', { busyTimeoutMs: 0.5 }],
    ['busyTimeoutMs', 'x.db', { busyTimeoutMs: 2 ** 31 }]
  ])('refuses %s %j with %j', (argument, path, options) => {
    expect(() => sqliteStore(path as string, options as SqliteOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument })
    );
  });

  it('takes undefined for an option that is not given', async () => {
    const options: unknown = { durability: undefined, busyTimeoutMs: undefined };
    const store = sqliteStore('x.db', options as SqliteOptions);
    expect(store.location).toMatch(/x\.db$/);
    await store.close();
  });

  it.each(['a\0b', '\ud800', 'x\udfff'])(
    'refuses the id %j, which would come back as another',
    async (id) => {
      await using store = await opened(temporaryPath());

      const commit = store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1, { key: id })] }));
      await expect(commit).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument: 'key' });
      await expect(store.open(id, 'me')).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument: 'scope' });
    }
  );

  it('keeps NUL and lone surrogates in what is JSON', async () => {
    await using store = await opened(temporaryPath());
    const text = '\0 \ud800 \u2028';
    const error = { name: text, message: text, retryable: true };
    const task = { ...taskOf(1, { error }), payload: payloadOf(JSON.stringify(text)) };

    await store.commit(commitOf(fleet, 1, { newTasks: [task] }));

    expect(await store.readTasks(fleet, ['task-1'])).toEqual([task]);
  });

  it('goes on, after it was closed, from what was committed', async () => {
    const path = temporaryPath();
    const tasks = range(1, 100).map((seq) => taskOf(seq));
    {
      await using store = await opened(path);
      await store.commit(commitOf(fleet, 1, { newTasks: tasks, batches: [batchOf('b')] }));
      await store.commit(
        commitOf(fleet, 2, { tasks: [rowOf(tasks[0]!, 'completed')], results: [resultOf(1)] })
      );
    }
    await using store = disposable(sqliteStore(path));
    const { head, batches, tasks: pages } = await store.open(fleet, 'me');

    expect(head).toEqual(commitOf(fleet, 2).head);
    expect(batches).toEqual([batchOf('b')]);
    for await (const page of pages) expect(page).toEqual(tasks.slice(1).map(({ row }) => row));
    expect(await store.readResult(fleet, 'task-1')).toEqual(resultOf(1));
  });

  it('leaves nothing beside the file but its lock when it is closed', async () => {
    const path = temporaryPath();
    {
      await using store = await opened(path);
      await store.commit(commitOf(fleet, 1, { newTasks: [taskOf(1)] }));
    }
    expect(readdirSync(dirname(path)).toSorted()).toEqual(['fleet.db', 'fleet.db-lock']);
  });

  it.each(['', '-wal', '-shm', '-lock'])(
    'refuses to commit when its file%s was moved away',
    async (suffix) => {
      const path = temporaryPath();
      await using store = await opened(path);
      await store.commit(commitOf(fleet, 1));
      renameSync(`${path}${suffix}`, `${path}${suffix}.moved`);

      const refused = { code: 'ERR_STORE_IO', outcome: 'refused' };
      await expect(store.commit(commitOf(fleet, 2))).rejects.toMatchObject(refused);

      renameSync(`${path}${suffix}.moved`, `${path}${suffix}`);
      await store.commit(commitOf(fleet, 2));
      expect(await store.readHead(fleet)).toMatchObject({ turn: 2 });
    }
  );

  it('does not go on in another file that took the place of its own', async () => {
    const path = temporaryPath();
    await using store = await opened(path);
    await store.open('fleet-2', 'me');
    await store.release(fleet);
    renameSync(path, `${path}.moved`);

    await expect(store.open(fleet, 'me')).rejects.toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
    expect(existsSync(path)).toBe(false);
  });

  it('holds nothing of its files open once its last fleet is released, and opens them again', async () => {
    const path = temporaryPath();
    await using store = await opened(path);
    for (let turn = 1; turn <= 3; turn++) {
      await store.commit(commitOf(fleet, turn));
      await store.release(fleet);
      expect(descriptorsOf(path)).toEqual([]);
      await store.open(fleet, 'me');
    }

    expect(await store.readHead(fleet)).toMatchObject({ turn: 3 });
  });

  it('makes the directory of a new file', async () => {
    await using store = disposable(sqliteStore(temporaryPath('none/yet/fleet.db')));

    await expect(store.open(fleet, 'me')).resolves.toMatchObject({ head: null });
  });

  it('is one store by whatever name it is opened', async () => {
    const path = temporaryPath();
    await using first = await opened(path);
    symlinkSync(path, `${path}.link`);
    await using second = disposable(sqliteStore(`${path}.link`));

    await expect(second.open('fleet-2', 'me')).rejects.toMatchObject({ code: 'ERR_LOCKED', path });
    await first.close();
    await second.open(fleet, 'me');
    await second.commit(commitOf(fleet, 1));
  });

  it('refuses a second store object on the same file, and lets it in when the first was closed', async () => {
    const path = temporaryPath();
    const first = await opened(path);
    await using second = disposable(sqliteStore(path));

    await expect(second.open('fleet-2', 'me')).rejects.toMatchObject({ code: 'ERR_LOCKED' });
    await first.close();
    expect(await second.open('fleet-2', 'me')).toMatchObject({ head: null });
  });
});

describe('sqliteReader', () => {
  it('makes no file where there is none, and says so', async () => {
    const path = temporaryPath();
    await using reader = disposable(sqliteReader(path));

    await expect(reader.listScopes()).rejects.toMatchObject({
      code: 'ERR_STORE_IO',
      message: expect.stringContaining('does not exist') as string
    });
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it('reads what the owner commits, while it owns', async () => {
    const path = temporaryPath();
    await using store = await opened(path);
    await using reader = disposable(sqliteReader(path));
    for (const turn of [1, 2, 3]) {
      await store.commit(commitOf(fleet, turn, { newTasks: [taskOf(turn)], results: [resultOf(turn)] }));

      expect(await reader.readHead(fleet)).toMatchObject({ turn });
      expect(await reader.listTasks(fleet, { limit: 9 })).toHaveLength(turn);
      expect(await reader.readResults(fleet, { limit: 9 })).toHaveLength(turn);
    }
    expect(await reader.listScopes()).toEqual([fleet]);
  });

  it('leaves commands that the owner hears of, and reads its answers', async () => {
    const path = temporaryPath();
    await using store = await opened(path);
    await using reader = disposable(sqliteReader(path));
    const inbox = watch(store, fleet);
    await reader.sendCommand(fleet, cancel('c1'));
    await reader.sendCommand(fleet, cancel('c2'));

    expect(await inbox.has(2)).toEqual([cancel('c1'), cancel('c2')]);
    expect(await reader.readReply(fleet, 'c1')).toBeNull();
    await store.answerCommand(fleet, 'c1', { ok: true, value: null });
    expect(await reader.readReply(fleet, 'c1')).toEqual({ ok: true, value: null });
  });
});

async function opened(path: string): Promise<Store & AsyncDisposable> {
  const store = sqliteStore(path);
  await store.open(fleet, 'me');
  return disposable(store);
}

function disposable<T extends StoreReader>(store: T): T & AsyncDisposable {
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}

/** Files of the store that this process has open, where the system tells. */
function descriptorsOf(path: string): string[] {
  const folder = '/proc/self/fd';
  if (!existsSync(folder)) return [];
  const targets = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      // The one that listed them is closed by now.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(path));
}
