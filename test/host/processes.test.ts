import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compiledFolder } from '../../reliability/compiled.ts';
import { readOwners, type Owners } from '../../src/host/hostStatus.ts';
import { connectFleet } from '../../src/index.ts';
import { postgresReader } from '../../src/stores/postgres.ts';
import { Folder, jsonLines, type Command } from '../cli/command.ts';
import { needing } from '../missing.ts';
import { postgresForTests } from '../servers/postgresForTests.ts';

const server = await postgresForTests();
const missing = server === null ? 'no PostgreSQL can be had' : null;

const fleets = 10;
/** Of each fleet, before each fault and after the last: three seconds of work. */
const tasksOfEach = 150;
const batches = ['quiet', 'killed', 'paused', 'resumed'] as const;
const names = Array.from({ length: fleets }, (_, n) => `fleet-${n}`);

/** A config as a user writes it, on a schema of its own, with short leases. */
function folderWith(schema: string): Folder {
  const module = pathToFileURL(join(compiledFolder(), 'src/stores/postgres.js')).href;
  const folder = new Folder();
  folder.write(
    'handlers.mjs',
    `import { setTimeout as sleep } from 'node:timers/promises';
export async function double(n) { await sleep(40); return 2 * n; }
`
  );
  folder.write(
    'fleets.config.mjs',
    `import { postgresStore } from '${module}';
const fleet = { handlers: './handlers.mjs', config: { maxConcurrentWorkers: 2 } };
export default {
  store: postgresStore('${server?.url}', { schema: '${schema}', leaseMs: 2_000 }),
  fleets: Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, fleet]))
};
`
  );
  return folder;
}

/** How many fleets each process owns, in rising order; those that nobody owns are in none. */
function countsOf({ fleets: owned }: Owners): number[] {
  const counts = new Map<string, number>();
  for (const { owner } of owned) {
    const pid = /process (\d+)/.exec(owner ?? '')?.[1];
    if (pid !== undefined) counts.set(pid, (counts.get(pid) ?? 0) + 1);
  }
  return [...counts.values()].sort((left, right) => left - right);
}

describe('processes that host ten fleets in PostgreSQL', needing(missing), () => {
  test('share them; one is killed and one paused while tasks run: every task has one result, and the fleets are shared again', async () => {
    const folder = folderWith('hosted');
    const start = (): Command => folder.start(['host', 'fleets.config.mjs']);
    const [first, second, third] = [start(), start(), start()];
    await Promise.all([first, second, third].map((host) => host.printed(/: running\n/)));
    const reader = postgresReader(server!.url, { schema: 'hosted' });
    const owned = async (expected: number[]): Promise<void> => {
      const counts = async (): Promise<number[]> => countsOf(await readOwners(reader, names));
      await expect.poll(counts, { timeout: 90_000 }).toEqual(expected);
    };
    await owned([3, 3, 4]);

    const clients = await Promise.all(names.map((name) => connectFleet(reader, { name })));
    const tasks = Array.from({ length: tasksOfEach }, (_, n) => ({ id: `t${n}`, type: 'double', data: n }));
    const submit = async (batchId: (typeof batches)[number]): Promise<void> => {
      await Promise.all(clients.map((client) => client.submitBatch(tasks, { batchId })));
    };

    await submit('quiet');
    await submit('killed');
    first.kill('SIGKILL');
    await owned([5, 5]);
    await submit('paused');
    second.kill('SIGSTOP');
    await owned([10]);
    await submit('resumed');
    second.kill('SIGCONT');
    await owned([5, 5]);

    let [lost, duplicated] = [0, 0];
    for (const client of clients) {
      for (const batch of batches) {
        expect((await client.waitForBatch(batch)).status).toBe('completed');
        const seen = new Map<string, number>();
        for await (const { key, result } of client.streamBatchResults(batch)) {
          if (seen.has(key)) duplicated += 1;
          seen.set(key, result as number);
        }
        for (let n = 0; n < tasksOfEach; n++) if (seen.get(`${batch}/t${n}`) !== 2 * n) lost += 1;
      }
    }
    const tried = fleets * batches.length * tasksOfEach;
    console.log(`hosted fleets: ${tried} tasks tried, ${lost} lost, ${duplicated} duplicated`);
    expect({ lost, duplicated }).toEqual({ lost: 0, duplicated: 0 });

    for (const host of [second, third]) host.kill('SIGTERM');
    expect((await second.exit).code).toBe(0);
    expect((await third.exit).code).toBe(0);
    expect(countsOf(await readOwners(reader, names))).toEqual([]);
    await Promise.all(clients.map((client) => client.close()));
    await reader.close();
  });

  test('say what becomes of them; one whose handlers do not load fails alone, and runs when they are mended', async () => {
    const folder = new Folder();
    const store = server!.url;
    folder.write('good.mjs', 'export const work = () => 1;\n');
    folder.write('bad.mjs', "throw new Error('no key for the service');\n");
    folder.write(
      'fleets.json',
      JSON.stringify({ store, fleets: { good: { handlers: './good.mjs' }, bad: { handlers: './bad.mjs' } } })
    );
    const host = folder.start(['host', 'fleets.json']);
    await host.printed(/bad: failed, tried again later: .*no key for the service/);
    await host.printed(/good: running/);
    const { stdout } = await folder.run(['host', 'status', '--store', store, '--json']);
    expect(jsonLines(stdout)).toEqual([
      { name: 'good', owner: expect.stringMatching(/^fleet "good" in process \d+ on /) as string },
      { group: 'default', seat: 1, owner: expect.stringMatching(/^host of "default" in process/) as string }
    ]);
    folder.write('bad.mjs', 'export const work = () => 1;\n');
    await host.printed(/bad: running/);
    host.kill('SIGTERM');
    const { code, stderr } = await host.exit;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^This is host 1\.\n/);
    expect(stderr).toContain('good: leaving\n');
  });
});

describe('a host that is interrupted', needing(missing), () => {
  test('hands over what runs; a second signal aborts that, and frees the fleet', async () => {
    const folder = new Folder();
    const store = server!.url;
    folder.write('hang.mjs', 'export const hang = () => new Promise(() => {});\n');
    const fleets = { hanging: { handlers: './hang.mjs' } };
    folder.write('hanging.json', JSON.stringify({ store, group: 'interrupted', fleets }));
    const host = folder.start(['host', 'hanging.json']);
    await host.printed(/hanging: running/);
    const reader = postgresReader(store);
    const client = await connectFleet(reader, { name: 'hanging' });
    const { key } = await client.submitAsync('hang', null);
    await expect.poll(async () => (await client.getTask(key)).status).toBe('running');
    host.kill('SIGINT');
    await host.printed(/Once more aborts it/);
    host.kill('SIGTERM');
    expect((await host.exit).code).toBe(130);
    expect(await reader.readOwner('hanging')).toBeNull();
    await client.close();
    await reader.close();
  });
});

describe('the command host', () => {
  test('ends at the first signal while the store has not answered', async () => {
    const silent = createServer();
    const listening = once(silent.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void silent.close());
    await listening;
    const { port } = silent.address() as AddressInfo;
    const folder = new Folder();
    const store = `postgres://127.0.0.1:${port}/x`;
    folder.write('silent.json', JSON.stringify({ store, fleets: { mail: {} } }));
    const host = folder.start(['host', 'silent.json']);
    const [connection] = (await once(silent, 'connection')) as [Socket];
    onTestFinished(() => void connection.destroy());
    host.kill('SIGINT');
    expect(await host.exit).toEqual({ code: 130, stdout: '', stderr: '' });
  });

  test('says what is wrong with its config, or with the store that it names', async () => {
    const folder = new Folder();
    folder.write('sqlite.json', JSON.stringify({ store: 'work.db', fleets: { mail: {} } }));
    folder.write('empty.mjs', 'export default { store: "postgres://127.0.0.1:1/x", fleets: {} };\n');
    const { code, stderr } = await folder.run(['host', 'sqlite.json']);
    expect(stderr).toContain('one process owns all of any other store');
    expect(code).toBe(2);
    const empty = await folder.run(['host', 'empty.mjs']);
    expect(empty.stderr).toContain('an object with at least one fleet');
    expect(empty.code).toBe(2);
    folder.write('storeless.json', JSON.stringify({ fleets: { mail: {} } }));
    const storeless = await folder.run(['host', 'storeless.json']);
    expect(storeless.stderr).toContain(
      'config.store is undefined; it must be a store whose fleets are leased'
    );
    folder.write('named.mjs', 'export const fleets = {};\n');
    const named = await folder.run(['host', 'named.mjs']);
    expect(named.stderr).toContain('the fleets of named.mjs do not load: it has no default export');
    folder.write('broken.json', '{ "store": ');
    const broken = await folder.run(['host', 'broken.json']);
    expect(broken.stderr).toContain('the fleets of broken.json do not load: it is no JSON: ');
    expect([storeless.code, named.code, broken.code]).toEqual([2, 2, 2]);
    const none = await folder.run(['host', 'none.mjs']);
    expect(none.stderr).toContain('the fleets of none.mjs cannot be read');
    expect(none.code).toBe(2);
  });
});
