import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FleetReader, type TaskResult } from '../../src/index.ts';
import { sqliteReader } from '../../src/stores/sqlite.ts';
import { Folder, jsonLines, linesOf, numberedTasks } from './command.ts';

/** Tells that it began, works a little, and leaves its key in `effects` as its effect. */
const handlers = `import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
export async function work({ n }, { key }) {
  console.log('began', n);
  await sleep(20);
  appendFileSync('effects', key + '\\n');
  return n;
}
`;

function folderWith(handlers: string, tasks: number): Folder {
  const folder = new Folder();
  folder.write('h.mjs', handlers);
  folder.write('tasks.jsonl', numberedTasks(tasks));
  return folder;
}

const run = ['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--batch', 'b', '--workers', '3'];

/** What had settled when the process ended, as the store has it. */
async function resultsOf(folder: Folder): Promise<readonly TaskResult[]> {
  const reader = sqliteReader(join(folder.path, '.fleet/tasks.db'));
  try {
    return await new FleetReader(reader, 'cli').getBatchResults('b');
  } finally {
    await reader.close();
  }
}

/** Each task settled once, and has had its effect at least once; again where a kill took the attempt. */
function expectAllOnce(folder: Folder, results: readonly TaskResult[], count: number): void {
  const keys = numberedTasks(count).map((_, index) => `b/${index + 1}`);
  expect(results.map(({ key }) => key).sort()).toEqual([...keys].sort());
  expect(results.filter(({ success }) => !success)).toEqual([]);
  expect([...new Set(folder.lines('effects'))].sort()).toEqual([...keys].sort());
}

test('a run that was killed goes on, and does nothing again that had settled', async () => {
  const folder = folderWith(handlers, 30);
  const killed = folder.start(run);
  await killed.printed(/began/, 15);
  killed.kill('SIGKILL');
  expect((await killed.exit).code).toBeNull();

  const before = await resultsOf(folder);
  expect(before.length).toBeGreaterThan(5);
  expect(before.length).toBeLessThan(30);
  const effectsBefore = folder.lines('effects').length;

  const resumed = await folder.run([...run, '--out', 'out.jsonl']);
  expect(resumed.stdout).toContain('Batch b: 30 of 30 completed.');
  expect(resumed.code).toBe(0);
  const after = jsonLines<TaskResult>(folder.read('out.jsonl'));
  expect(after.slice(0, before.length)).toEqual(before);
  expectAllOnce(folder, after, 30);
  // At most the three attempts that the kill took were made again.
  expect(folder.lines('effects').length).toBeLessThanOrEqual(33);
  const done = new Set(before.map(({ key }) => key));
  expect(
    folder
      .lines('effects')
      .slice(effectsBefore)
      .filter((key) => done.has(key))
  ).toEqual([]);
});

test('Ctrl-C lets running tasks finish, and the command that it prints resumes', async () => {
  const folder = folderWith(handlers, 30);
  const first = folder.start([...run, '--out', 'the results.jsonl']);
  await first.printed(/began/, 10);
  first.kill('SIGINT');
  const stopped = await first.exit;
  expect(stopped.code).toBe(130);
  expect(stopped.stderr).toContain('Stopping: tasks that run (3) may finish, for 30 s at most.');
  expect(stopped.stdout).toMatch(/^Interrupted: \d+ of 30 tasks are done/m);
  const effects = folder.lines('effects');
  expect((await resultsOf(folder)).map(({ key }) => key).sort()).toEqual([...effects].sort());

  const command = linesOf(stopped.stdout).at(-1)!;
  expect(command).toBe(
    "  xstate-fleet run tasks.jsonl --handlers h.mjs --batch b --workers 3 --out 'the results.jsonl'"
  );
  const resumed = await folder.run([...run, '--out', 'the results.jsonl']);
  expect(resumed.code).toBe(0);
  expectAllOnce(folder, jsonLines<TaskResult>(folder.read('the results.jsonl')), 30);
  expect(folder.lines('effects')).toHaveLength(30);
});

test('a second signal aborts what runs and charges nothing for it', async () => {
  const folder = folderWith(
    `export const work = (_, { signal, attempt }) => new Promise((resolve, reject) => {
      console.log('began');
      if (attempt > 1) return resolve();
      signal.addEventListener('abort', () => (console.log('aborted'), reject(signal.reason)));
      setTimeout(() => {}, 60_000);
    });`,
    1
  );
  const first = folder.start([...run, '--retries', '0']);
  await first.printed(/began/);
  first.kill('SIGINT');
  await first.printed(/Stopping/);
  first.kill('SIGTERM');
  const { code, stdout, stderr } = await first.exit;
  expect(stderr).toContain('Aborting what runs.');
  expect(stdout).toContain('aborted');
  expect(code).toBe(130);
  expect((await folder.run([...run, '--retries', '0'])).code).toBe(0);
});

test.each([
  ['obeys', "signal.addEventListener('abort', () => reject(signal.reason))"],
  ['ignores', "signal.addEventListener('abort', () => {})"]
])(
  'SIGTERM waits for running tasks for --timeout at most, also for one that %s its abort',
  async (_, onAbort) => {
    const folder = new Folder();
    folder.write(
      'h.mjs',
      `export const work = (_, { signal, attempt }) => new Promise((resolve, reject) => {
      console.log('began attempt', attempt);
      if (attempt > 1) return resolve();
      ${onAbort};
      setTimeout(() => {}, 600_000);
    });`
    );
    // Its own limit is longer than a test may take: only the end of the drain can cut it.
    folder.write('tasks.jsonl', [{ data: { n: 1 }, timeoutMs: 600_000 }]);
    const drained = [...run, '--timeout', '200', '--retries', '0'];
    const first = folder.start(drained);
    await first.printed(/began attempt 1/);
    first.kill('SIGTERM');
    const { code, stderr } = await first.exit;
    expect(stderr).toContain('Stopping: tasks that run (1) may finish, for 0.2 s at most.');
    expect(code).toBe(130);

    const resumed = await folder.run(drained);
    expect(resumed.stdout).toContain('began attempt 2');
    expect(resumed.stdout).toContain('Batch b: 1 of 1 completed.');
    expect(resumed.code).toBe(0);
  }
);

test('a run that is interrupted while its tasks are taken in goes on with the rest', async () => {
  const folder = folderWith(
    `let runs = 0;
    export const work = () => {
      // The first thousand tasks are in, the others are being read.
      if (++runs === 1 && process.argv.includes('--durability')) process.kill(process.pid, 'SIGINT');
    };`,
    3_000
  );
  const wide = [...run, '--workers', '500'];
  const stopped = await folder.run([...wide, '--durability', 'process']);
  expect(stopped.code).toBe(130);
  const resumed = await folder.run(wide);
  expect(resumed.stdout).toContain('Batch b: 3000 of 3000 completed.');
  expect(resumed.code).toBe(0);
});
