import { describe, expect, it } from 'vitest';
import { taskPriority } from '../../machines/task.ts';
import { ValidationError } from '../../src/errors.ts';
import { prepareSingleTask, prepareTask } from '../../src/submission/task.ts';
import { cyclic, nested } from '../hostileValues.ts';

const now = Date.UTC(2026, 0, 1);
const plain = { id: 't1', type: 'echo', data: { a: 1 } };

describe('prepareTask', () => {
  it('fills in what the task leaves to the fleet', () => {
    expect(prepareTask(plain, 'tasks[0]', 'b1', now)).toEqual({
      id: 't1',
      key: 'b1/t1',
      type: 'echo',
      priority: taskPriority.normal,
      tags: [],
      timeoutMs: null,
      maxRetries: null,
      startAfter: null,
      retryOf: null,
      dependsOn: null,
      idempotencyKey: null,
      data: '{"a":1}',
      metadata: null
    });
  });

  it('keeps what the task says', () => {
    const options = {
      priority: -2.5,
      tags: ['eu', 'gpu'],
      timeoutMs: 2 ** 31,
      maxRetries: 0,
      startAfter: now + 1,
      retryOf: 'b0/t1'
    };
    expect(prepareTask({ ...plain, ...options, metadata: [1] }, 'tasks[0]', 'b1', now)).toMatchObject({
      ...options,
      metadata: '[1]'
    });
  });

  it.each<[what: string, id: string]>([
    ['a name that objects have', '__proto__'],
    ['a name that objects have', 'constructor'],
    ['a name that objects have', 'toString'],
    ['a name that objects have', 'hasOwnProperty'],
    ['emoji', '👩‍👩‍👧'],
    ['a combined accent', 'caf\u00E9'],
    ['the same accent in two parts', 'cafe\u0301'],
    ['a path', '../../etc/passwd'],
    ['an encoded path', '%2e%2e'],
    ['a colon', 'a:b'],
    ['SQL', "'; DROP TABLE tasks; --"],
    ['HTML', '<img onerror=alert(1)>'],
    ['a formula', '=cmd|A1'],
    ['a number in quotes', '1'],
    ['spaces within', ' a b '],
    ['a slash', 'a/b'],
    ['256 bytes', 'a'.repeat(256)],
    ['64 characters of 4 bytes', '😀'.repeat(64)]
  ])('keeps an id byte for byte: %s, %j', (_, id) => {
    const prepared = prepareTask({ ...plain, id }, 'tasks[0]', 'b1', now);
    expect(prepared.id).toBe(id);
    expect(prepared.key).toBe(`b1/${id}`);
  });

  it('tells ids apart that only look the same', () => {
    const keys = ['caf\u00E9', 'cafe\u0301'].map(
      (id) => prepareTask({ ...plain, id }, 'tasks[0]', 'b1', now).key
    );
    expect(new Set(keys).size).toBe(2);
  });

  it.each<[what: string, id: unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 1],
    ['a BigInt', 1n],
    ['an object', { toString: () => 'a' }],
    ['empty', ''],
    ['blank', ' \t '],
    ['blank, of another kind', '\u00A0\u2003\u3000'],
    ['257 bytes', 'a'.repeat(257)],
    ['257 bytes in fewer characters', `${'😀'.repeat(64)}a`],
    ['1 MB', 'a'.repeat(1_000_000)],
    ['with NUL', 'a\u0000b'],
    ['with a newline', 'a\nb'],
    ['with a carriage return', 'a\rb'],
    ['with an escape sequence', '\u001B[2J'],
    ['with a control character of Latin 1', 'a\u0085b'],
    ['with DEL', 'a\u007Fb'],
    ['with a lone surrogate', 'a\uD800'],
    ['with surrogates in the wrong order', '\uDE00\uD83D']
  ])('refuses an id that is %s', (_, id) => {
    const { argument, message } = refusal({ id });
    expect(argument).toBe('tasks[3].id');
    expect(message.length).toBeLessThan(300);
  });

  it.each<[field: string, value: unknown]>([
    ['type', undefined],
    ['type', null],
    ['type', 5],
    ['type', Symbol('echo')],
    ['priority', Number.NaN],
    ['priority', Infinity],
    ['priority', -Infinity],
    ['priority', '5'],
    ['priority', null],
    ['priority', 5n],
    ['priority', [5]],
    ['timeoutMs', 0],
    ['timeoutMs', -1],
    ['timeoutMs', Number.NaN],
    ['timeoutMs', Infinity],
    ['timeoutMs', 2 ** 53],
    ['timeoutMs', '10s'],
    ['timeoutMs', null],
    ['maxRetries', -1],
    ['maxRetries', 1.5],
    ['maxRetries', Infinity],
    ['maxRetries', 1e9],
    ['maxRetries', '3'],
    ['maxRetries', null],
    ['startAfter', -1],
    ['startAfter', Number.NaN],
    ['startAfter', Infinity],
    ['startAfter', 8.64e15 + 2],
    ['startAfter', '2026-01-01'],
    ['startAfter', new Date(now)],
    ['startAfter', null],
    ['delayMs', -1],
    ['delayMs', Number.NaN],
    ['delayMs', Infinity],
    ['delayMs', 2 ** 53],
    ['delayMs', '10s'],
    ['delayMs', 10n],
    ['delayMs', null],
    ['retryOf', ''],
    ['retryOf', 5],
    ['retryOf', null],
    ['data', 1n],
    ['data', () => 1],
    ['data', Symbol('a')],
    ['data', Number.NaN],
    ['data', new Map()],
    ['data', new Date(now)],
    ['data', 'a'.repeat(1_048_576)],
    ['metadata', Infinity],
    ['metadata', new Set()],
    ['metadata', Buffer.from('a')]
  ])('refuses %s: %o, and names it', (field, value) => {
    const { argument, code } = refusal({ [field]: value });
    expect(argument).toBe(`tasks[3].${field}`);
    expect(code).toBe('ERR_VALIDATION');
  });

  it.each<[what: string, data: unknown, argument: string]>([
    ['a Date within', { rows: [{ at: new Date(now) }] }, 'tasks[3].data.rows[0].at'],
    ['a cycle', cyclic(), 'tasks[3].data.self'],
    ['a hole', sparse(2), 'tasks[3].data[0]'],
    [
      'a getter that throws',
      {
        get a() {
          throw new Error('mine');
        }
      },
      'tasks[3].data.a'
    ]
  ])('refuses data with %s, and says where', (_, data, argument) => {
    expect(refusal({ data }).argument).toBe(argument);
  });

  it('refuses data that is nested too deep, in no time and with a short message', () => {
    const { argument, message } = refusal({ data: nested(100_000) });
    expect(argument).toMatch(/^tasks\[3\]\.data(\[0\]){64}$/);
    expect(message).toMatch(/nested deeper than 64 levels/);
  });

  it('refuses a start time and a delay together', () => {
    expect(refusal({ startAfter: now, delayMs: 1 }).argument).toBe('tasks[3].delayMs');
  });

  it.each<[what: string, field: object, name: string]>([
    ['a misspelt option', { timeout: 5 }, 'timeout'],
    ['an option of a batch', { batchId: 'b1' }, 'batchId'],
    ['__proto__', JSON.parse('{"__proto__":{"priority":9}}') as object, '__proto__']
  ])('refuses %s, and names it', (_, field, name) => {
    const own = Object.fromEntries(Object.entries(plain));
    for (const [key, value] of Object.entries(field))
      Object.defineProperty(own, key, { value, enumerable: true });
    const { message } = refusalOf(() => prepareTask(own, 'tasks[3]', 'b1', now));
    expect(message).toContain(`tasks[3].${name} is no known field; it must be one of id, type, data`);
  });

  it.each([null, undefined, 5, 'task', [], () => 1, Symbol('task')])('refuses %o for a task', (task) => {
    expect(refusalOf(() => prepareTask(task, 'tasks[3]', 'b1', now)).argument).toBe('tasks[3]');
  });

  it.each<[what: string, options: object, startAfter: number | null]>([
    ['no time', {}, null],
    ['a time in the past', { startAfter: now - 1 }, null],
    ['this very time', { startAfter: now }, null],
    ['a time to come', { startAfter: now + 1 }, now + 1],
    ['the last time that there is', { startAfter: 8.64e15 }, 8.64e15],
    ['the first time that there was', { startAfter: 0 }, null],
    ['no delay', { delayMs: 0 }, null],
    ['a delay', { delayMs: 1 }, now + 1],
    ['a delay beyond what a timer takes', { delayMs: 2 ** 31 }, now + 2 ** 31]
  ])('starts a task with %s accordingly', (_, options, startAfter) => {
    expect(prepareTask({ ...plain, ...options }, 'tasks[0]', 'b1', now).startAfter).toBe(startAfter);
  });

  it('starts at the last time that there is after a delay that goes beyond it', () => {
    const { startAfter } = prepareTask({ ...plain, delayMs: Number.MAX_SAFE_INTEGER }, 'tasks[0]', 'b1', now);
    expect(startAfter).toBe(8.64e15);
  });

  it('takes any finite priority, and -0 for 0', () => {
    for (const priority of [0, -5, 1e308, -1e308, Number.MIN_VALUE, taskPriority.critical]) {
      expect(prepareTask({ ...plain, priority }, 'tasks[0]', 'b1', now).priority).toBe(priority);
    }
    expect(prepareTask({ ...plain, priority: -0 }, 'tasks[0]', 'b1', now).priority).toBe(0);
  });

  it('takes no data for null', () => {
    expect(prepareTask({ id: 't1', type: 'echo' }, 'tasks[0]', 'b1', now).data).toBe('null');
  });

  it('takes the longest key that a task can have for the task that it is a copy of', () => {
    const longest = `${'b'.repeat(256)}/${'t'.repeat(256)}`;
    expect(prepareTask({ ...plain, retryOf: longest }, 'tasks[0]', 'b1', now).retryOf).toBe(longest);
  });
});

describe('prepareSingleTask', () => {
  it('has its id for a key', () => {
    expect(prepareSingleTask('echo', [1], { id: 'mine' }, 'minted', now)).toMatchObject({
      id: 'mine',
      key: 'mine',
      data: '[1]'
    });
  });

  it('takes a minted id when it is given none', () => {
    expect(prepareSingleTask('echo', null, {}, 'minted', now)).toMatchObject({ id: 'minted', key: 'minted' });
  });

  it.each(['__proto__', 'constructor', '😀', 'caf\u00E9', 'cafe\u0301'])('keeps the id %j', (id) => {
    expect(prepareSingleTask('echo', null, { id }, 'minted', now).key).toBe(id);
  });

  it.each(['', ' ', 'a/b', '/', '../x', 'a\u0000', '\uD800', 'a'.repeat(257), 5, null])(
    'refuses the id %j',
    (id) => {
      expect(refusalOf(() => prepareSingleTask('echo', null, { id }, 'minted', now)).argument).toBe(
        'options.id'
      );
    }
  );

  it('refuses options that are not its own', () => {
    expect(refusalOf(() => prepareSingleTask('echo', null, { data: 1 }, 'minted', now)).argument).toBe(
      'options.data'
    );
    expect(refusalOf(() => prepareSingleTask('echo', null, null, 'minted', now)).argument).toBe('options');
  });
});

function refusal(changes: object): ValidationError {
  return refusalOf(() => prepareTask({ ...plain, ...changes }, 'tasks[3]', 'b1', now));
}

function refusalOf(call: () => unknown): ValidationError {
  try {
    call();
  } catch (error) {
    if (error instanceof ValidationError) return error;
    throw error;
  }
  throw new Error('It was not refused');
}

function sparse(length: number): unknown[] {
  const values: unknown[] = [];
  values.length = length;
  return values;
}
