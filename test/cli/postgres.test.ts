import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import type { BatchStatus, TaskResult } from '../../src/index.ts';
import { postgresForTests } from '../servers/postgresForTests.ts';
import { Folder, jsonLines, numberedTasks } from './command.ts';

const server = await postgresForTests();

/** Task 1 waits until the file \`go\` is there, task 3 fails; the others are done at once. */
const handlers = `import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
export async function work({ n }, { signal }) {
  if (n === 3) throw new Error('on purpose');
  if (n > 1) return console.log('done');
  console.log('waiting');
  while (!existsSync('go')) await sleep(10, undefined, { signal });
}
`;

describe.skipIf(server === null)('the command line with the address of a PostgreSQL', () => {
  it('runs, is looked at, takes what is sent, and hands over to a standby', async () => {
    const folder = new Folder();
    folder.write('h.mjs', handlers);
    folder.write('tasks.jsonl', numberedTasks(4));
    folder.write('more.jsonl', numberedTasks(4).slice(3));
    const url = new URL(server!.url);
    url.password = 'secret';
    const store = ['--store', url.href];
    const run = ['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--batch', 'b', '--retries', '0', ...store];
    let printed = '';
    const command = async (...args: string[]) => {
      const exit = await folder.run([...args, ...store]);
      printed += exit.stdout + exit.stderr;
      return exit;
    };

    const owner = folder.start(run);
    await owner.printed(/done/, 2);
    const standby = folder.start([...run, '--standby']);
    await standby.printed(/waiting to take over/);
    const submitted = await command('submit', 'more.jsonl', '--type', 'work', '--batch', 'more', '--wait');
    expect(submitted).toMatchObject({ code: 0, stderr: '' });
    expect((await command('retry', 'b/3')).code).toBe(0);
    expect((await command('cancel', 'b/1')).code).toBe(0);
    const last = await owner.exit;
    printed += last.stdout + last.stderr;
    expect(last.stdout).toContain('Batch b: 2 of 4 completed, 1 failed, 1 cancelled.');

    // It had given its fleet up, and the standby has taken over and found it done.
    const next = await standby.exit;
    printed += next.stdout + next.stderr;
    expect(next.stdout).toContain('Batch b: 2 of 4 completed');
    expect(next.stdout).not.toContain('done');
    const batches = jsonLines<BatchStatus>((await command('status', '--json')).stdout);
    expect(batches.map(({ id, totalTasks }) => [id, totalTasks])).toEqual([
      ['b', 4],
      ['more', 1]
    ]);
    const results = jsonLines<TaskResult>((await command('results', '--batch', 'b')).stdout);
    expect(results.map(({ taskId }) => taskId).toSorted()).toEqual(['1', '2', '3', '4']);
    expect(printed).not.toContain('secret');
  });

  it('goes on in a standby when it is killed and its lease is over', async () => {
    const folder = new Folder();
    folder.write('h.mjs', handlers);
    folder.write('tasks.jsonl', numberedTasks(2));
    const run = ['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--fleet', 'killed', '--store', server!.url];
    const owner = folder.start(run);
    await owner.printed(/done/);
    const standby = folder.start([...run, '--standby']);
    await standby.printed(/waiting to take over/);
    owner.kill('SIGKILL');
    await owner.exit;
    await endLeaseOf('killed');
    await standby.printed(/waiting\n/);
    folder.write('go', '');

    const { code, stdout } = await standby.exit;
    expect(stdout).toContain('2 of 2 completed');
    expect(stdout).not.toContain('done');
    expect(code).toBe(0);
  });
});

/** As if the time of its lease had gone by. */
async function endLeaseOf(fleet: string): Promise<void> {
  const client = new Client({ connectionString: server!.url });
  await client.connect();
  await client.query('UPDATE xstate_fleet.scopes SET expires_at = clock_timestamp() WHERE name = $1', [
    fleet
  ]);
  await client.end();
}
