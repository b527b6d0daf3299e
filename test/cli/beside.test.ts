import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cancel } from '../../src/cli/cancel.ts';
import { results } from '../../src/cli/results.ts';
import { retry } from '../../src/cli/retry.ts';
import { status } from '../../src/cli/status.ts';
import { findStore } from '../../src/cli/storePath.ts';
import { FleetManager, type BatchStatus, type TaskResult } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { Folder, jsonLines, numberedTasks } from './command.ts';

/** Task 1 waits until it is aborted, or until the file \`go\` is there; the others are done at once. */
const handlers = `import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
export async function work({ n }, { signal }) {
  if (n > 1) return console.log('done');
  console.log('waiting');
  while (!existsSync('go')) await sleep(10, undefined, { signal });
}
`;

/** Fails unless the file \`mended\` is there. */
const breaking = `import { existsSync } from 'node:fs';
export function work({ n }) {
  if (n % 2 === 0 && !existsSync('mended')) throw new Error('broken');
}
`;

function folderWith(handlers: string, tasks: number): Folder {
  const folder = new Folder();
  folder.write('h.mjs', handlers);
  folder.write('tasks.jsonl', numberedTasks(tasks));
  return folder;
}

const run = ['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--batch', 'b', '--retries', '0'];

test('status shows a batch while another process runs it, and cancel ends a task of it', async () => {
  const folder = folderWith(handlers, 4);
  const running = folder.start(run);
  await running.printed(/done/, 3);
  let seen: BatchStatus[] = [];
  while (seen[0]?.completedTasks !== 3) seen = jsonLines((await folder.run(['status', '--json'])).stdout);
  expect(seen).toMatchObject([
    { id: 'b', status: 'processing', totalTasks: 4, completedTasks: 3, runningTasks: 1, progress: 0.75 }
  ]);
  const { code, stdout } = await folder.run(['status', '--batch', 'b']);
  expect(stdout).toMatch(/^BATCH +STATUS/);
  expect(stdout).toMatch(/^b +processing +75 % +4 +3 +0 +0 +1 +0 +0 +0$/m);
  expect(code).toBe(0);

  const second = await folder.run(run);
  expect(second.stderr).toMatch(/^xstate-fleet: Store .*tasks\.db is owned by .*process \d+/);
  expect(second.code).toBe(2);

  expect((await folder.run(['cancel', 'b/1'])).stdout).toBe('Cancelled task b/1.\n');
  expect((await running.exit).stdout).toContain('Batch b: 3 of 4 completed, 1 cancelled.');
});

test('cancel ends a batch that another process runs, which then ends with 1', async () => {
  const folder = folderWith(handlers, 1);
  const running = folder.start(run);
  await running.printed(/waiting/);
  const cancelled = await folder.run(['cancel', 'b']);
  expect(cancelled).toEqual({ code: 0, stdout: 'Cancelled batch b.\n', stderr: '' });
  const { code, stdout } = await running.exit;
  expect(stdout).toContain('0 of 1 completed, 1 cancelled.');
  expect(code).toBe(1);

  const again = await folder.run(run);
  expect(again.stdout).toContain('0 of 1 completed, 1 cancelled.');
  expect(again.code).toBe(1);
});

test('cancel of what has settled says so, and leaves nothing in the store for the next run', async () => {
  const folder = folderWith(breaking, 2);
  await folder.run(run);

  for (const [kind, name] of [
    ['batch', 'b'],
    ['task', 'b/1']
  ] as const) {
    expect(await folder.run(['cancel', name])).toEqual({
      code: 1,
      stdout: `The ${kind} ${name} has settled already.\n`,
      stderr: ''
    });
  }
  expect((await folder.run(run)).stderr).not.toContain('settled');
});

test('retry waits in a store that nobody owns, and the next run obeys it', async () => {
  const folder = folderWith(breaking, 6);
  expect((await folder.run(run)).code).toBe(1);

  for (let times = 0; times < 2; times++) {
    const asked = await folder.run(['retry', 'b']);
    expect(asked.stdout).toContain('No run owns the store: the command waits in it');
    expect(asked.code).toBe(0);
  }
  folder.write('mended', '');
  const { code, stdout } = await folder.run(run);
  expect(stdout).toContain('Batch b: 3 of 6 completed, 3 failed.');
  expect(stdout).toContain('Batch b.retry-1: 3 of 3 completed.');
  expect(stdout).not.toContain('Try them again');
  // All tasks have completed, some of them in the retry.
  expect(code).toBe(0);
  expect((await folder.run([...run, '--out', 'out.jsonl'])).code).toBe(0);
  const final = jsonLines<TaskResult>(folder.read('out.jsonl'));
  expect(final.map(({ taskId, success }) => `${taskId} ${success}`).sort()).toEqual(
    ['1', '2', '3', '4', '5', '6'].map((id) => `${id} true`)
  );

  const { stdout: copies } = await folder.run(['results', '--batch', 'b.retry-1']);
  expect(
    jsonLines<TaskResult>(copies)
      .map(({ taskId }) => taskId)
      .sort()
  ).toEqual(['2', '4', '6']);
  expect(await folder.run(['retry', 'b.retry-1'])).toEqual({
    code: 1,
    stdout: 'All tasks of batch b.retry-1 completed; there is nothing to retry.\n',
    stderr: ''
  });
});

test('retry is answered by the run that owns the store, which then runs the copies', async () => {
  const folder = folderWith(breaking, 2);
  expect((await folder.run([...run, '--store', 'fleet.db'])).code).toBe(1);
  folder.write('mended', '');
  folder.write('wait.mjs', handlers);
  const args = ['run', 'tasks.jsonl', '--handlers', 'wait.mjs', '--batch', 'long', '--store', 'fleet.db'];
  const running = folder.start(args);
  await running.printed(/waiting/);
  expect((await folder.run(['retry', 'b', '--store', 'fleet.db'])).stdout).toBe(
    'Retrying batch b as batch b.retry-1.\n'
  );
  expect((await folder.run(['retry', 'b/2', '--store', 'fleet.db'])).stdout).toBe(
    'Retrying task b/2 as task b.2.retry-1.\n'
  );
  folder.write('go', '');
  const { code, stdout } = await running.exit;
  expect(stdout).toContain('Batch b.retry-1: 1 of 1 completed.');
  expect(stdout).toContain('Task b.2.retry-1: completed');
  expect(code).toBe(0);
});

test.each<[string, string[], RegExp]>([
  ['a store that is not there', ['status', '--store', 'no.db'], /Store .*no\.db does not exist/],
  ['a command that is none', ['statsu'], /unknown command 'statsu'/],
  ['no command', [], /Usage: xstate-fleet/]
])('%s is told and ends with 2', async (_, args, told) => {
  const { code, stdout, stderr } = await new Folder().run(args);
  expect(stderr).toMatch(told);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('what is unknown in a store is told', async () => {
  const path = join(new Folder().path, 'fleet.db');
  await using store = await storeWithBatch(path);
  const options = { store: store.path, fleet: 'cli' };
  await expect(status({ ...options, fleet: 'mine' })).rejects.toThrow(
    `store ${path} holds no fleet "mine"; it holds "cli": pass --fleet`
  );
  await expect(status({ ...options, batch: 'x' })).rejects.toThrow('There is no batch "x"');
  await expect(results({ ...options, batch: 'x' })).rejects.toThrow('There is no batch "x"');
  await expect(cancel('b/7', options)).rejects.toThrow('There is no task "b/7"');
  await expect(retry('x', options)).rejects.toThrow('There is no batch "x"');
});

test('a store that is not named is the only one in .fleet', async () => {
  const folder = new Folder();
  const home = process.cwd();
  onTestFinished(() => process.chdir(home));
  process.chdir(folder.path);
  await expect(findStore(undefined)).rejects.toThrow('there is no store in .fleet/; pass --store <file>');
  mkdirSync('.fleet');
  folder.write('.fleet/a.db', '');
  folder.write('.fleet/a.db-lock', '');
  expect(await findStore(undefined)).toBe('.fleet/a.db');
  folder.write('.fleet/b.db', '');
  await expect(findStore(undefined)).rejects.toThrow(
    'there are 2 stores in .fleet/; pass one of them: --store .fleet/a.db, --store .fleet/b.db'
  );
  expect(await findStore('mine.db')).toBe('mine.db');
});

/** A store with the batch `b` of one task, in the fleet of the command line. */
async function storeWithBatch(path: string) {
  const store = sqliteStore(path);
  await using fleet = new FleetManager({ name: 'cli', handlers: { work: () => null }, store });
  await fleet.start();
  await fleet.waitForBatch(await fleet.submitBatch([{ id: '1', type: 'work', data: 1 }], { batchId: 'b' }));
  return { path, [Symbol.asyncDispose]: () => store.close() };
}
