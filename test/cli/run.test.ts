import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assertResultFile } from '../../src/cli/resultFile.ts';
import { run, type RunOptions } from '../../src/cli/run.ts';
import type { TaskResult } from '../../src/index.ts';
import { needing } from '../missing.ts';
import { Folder, jsonLines, numberedTasks } from './command.ts';

const doubling = 'export const double = ({ n }) => n * 2;\n';

/** Takes even numbers, halved before they are stored. */
const halving = `const validate = ({ n }) =>
  n % 2 === 0 ? { value: { half: n / 2 } } : { issues: [{ message: 'is odd', path: ['n'] }] };
export const halve = Object.assign(({ half }) => half, { schema: { '~standard': { version: 1, validate } } });
`;

/** Fails tasks whose n is a multiple of 3, once and for all. */
const picky = `export async function check({ n }) {
  if (n % 3 === 0) throw Object.assign(new Error('\\u001b[31m' + n + ' is\\na multiple'), { code: 'ERR_NON_RETRYABLE' });
  return n;
}
`;

describe('a run', () => {
  test('runs every task, writes the results, and finds all done the next time', async () => {
    const folder = new Folder();
    folder.write('h.mjs', doubling);
    folder.write('tasks.jsonl', numberedTasks(30));
    const first = await folder.run(['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--out', 'out.jsonl']);
    expect(first.stdout).toMatch(/^Batch tasks-[0-9a-f]{12}: 30 of 30 completed\.$/m);
    expect(first.stderr).toContain('30/30 done, 0 failed');
    expect(first.code).toBe(0);

    const written = jsonLines<TaskResult<number>>(folder.read('out.jsonl'));
    expect(written.map(({ settledSeq }) => settledSeq)).toEqual(written.map((_, index) => index + 1));
    expect(new Map(written.map(({ taskId, result }) => [Number(taskId), result]))).toEqual(
      new Map(Array.from({ length: 30 }, (_, index) => [index + 1, (index + 1) * 2]))
    );
    const printed = await folder.run(['results']);
    expect(printed).toEqual({ code: 0, stdout: folder.read('out.jsonl'), stderr: '' });

    const second = await folder.run(['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--out', 'again.jsonl']);
    expect(second.stdout).toContain('30 of 30 completed.');
    expect(second.stderr).toBe('30/30 done, 0 failed, 0 running, 0 retrying\n');
    expect(second.code).toBe(0);
    expect(folder.read('again.jsonl')).toBe(folder.read('out.jsonl'));
  });

  test.each([
    ['in this process', []],
    ['in threads', ['--isolate', 'threads']],
    ['in processes', ['--isolate', 'processes']]
  ])(
    'stores what the schema of a handler makes of a line, and names the lines that it refuses: %s',
    async (_, isolation) => {
      const folder = new Folder();
      folder.write('h.mjs', halving);
      folder.write('tasks.jsonl', [{ data: { n: 4 } }, { data: { n: 8 } }]);
      const args = ['--handlers', 'h.mjs', '--workers', '1', ...isolation];
      const { code } = await folder.run(['run', 'tasks.jsonl', ...args, '--out', 'out.jsonl']);
      expect(code).toBe(0);
      const results = jsonLines<TaskResult>(folder.read('out.jsonl')).map(({ result }) => result);
      expect(results).toEqual([2, 4]);

      folder.write('bad.jsonl', [{ data: { n: 4 } }, { data: { n: 3 } }]);
      const refused = await folder.run(['run', 'bad.jsonl', ...args]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('bad.jsonl:2: task.data is an object of class Object; it must be ');
      expect(refused.stderr).toContain('the schema of "halve" takes (.n: is odd)');
    }
  );

  test('is refused where a handler has a schema that is none', async () => {
    const folder = new Folder();
    folder.write('h.mjs', 'export const check = Object.assign(() => 1, { schema: {} });\n');
    folder.write('tasks.jsonl', numberedTasks(1));
    const { code, stderr } = await folder.run(['run', 'tasks.jsonl', '--handlers', 'h.mjs']);
    expect(code).toBe(2);
    expect(stderr).toContain(
      'handlers.check.schema is an object of class Object; it must be a Standard Schema'
    );
  });

  test('runs tasks with tags on the workers of a group, and refuses those that none could take', async () => {
    const folder = new Folder();
    folder.write('h.mjs', 'export const where = (_, { workerId }) => workerId;\n');
    folder.write('tasks.jsonl', [{ tags: ['gpu'] }, { tags: ['eu', 'gpu'] }]);
    const run = ['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--out', 'out.jsonl'];
    const { code } = await folder.run([...run, '--group', 'eu=1', '--group', 'gpu,eu=1', '--workers', '4']);
    expect(code).toBe(0);
    expect(jsonLines<TaskResult>(folder.read('out.jsonl')).map(({ result }) => result)).toEqual([
      'worker-2',
      'worker-2'
    ]);

    const refused = await folder.run([...run, '--group', 'gpu=1']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(
      'tasks.jsonl:2: task.tags is "eu", "gpu", which no worker offers; pass --group eu,gpu=1'
    );
  });

  test.each([
    [['--group', 'gpu'], 'such as gpu,eu=2'],
    [['--group', 'gpu=0'], 'an integer from 1'],
    [['--group', 'a,a=1'], '--group[1] is "a"; it must be distinct'],
    [['--group', 'a=2', '--group', 'b=2', '--workers', '3'], 'pass --workers 4 or more']
  ])('is refused with %j', async (options, message) => {
    const folder = new Folder();
    folder.write('h.mjs', doubling);
    folder.write('tasks.jsonl', numberedTasks(1));
    const { code, stderr } = await folder.run(['run', 'tasks.jsonl', '--handlers', 'h.mjs', ...options]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(join(folder.path, '.fleet'))).toBe(false);
  });

  test('ends with 1 when tasks failed, and says which and what to do', async () => {
    const folder = new Folder();
    folder.write('h.mjs', picky);
    folder.write('tasks.jsonl', numberedTasks(24));
    const { code, stdout } = await folder.run(['run', 'tasks.jsonl', '--handlers', 'h.mjs']);
    expect(code).toBe(1);
    expect(stdout).toContain('16 of 24 completed, 8 failed.');
    expect(stdout).toContain('  3: failed after 1 attempt: 3 is a multiple\n');
    expect(stdout).toMatch(
      / {2}and 3 more: xstate-fleet results --store \.fleet\/tasks\.db --batch \S+ --failed\n/
    );
    expect(stdout).not.toContain('\u001b');

    const failed = await folder.run(['results', '--failed', '--limit', '5']);
    const failures = jsonLines<TaskResult>(failed.stdout);
    expect(failures).toHaveLength(5);
    expect(failures.every(({ success }) => !success)).toBe(true);
  });

  test('takes its tasks from standard input, and leaves no copy', async () => {
    const folder = new Folder();
    folder.write('h.mjs', doubling);

    const { code, stdout } = await folder.run(['run', '-', '--handlers', 'h.mjs'], '{"data":{"n":1}}\n');
    expect(stdout).toMatch(/^Batch stdin-[0-9a-f]{12}: 1 of 1 completed\.$/m);
    expect(code).toBe(0);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('xstate-fleet-input-'))).toEqual([]);
  });

  test(
    'takes its tasks from a named pipe',
    needing(process.platform === 'win32' ? 'Windows has no named pipes' : null),
    async () => {
      const folder = new Folder();
      folder.write('h.mjs', doubling);
      folder.write('tasks.jsonl', numberedTasks(3));
      execFileSync('sh', ['-c', 'mkfifo pipe'], { cwd: folder.path });
      const run = folder.start(['run', 'pipe', '--handlers', 'h.mjs', '--batch', 'b']);
      execFileSync('sh', ['-c', 'cat tasks.jsonl > pipe'], { cwd: folder.path });
      expect((await run.exit).stdout).toContain('Batch b: 3 of 3 completed.');
    }
  );

  test('loads handlers in TypeScript, and tells what they log without what a terminal obeys', async () => {
    const folder = new Folder();
    folder.write(
      'h.ts',
      `enum Factor { Two = 2 }
       interface Data { readonly n: number }
       export default {
         double: async ({ n }: Data, { log }: { log: (line: string) => void }): Promise<number> => {
           log('doubling \\u001b[2Jgladly');
           return n * Factor.Two;
         }
       };`
    );
    folder.write('tasks.jsonl', numberedTasks(2));
    const { code, stdout, stderr } = await folder.run([
      'run',
      'tasks.jsonl',
      '--handlers',
      'h.ts',
      '--batch',
      'mine'
    ]);
    expect(stdout).toContain('Batch mine: 2 of 2 completed.');
    expect(stderr).toMatch(/^mine\/1: doubling gladly$/m);
    expect(code).toBe(0);
  });

  test.each(['threads', 'processes'])(
    'outlives handlers that end what they run in: --isolate %s',
    async (how) => {
      const folder = new Folder();
      folder.write(
        'h.mjs',
        `export const double = ({ n }, { attempt, log }) => {
         if (n === 2 && attempt === 1) process.exit(1);
         log('doubling');
         return n * 2;
       };`
      );
      folder.write('tasks.jsonl', numberedTasks(3));
      const args = [
        '--handlers',
        'h.mjs',
        '--isolate',
        how,
        '--workers',
        '1',
        '--batch',
        'mine',
        '--out',
        'out.jsonl'
      ];
      const { code, stdout, stderr } = await folder.run(['run', 'tasks.jsonl', ...args]);
      expect(stdout).toContain('Batch mine: 3 of 3 completed.');
      expect(stderr).toMatch(/^mine\/2: doubling$/m);
      expect(code).toBe(0);
      const results = folder.lines('out.jsonl').map((line) => JSON.parse(line) as { attempts: number });
      expect(results.map(({ attempts }) => attempts)).toEqual([1, 2, 1]);
    }
  );

  test('goes on when nobody reads what it prints', async () => {
    const folder = new Folder();
    folder.write('h.mjs', doubling);
    folder.write('tasks.jsonl', numberedTasks(3));
    const run = folder.start(['run', 'tasks.jsonl', '--handlers', 'h.mjs', '--out', 'out.jsonl']);
    run.closeOutput();
    const { code, stderr } = await run.exit;
    expect(code).toBe(0);
    expect(stderr).not.toContain('EPIPE');
    expect(folder.lines('out.jsonl')).toHaveLength(3);
  });

  test('refuses other tasks under the name of a batch', async () => {
    const folder = new Folder();
    folder.write('h.mjs', doubling);
    folder.write('one.jsonl', numberedTasks(1));
    folder.write('two.jsonl', [{ data: { n: 2 } }]);
    const args = ['--handlers', 'h.mjs', '--store', 'fleet.db', '--batch', 'same'];
    expect((await folder.run(['run', 'one.jsonl', ...args])).code).toBe(0);
    const { code, stderr } = await folder.run(['run', 'two.jsonl', ...args]);
    expect(stderr).toContain('exists with another type, data or options');
    expect(code).toBe(2);
  });
});

describe('before anything is started or written, a run refuses', () => {
  const tasks = '{"data":{"n":1}}\n';

  test.each<[string, string[], Record<string, string>, RegExp]>([
    [
      'a bad line, by its number',
      ['--handlers', 'h.mjs', '--out', 'out.jsonl'],
      { 'in.jsonl': `${tasks}\n{"data":}\n`, 'h.mjs': doubling },
      /^in\.jsonl:3: is not JSON/m
    ],
    [
      'an unknown type, by the number of its line',
      ['--handlers', 'h.mjs'],
      { 'in.jsonl': `${tasks}{"type":"treble"}\n`, 'h.mjs': doubling },
      /^in\.jsonl:2: task\.type is "treble"; it must be one of the types that have a handler: "double"$/m
    ],
    [
      'handlers that throw when they are loaded, with the reason and the place',
      ['--handlers', 'h.ts'],
      { 'in.jsonl': tasks, 'h.ts': '\nconst n: number = 1;\nmissing();\n' },
      /h\.ts do not load: ReferenceError: missing is not defined \(.*h\.ts:3:\d+\)$/m
    ],
    [
      'an isolation that is none',
      ['--handlers', 'h.mjs', '--isolate', 'fibers'],
      {},
      /'fibers' is invalid\. Allowed choices are threads, processes/
    ],
    [
      'an option that is none, and what a terminal would obey in it',
      ['--handlers', 'h.mjs', '--worker\u001b[2J'],
      {},
      /unknown option '--worker'/
    ]
  ])('%s', async (_, args, files, told) => {
    const folder = new Folder();
    for (const [name, content] of Object.entries(files)) folder.write(name, content);
    const { code, stdout, stderr } = await folder.run(['run', 'in.jsonl', ...args]);
    expect(stderr).toMatch(told);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(readdirSync(folder.path).sort()).toEqual(Object.keys(files).sort());
  });

  test.each<[string, Partial<RunOptions>, Record<string, string>, RegExp]>([
    ['an input that is not there', {}, { 'h.mjs': doubling }, /in\.jsonl does not exist$/],
    ['handlers that are not there', {}, { 'in.jsonl': tasks }, /h\.mjs cannot be read/],
    [
      'a module without handlers',
      {},
      { 'h.mjs': 'export const n = 1;' },
      /exports no handlers; export a function/
    ],
    ['a batch with a slash in its name', { batch: 'a/b' }, {}, /--batch is "a\/b"; it must be free of "\/"/],
    ['a fleet without a name', { fleet: ' ' }, {}, /--fleet is " "; it must be a string that is not blank/]
  ])('%s', async (_, options, files, told) => {
    const folder = new Folder();
    for (const [name, content] of Object.entries(files)) folder.write(name, content);
    const path = (name: string) => join(folder.path, name);
    const refused = run(path('in.jsonl'), {
      handlers: path('h.mjs'),
      store: path('fleet.db'),
      fleet: 'cli',
      durability: 'full',
      group: [],
      ...options
    });
    await expect(refused).rejects.toThrow(told);
    expect(readdirSync(folder.path).sort()).toEqual(Object.keys(files).sort());
  });

  test.each([
    ['that cannot be written', 'no/where.jsonl', /cannot be written/],
    ['that is a folder', '.', /is a directory/],
    ['that is the input', './in.jsonl', /is read by this run/]
  ])('a file for the results %s', async (_, out, told) => {
    const folder = new Folder();
    folder.write('in.jsonl', tasks);
    const path = (name: string) => `${folder.path}/${name}`;
    await expect(assertResultFile(path(out), [path('in.jsonl')])).rejects.toThrow(told);
  });

  test('a store that is none, and leaves it as it is', async () => {
    const folder = new Folder();
    folder.write('h.mjs', doubling);
    folder.write('in.jsonl', tasks);
    folder.write('fleet.db', 'my diary\n'.repeat(100));
    const run = ['run', 'in.jsonl', '--handlers', 'h.mjs', '--store', 'fleet.db'];
    const { code, stdout, stderr } = await folder.run(run);
    expect(stderr).toMatch(/^xstate-fleet: Store .*fleet\.db cannot be read: .* It was left untouched/m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(folder.read('fleet.db')).toBe('my diary\n'.repeat(100));
    expect(existsSync(join(folder.path, '.fleet'))).toBe(false);
  });
});

test.each(['run', 'retry', 'doctor'])(
  'the help of %s is filled to the width of the terminal',
  async (name) => {
    const { stdout } = await new Folder().run([name, '--help']);
    const [, ...paragraphs] = stdout.slice(0, stdout.search(/^(Arguments|Options):/m)).split('\n\n');
    for (const lines of paragraphs.map((paragraph) => paragraph.trimEnd().split('\n'))) {
      for (const [index, next] of lines.slice(1).entries())
        expect(`${lines[index]} ${next.split(' ')[0]}`.length).toBeGreaterThan(79);
    }
  }
);

test('help and version are printed', async () => {
  const folder = new Folder();
  const [help, version] = await Promise.all([folder.run(['--help']), folder.run(['--version'])]);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('run [options] <tasks.jsonl|->');
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\S*\n$/) as string });
});
