import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runPlaceOf } from '../../src/cli/runPlace.ts';
import { sharedRedis } from '../executors/bullmq/redisServer.ts';
import { Folder, jsonLines, numberedTasks } from './command.ts';

const redis = sharedRedis();
/** Where nobody answers. */
const near = { redis: 'redis://127.0.0.1:1' };
const module = `import { existsSync } from 'node:fs';
export const double = ({ n }) => n * 2;
export async function wait(_, { log }) {
  log('waiting');
  while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 10));
}
`;

function folderWith(tasks: readonly unknown[]): Folder {
  const folder = new Folder();
  folder.write('h.mjs', module);
  folder.write('tasks.jsonl', tasks);
  return folder;
}

describe('run --redis', () => {
  test('has its tasks run by a worker that joins later, and says who comes and goes', async ({ skip }) => {
    const url = redis.url(skip);
    const folder = folderWith(numberedTasks(20));
    const place = ['--redis', url, '--fleet', 'doubled', '--prefix', 'p1'];
    const options = ['--type', 'double', '--store', 's.db', '--out', 'out.jsonl'];
    const run = folder.start(['run', 'tasks.jsonl', ...place, ...options]);
    const shown = await run.printed(/(?<=To start one: xstate-fleet ).*(?= --handlers <module>)/);
    const worker = folder.start([...shown.split(' '), '--handlers', 'h.mjs']);
    await run.printed(/Worker \S+ joined\./);
    const { code, stdout } = await run.exit;
    expect(stdout).toContain('20 of 20 completed');
    expect(code).toBe(0);
    const results = jsonLines<{ result: number }>(folder.read('out.jsonl'));
    expect(results.map(({ result }) => result).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => (index + 1) * 2)
    );
    worker.kill('SIGTERM');
    expect((await worker.exit).code).toBe(0);
  });

  test('leaves what runs to its worker when it is interrupted, and finds it again', async ({ skip }) => {
    const url = redis.url(skip);
    const folder = folderWith([{ type: 'wait', data: null }]);
    const place = ['--redis', url, '--fleet', 'left'];
    folder.start(['worker', ...place, '--handlers', 'h.mjs', '--tags', 'gpu']);
    const command = ['run', 'tasks.jsonl', ...place, '--store', 's.db'];
    const first = folder.start(command);
    await first.printed(/waiting/);
    first.kill('SIGINT');
    await first.printed(/Interrupt again to leave them to their workers/);
    first.kill('SIGTERM');
    expect((await first.exit).code).toBe(130);
    const second = folder.start(command);
    await second.printed(/To start one/);
    await second.printed(/Worker \S+ joined\./);
    const shown = await folder.run(['status', '--workers', ...['--store', 's.db', '--fleet', 'left']]);
    expect(shown.stderr).toMatch(/^The fleet is owned by fleet "left" in process \d+/);
    expect(shown.stdout).toMatch(/^WORKER +STATUS.*\n\S+ +active +1 +1 +0 +0 +0 +gpu +double,wait\n$/);
    folder.write('go', '');
    const { code, stderr, stdout } = await second.exit;
    expect(stdout).toContain('1 of 1 completed');
    expect(stderr).not.toContain('waiting\n');
    expect(code).toBe(0);
    const after = await folder.run(['status', '--workers', '--store', 's.db', '--fleet', 'left']);
    expect([after.stderr, after.stdout]).toEqual(['Nobody owns the fleet.\n', 'There are no workers.\n']);
    const results = await folder.run(['results', '--store', 's.db', '--fleet', 'left']);
    expect(jsonLines(results.stdout)).toMatchObject([{ attempts: 1 }]);
  });

  test.each([
    ['neither handlers nor workers', {}, 'pass --handlers <module>'],
    ['handlers beside workers that have them', { ...near, handlers: 'h.mjs' }, '--handlers does not go with'],
    ['a number of workers', { ...near, workers: 3 }, '--workers goes with --handlers alone'],
    [
      'groups of workers',
      { ...near, group: [{ tags: ['gpu'], workers: 1 }] },
      '--group goes with --handlers'
    ],
    ['isolation', { ...near, isolate: 'threads' as const }, '--isolate goes with --handlers alone'],
    [
      'a type where handlers are here',
      { handlers: 'h.mjs', type: 'double' },
      '--type goes with --redis alone'
    ],
    ['a prefix where no Redis is', { handlers: 'h.mjs', prefix: 'p' }, '--prefix goes with --redis alone'],
    ['a name that is none in Redis', { ...near, fleet: 'a b' }, 'options.fleet is "a b"'],
    ['another URL, which it does not show', { redis: 'http://u:secret@h' }, 'options.url is another text']
  ])('refuses %s', async (_, options, message) => {
    const asked = { fleet: 'cli', group: [], durability: 'full' as const, ...options };
    await expect(runPlaceOf(asked)).rejects.toThrow(message);
  });

  test('names the line whose task has no type, before anything is written', async () => {
    const folder = folderWith([{ data: null }]);
    const { code, stderr } = await folder.run(['run', 'tasks.jsonl', '--redis', near.redis]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('tasks.jsonl:1: task.type')]);
    expect(existsSync(join(folder.path, '.fleet'))).toBe(false);
  });

  test('says that it cannot reach Redis, without its password', async () => {
    const folder = folderWith([{ type: 'double', data: null }]);
    const { code, stderr } = await folder.run([
      'run',
      'tasks.jsonl',
      '--redis',
      'redis://u:secret@127.0.0.1:1'
    ]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('Redis at redis://127.0.0.1:1 cannot be used')
    ]);
    expect(stderr).not.toContain('secret');
  });
});

test('a store at a URL that is no database is refused without its password', async () => {
  const folder = folderWith([{ type: 'double', data: { n: 1 } }]);
  const { code, stderr } = await folder.run([
    'run',
    'tasks.jsonl',
    '--handlers',
    'h.mjs',
    '--store',
    'redis://u:secret@h'
  ]);
  expect([code, stderr]).toEqual([2, expect.stringContaining('redis://u@h')]);
  expect(stderr).not.toContain('secret');
});
