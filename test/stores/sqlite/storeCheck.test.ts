import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, it } from 'vitest';
import { checkStore, sqliteStore, type StoreFinding } from '../../../src/stores/sqlite.ts';
import { batchSum } from '../../../src/stores/sqlite/fleetRows.ts';
import { sumOf } from '../../../src/stores/sqlite/sums.ts';
import { FleetManager } from '../../../src/index.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, taskOf } from '../rows.ts';
import { startOwner } from './process.ts';

describe('checkStore', () => {
  it('finds nothing in what a fleet left, and changes no byte of it', async () => {
    const path = await copyStore();
    const before = hashOf(path);

    expect(await checkStore(path)).toMatchObject({
      path,
      isSound: true,
      condition: 'store',
      owner: null,
      fleets: [{ name: 'default', tasks: 8, liveTasks: 2, batches: 2, results: 6, removedTasks: 0 }],
      findings: []
    });
    expect(hashOf(path)).toBe(before);
  });

  it.each<[what: string, make: (path: string) => void, condition: string, kind: string]>([
    ['no file', () => {}, 'absent', 'absent'],
    ['an empty file', (path) => writeFileSync(path, ''), 'empty', 'empty'],
    ['a file of one byte', (path) => writeFileSync(path, 'S'), 'unreadable', 'foreign'],
    ['a text', (path) => writeFileSync(path, 'nothing of the kind '.repeat(99)), 'unreadable', 'foreign'],
    ["another program's database", (path) => execute(path, 'CREATE TABLE t (a)'), 'unreadable', 'foreign']
  ])('says what %s is, and what to do', async (_, make, condition, kind) => {
    const path = temporaryPath();
    make(path);
    const report = await checkStore(path);
    expect(report).toMatchObject({ isSound: false, condition });
    expect(report.findings[0]).toMatchObject({ kind, remedy: expect.stringMatching(/.{20}/) as string });
  });

  it.each<[what: string, sql: string, finding: Partial<StoreFinding>]>([
    ['of a later version', 'PRAGMA user_version = 9', { kind: 'version' }],
    ['with a row that was changed', "UPDATE tasks SET type = 'walk' WHERE id % 2 = 0", { kind: 'row' }],
    ['with a result that was changed', "UPDATE results SET result = '7'", { kind: 'row' }],
    [
      'with a task among those that settled',
      "UPDATE tasks SET outcome = 'failed' WHERE outcome IS NULL",
      { kind: 'row' }
    ],
    [
      'with a task whose data is gone',
      'DELETE FROM payloads WHERE id = (SELECT max(id) FROM payloads)',
      { kind: 'link' }
    ],
    [
      'with data of a task that is gone',
      'DELETE FROM tasks WHERE id = (SELECT max(id) FROM tasks)',
      { kind: 'link' }
    ],
    ['with a task whose result is gone', 'DELETE FROM results WHERE success = 0', { kind: 'link' }],
    ['with tasks whose batch is gone', "DELETE FROM batches WHERE name = 'held'", { kind: 'link' }],
    ['with fewer tasks than it counts', "DELETE FROM tasks WHERE batch = 'held'", { kind: 'counts' }],
    ['with rows of no fleet', "INSERT INTO payloads (id, data, sum) VALUES (7, '1', 0)", { kind: 'link' }],
    ['without the snapshot of its fleet', "DELETE FROM agents WHERE id = 'fleet'", { kind: 'agent' }],
    ['with a command that was changed', "UPDATE commands SET command = '{}'", { kind: 'row' }],
    ['with a schedule that was changed', "UPDATE schedules SET state = 'paused'", { kind: 'row' }],
    ['with a template that was changed', "UPDATE templates SET template = '{}'", { kind: 'row' }],
    ['with a schedule whose template is gone', 'DELETE FROM templates', { kind: 'link' }],
    ['with a template whose schedule is gone', 'DELETE FROM schedules', { kind: 'link' }],
    [
      'with rows of a fleet that is between two others',
      "INSERT INTO payloads VALUES (3 * 8796093022208 + 1, '1', NULL, NULL, NULL, NULL, 0); INSERT INTO dropped VALUES (2), (4)",
      { kind: 'link' }
    ],
    ['with another table', 'CREATE TABLE more (a)', { kind: 'schema' }]
  ])('finds a store %s', async (_, sql, finding) => {
    const path = await copyStore();
    execute(path, sql);
    const { isSound, findings } = await checkStore(path);
    expect(isSound).toBe(false);
    expect(findings).toContainEqual(expect.objectContaining(finding));
  });

  it('finds a blocked task that waits for what is gone, and would wait for ever', async () => {
    const path = temporaryPath();
    const store = sqliteStore(path, { durability: 'none' });
    const fleet = new FleetManager({ store, handlers: { work: () => {} } });
    await fleet.start();
    await fleet.pause();
    const tasks = [
      { id: 'a', type: 'work' as const, data: null },
      { id: 'b', type: 'work' as const, data: null, dependsOn: ['a'] }
    ];
    await fleet.submitBatch(tasks, { batchId: 'x' });
    await fleet.stop();
    await store.close();
    expect(await checkStore(path)).toMatchObject({ isSound: true, findings: [] });

    execute(path, "DELETE FROM tasks WHERE key = 'x/a'");

    expect((await checkStore(path)).findings).toContainEqual(
      expect.objectContaining({
        kind: 'link',
        problem: 'task "x/b" waits for tasks that are not there before it'
      })
    );
  });

  it.each([
    ['was changed', 'UPDATE tasks SET priority = priority + 1 WHERE outcome IS NULL', 'is damaged'],
    ['took the number of another', 'UPDATE tasks SET id = id + 1000 WHERE outcome IS NULL', 'is damaged']
  ])('does not hand over a queued task whose row %s', async (_, damage, problem) => {
    const path = await copyStore();
    execute(path, damage);

    const store = sqliteStore(path);
    const { tasks } = await store.open('default', 'me');
    const refused = {
      code: 'ERR_STORE_CORRUPT',
      message: expect.stringContaining(problem) as string
    };
    await expect(tasks[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
    await store.close();
  });

  it('finds a row of a shape that no fleet writes, though its sum fits', async () => {
    const path = await copyStore();
    const database = new DatabaseSync(path);
    const row = database.prepare("SELECT * FROM batches WHERE name = 'held'").get() as Record<string, string>;
    const changed = { ...row, context: '{"id":"held"}' } as Record<string, string>;
    const sum = sumOf(
      1,
      batchSum.of.map((column) => changed[column]!)
    );
    database
      .prepare("UPDATE batches SET context = ?, sum = ? WHERE name = 'held'")
      .run(changed.context!, sum);
    database.close();

    const store = sqliteStore(path);
    const refused = {
      code: 'ERR_STORE_CORRUPT',
      message: expect.stringContaining('context of another shape') as string
    };
    await expect(store.open('default', 'me')).rejects.toMatchObject(refused);
    await store.close();
    expect((await checkStore(path)).findings).toContainEqual(expect.objectContaining({ kind: 'row' }));
  });

  it('keeps its findings within bounds', async () => {
    const path = await makeStore(300);
    execute(path, 'DELETE FROM results');
    const { findings, moreFindings } = await checkStore(path);
    expect(findings).toHaveLength(100);
    expect(moreFindings).toBeGreaterThan(150);
  });

  it('checks beside a living owner, names it, and names one that was killed', async () => {
    const path = temporaryPath();
    const owner = await startOwner(path, 'the night shift');
    const name = expect.stringContaining('the night shift') as string;
    expect(await checkStore(path)).toMatchObject({
      owner: { name, isAlive: true },
      log: { isDamaged: false }
    });

    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect(await checkStore(path)).toMatchObject({ owner: { name, isAlive: false } });
  });

  it('leaves an owner free to write, and to write its log back when it is over', async () => {
    const path = temporaryPath();
    const store = sqliteStore(path);
    await store.open('fleet-1', 'me');
    for (let turn = 1; turn <= 5; turn += 1) {
      await store.commit(commitOf('fleet-1', turn, { newTasks: [taskOf(turn)] }));
      await checkStore(path);
    }
    await store.close();
    expect(await checkStore(path)).toMatchObject({ log: { bytes: 0 }, fleets: [{ tasks: 5 }] });
  });
});

describe('a fleet', () => {
  it('does not start on a store whose index hides a task', async () => {
    const path = await copyStore();
    const definition = (condition: string) =>
      `UPDATE sqlite_schema SET sql = 'CREATE INDEX tasks_live ON tasks (outcome) WHERE outcome ${condition}' WHERE name = 'tasks_live'`;
    changeSchema(path, definition('= 1'));
    execute(path, 'REINDEX tasks_live');
    changeSchema(path, definition('IS NULL'));

    const store = sqliteStore(path);
    const fleet = new FleetManager({ handlers: {}, store });
    await expect(fleet.start()).rejects.toThrow('0 are queued where 2 should be');
    await store.close();
    expect((await checkStore(path)).findings).toContainEqual(
      expect.objectContaining({ kind: 'pages', remedy: expect.stringContaining('REINDEX') as string })
    );
  });
});

let soundStore: Promise<Buffer> | null = null;

/** A file of its own, as {@link makeStore} made one for all. */
async function copyStore(): Promise<string> {
  soundStore ??= makeStore().then((path) => readFileSync(path));
  const path = temporaryPath();
  writeFileSync(path, await soundStore);
  return path;
}

/** A store with two batches, one of them to run, and a command. */
async function makeStore(tasks = 6): Promise<string> {
  const path = temporaryPath();
  const store = sqliteStore(path, { durability: 'none' });
  const fleet = new FleetManager({
    store,
    handlers: {
      work: (n: number) => {
        if (n === 0) throw new Error('no luck');
        return n;
      }
    },
    config: { maxRetries: 0 }
  });
  await fleet.start();
  const work = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ id: `t${n}`, type: 'work' as const, data: n }));
  await fleet.waitForBatch(await fleet.submitBatch(work(tasks)));
  await fleet.pause();
  await fleet.submitBatch(work(2), { batchId: 'held' });
  await fleet.schedule('nightly', { cron: '@daily' }, { type: 'work', data: 1 });
  await store.sendCommand('nobody', { id: 'c1', command: { type: 'fleet.pause' }, sentAt: 1 });
  await fleet.stop();
  await store.close();
  return path;
}

function execute(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

/** As no program should. */
function changeSchema(path: string, sql: string): void {
  const database = new DatabaseSync(path, { defensive: false });
  database.exec(`PRAGMA writable_schema = ON; ${sql}`);
  database.close();
}

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
