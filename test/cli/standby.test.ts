import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Folder, jsonLines, numberedTasks } from './command.ts';
import type { BatchStatus } from '../../src/index.ts';

/** Task 1 waits until the file \`go\` is there; the others are done at once. */
const handlers = `import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
export async function work({ n }, { signal }) {
  if (n > 1) return console.log('done');
  console.log('waiting');
  while (!existsSync('go')) await sleep(10, undefined, { signal });
}
`;
const run = ['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--batch', 'b', '--store', 's.db'];

function folderWith(tasks: number): Folder {
  const folder = new Folder();
  folder.write('h.mjs', handlers);
  folder.write('tasks.jsonl', numberedTasks(tasks));
  return folder;
}

test('run --standby waits while another process owns the store, takes over when that is killed, and resumes', async () => {
  const folder = folderWith(3);
  const owner = folder.start(run);
  await owner.printed(/done/, 2);
  const standby = folder.start([...run, '--standby']);
  await standby.printed(/The store is owned by fleet "cli" in process \d+.*: waiting to take over\./);
  owner.kill('SIGKILL');
  await standby.printed(/Taking over\./);
  await standby.printed(/waiting\n/);
  folder.write('go', '');
  const { code, stdout } = await standby.exit;
  expect(stdout).toContain('Batch b: 3 of 3 completed');
  expect(stdout).not.toContain('done');
  expect(code).toBe(0);
});

test('run --standby that is interrupted while it waits ends with 130, and disturbs nobody', async () => {
  const folder = folderWith(1);
  const owner = folder.start(run);
  await owner.printed(/waiting/);
  const standby = folder.start([...run, '--standby']);
  await standby.printed(/waiting to take over/);
  standby.kill('SIGINT');
  expect((await standby.exit).code).toBe(130);
  folder.write('go', '');
  expect((await owner.exit).code).toBe(0);
});

test('submit brings tasks into the run of another process, which finishes them, and waits for them', async () => {
  const folder = folderWith(1);
  const owner = folder.start(run);
  await owner.printed(/waiting/);
  folder.write('more.jsonl', numberedTasks(2_001).slice(1));
  const submit = ['submit', 'more.jsonl', '--store', 's.db', '--type', 'work', '--batch', 'more'];
  expect(await folder.run([...submit, '--wait'])).toEqual({
    code: 0,
    stdout: 'Submitted 2000 tasks as batch more.\nBatch more: 2000 of 2000 completed.\n',
    stderr: ''
  });
  // The same again changes nothing.
  expect((await folder.run(submit)).code).toBe(0);
  folder.write('go', '');
  const { code, stderr } = await owner.exit;
  expect(stderr).toContain('Took batch more of another process.');
  expect(code).toBe(0);
  const batches = jsonLines<BatchStatus>((await folder.run(['status', '--json', '--store', 's.db'])).stdout);
  expect(batches.map(({ id, totalTasks }) => [id, totalTasks])).toEqual([
    ['b', 1],
    ['more', 2_000]
  ]);
});

test('submit says what is wrong with the input, by its line or by what the handlers know', async () => {
  const folder = folderWith(1);
  const owner = folder.start(run);
  await owner.printed(/waiting/);
  folder.write('bad.jsonl', [{ type: 'work', data: 1, priority: 'x' }]);
  const bad = await folder.run(['submit', 'bad.jsonl', '--store', 's.db']);
  expect(bad.stderr).toContain('bad.jsonl:1: task.priority is "x"');
  expect(bad.code).toBe(2);
  folder.write('unknown.jsonl', [{ type: 'nope', data: 1 }]);
  const unknown = await folder.run(['submit', 'unknown.jsonl', '--store', 's.db']);
  expect(unknown.stderr).toContain('tasks[0].type is "nope"');
  expect(unknown.code).toBe(2);
  const nowhere = await folder.run(['submit', 'tasks.jsonl', '--store', 'other.db', '--type', 'work']);
  expect(nowhere.code).toBe(2);
  expect(existsSync(join(folder.path, 'other.db'))).toBe(false);
  folder.write('go', '');
  await owner.exit;
});

test('submit waits for a run, and ends with 130 when it is interrupted', async () => {
  const folder = folderWith(2);
  folder.write('go', '');
  await folder.run(run);
  folder.write('more.jsonl', numberedTasks(2));
  const submit = folder.start([
    'submit',
    'more.jsonl',
    '--store',
    's.db',
    '--type',
    'work',
    '--batch',
    'more'
  ]);
  await submit.printed(/No run owns the store/);
  submit.kill('SIGINT');
  const { code, stdout } = await submit.exit;
  expect(stdout).toContain('goes on with batch more');
  expect(code).toBe(130);
});
