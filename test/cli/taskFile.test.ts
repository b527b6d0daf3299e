import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openTaskFile } from '../../src/cli/taskFile.ts';
import { TaskIds } from '../../src/cli/taskIds.ts';
import { Folder } from './command.ts';

const resize = new Set(['resize']);
const two = new Set(['resize', 'mail']);

async function tasksOf(content: string | Buffer, types = resize): Promise<unknown[]> {
  const folder = new Folder();
  folder.write('in.jsonl', content);
  await using file = await openTaskFile(join(folder.path, 'in.jsonl'), types);
  const tasks: unknown[] = [];
  for await (const task of file.tasks()) tasks.push(task);
  expect(file.count).toBe(tasks.length);
  return tasks;
}

/** What a user is told about a file, with its path as `in.jsonl`. */
async function refusalOf(content: string | Buffer, types = resize): Promise<string[]> {
  const folder = new Folder();
  folder.write('in.jsonl', content);
  const path = join(folder.path, 'in.jsonl');
  try {
    await using _ = await openTaskFile(path, types);
  } catch (error) {
    return (error as Error).message.replaceAll(path, 'in.jsonl').split('\n').slice(1);
  }
  return ['accepted'];
}

describe('a file of tasks is read', () => {
  test('with the line number for an id and the only handler for a type', async () => {
    expect(await tasksOf('{"data":1}\n{"id":"x","type":"resize"}\n{"data":3}')).toEqual([
      { id: '1', type: 'resize', data: 1 },
      { id: 'x', type: 'resize' },
      { id: '3', type: 'resize', data: 3 }
    ]);
  });

  test('past a byte order mark, blank lines and CR LF, which all count as lines', async () => {
    expect(await tasksOf('\uFEFF{"data":1}\r\n\r\n  \n{"data":4}\r\n')).toMatchObject([
      { id: '1' },
      { id: '4' }
    ]);
  });

  test('with every field of a task, and text beyond ASCII', async () => {
    const task = {
      id: 'Zoë 🦊',
      type: 'resize',
      data: { a: ['ü', null, 1e-9] },
      priority: -1,
      timeoutMs: 5,
      maxRetries: 0,
      delayMs: 1,
      metadata: { from: 'x' }
    };
    expect(await tasksOf(JSON.stringify(task))).toEqual([task]);
  });

  test('as no task at all when it is empty', async () => {
    expect(await tasksOf('')).toEqual([]);
  });

  test('when a line is cut anywhere by the chunks it comes in', async () => {
    const long = 'ü'.repeat(300_000);
    expect(await tasksOf(`{"data":"${long}"}\n{"data":"${long}"}`)).toMatchObject([
      { data: long },
      { data: long }
    ]);
  });

  test('not on, when it was changed since it was found good', async () => {
    const folder = new Folder();
    folder.write('in.jsonl', '{"data":1}\n');
    await using file = await openTaskFile(join(folder.path, 'in.jsonl'), resize);
    folder.write('in.jsonl', '{"data":2}\n');
    const read = async () => {
      for await (const _ of file.tasks());
    };
    await expect(read()).rejects.toThrow('was changed while it was read');
  });

  test('with a digest of its content', async () => {
    const folder = new Folder();
    folder.write('in.jsonl', 'abc'.replace('abc', ''));
    await using file = await openTaskFile(join(folder.path, 'in.jsonl'), resize);
    expect(file.digest).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(file.name).toBe('in');
  });
});

const good = '{"data":0}';
const inLine2 = (line: string | Buffer) => Buffer.concat([Buffer.from(`${good}\n`), Buffer.from(line)]);

test.each<[string, string | Buffer, string]>([
  ['no JSON', 'hello', 'is not JSON: Unexpected token'],
  ['cut off', '{"data":', 'is not JSON: Unexpected end'],
  ['a number', '5', 'the line is 5; it must be a JSON object'],
  ['null', 'null', 'the line is null; it must be a JSON object'],
  ['an array', '[{}]', 'the line is an array of 1; it must be a JSON object'],
  ['a field that is unknown', '{"url":"x"}', 'task.url is no known field; it must be one of id, '],
  ['__proto__', '{"__proto__":{"id":"x"}}', 'task.__proto__ is no known field; it must be one of id, '],
  ['an id that is a number', '{"id":7}', 'task.id is 7; it must be a string'],
  ['an empty id', '{"id":""}', 'task.id is ""; it must be a string that is not blank'],
  ['an id with an escape sequence', '{"id":"\\u001b[2J"}', 'free of control characters and lone surrogates'],
  ['an id with half a character', '{"id":"\\ud800"}', 'free of control characters and lone surrogates'],
  ['an id of 257 bytes', `{"id":"${'x'.repeat(257)}"}`, 'at most 256 bytes of UTF-8'],
  ['an id that another line has', '{"id":"1"}', 'task.id is "1", which line 1 has already'],
  [
    'a dependency that no earlier line has',
    '{"dependsOn":["99"]}',
    'task.dependsOn names "99", which no earlier line has'
  ],
  ['a type without a handler', '{"type":"resise"}', 'one of the types that have a handler: "resize"'],
  ['a type that is no string', '{"type":["resize"]}', 'task.type is an array of 1; it must be one of'],
  ['a priority in words', '{"priority":"high"}', 'task.priority is "high"; it must be a finite number'],
  [
    'a priority beyond numbers',
    '{"priority":1e400}',
    'task.priority is Infinity; it must be a finite number'
  ],
  ['no time at all', '{"timeoutMs":0}', 'task.timeoutMs is 0; it must be a finite number of milliseconds'],
  ['a negative delay', '{"delayMs":-1}', 'task.delayMs is -1; it must be a finite number of milliseconds'],
  ['a delay and a time', '{"delayMs":1,"startAfter":1}', 'absent where startAfter is given'],
  ['half a retry', '{"maxRetries":0.5}', 'task.maxRetries is 0.5; it must be an integer'],
  [
    'data nested too deep',
    `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'nested deeper than 64 levels'
  ],
  ['data that is too large', `{"data":"${'x'.repeat(1_048_577)}"}`, 'larger than 1048576 bytes of JSON'],
  ['data with a number that JSON has not', '{"data":[1e999]}', 'task.data[0] is Infinity'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'is not UTF-8'],
  ['a line without end', Buffer.alloc(17 * 1024 * 1024, 'x'), 'is longer than 16777216 bytes']
])('%s is refused by the number of its line', async (_, line, problem) => {
  const [told, ...more] = await refusalOf(inLine2(line));
  expect(told).toMatch(/^in\.jsonl:2: /);
  expect(told).toContain(problem);
  expect(more).toEqual([]);
});

test('a file in UTF-16 is named as such', async () => {
  const [told] = await refusalOf(Buffer.from('\uFEFF{"data":1}\n', 'utf16le'));
  expect(told).toBe('in.jsonl:1: is not UTF-8 but UTF-16; save the file as UTF-8');
});

test('a task has to name its type when there is more than one handler', async () => {
  expect(await refusalOf(good, two)).toEqual([
    'in.jsonl:1: task.type is undefined; it must be one of the types that have a handler: "resize", "mail"'
  ]);
});

test('the first bad lines are told, not a million', async () => {
  const told = await refusalOf('x\n'.repeat(1_000));
  expect(told).toHaveLength(6);
  expect(told[4]).toMatch(/^in\.jsonl:5: /);
  expect(told[5]).toBe('Lines after these were not looked at.');
});

test('what a bad line holds does not reach the terminal', async () => {
  const [told] = await refusalOf('\u001b]52;c;aGk=\u0007\u009b2J\rxstate-fleet: all is well');
  expect(told).not.toMatch(/[\p{Cc}]/u);
});

test('an id is found again whether it was given or is the number of a line', () => {
  const ids = new TaskIds();
  expect(ids.add('3', 1)).toBeNull();
  expect(ids.add('2', 2)).toBeNull();
  expect(ids.add('3', 3)).toBe(1);
  expect(ids.add('2', 4)).toBe(2);
  expect(ids.add('100000', 100_000)).toBeNull();
  expect(ids.add('100000', 100_001)).toBe(100_000);
  for (const odd of ['2.0', '02', '2.5', '-2', '1e5', '4294967298', 'Infinity'])
    expect(ids.add(odd, 9)).toBeNull();
});
