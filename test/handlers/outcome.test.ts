import { describe, expect, it } from 'vitest';
import type { TaskError } from '../../machines/task.ts';
import { NonRetryableError } from '../../src/errors.ts';
import { failedOutcome, outcomeOf, taskErrorOf } from '../../src/handlers/outcome.ts';
import { cyclic } from '../hostileValues.ts';

const always = () => true;
const notSerializable = 'ResultNotSerializableError';
const tooLarge = 'ResultTooLargeError';
const codes: Record<string, string> = {
  [notSerializable]: 'ERR_RESULT_NOT_SERIALIZABLE',
  [tooLarge]: 'ERR_RESULT_TOO_LARGE'
};

class Hopeless extends NonRetryableError {}

describe('outcomeOf', () => {
  it.each<[what: string, returned: unknown, result: string | null]>([
    ['nothing', undefined, null],
    ['null', null, 'null'],
    ['false', false, 'false'],
    ['text', 'done', '"done"'],
    ['an object', { rows: [1] }, '{"rows":[1]}'],
    ['a success by name', { success: true, error: 'old' }, '{"success":true,"error":"old"}'],
    ['a success that is no boolean', { success: 0 }, '{"success":0}'],
    ['a list with a failure in it', [{ success: false }], '[{"success":false}]']
  ])('completes with %s', (_, returned, result) => {
    expect(outcomeOf(returned, always)).toEqual({ status: 'completed', result });
  });

  it.each<[what: string, returned: object, error: Partial<TaskError>]>([
    ['its error', { success: false, error: new TypeError('no') }, { name: 'TypeError', message: 'no' }],
    ['its message', { success: false, error: 'no' }, { name: 'Error', message: 'no' }],
    [
      'no reason',
      { success: false },
      { name: 'Error', message: 'The handler returned { success: false } without an error' }
    ],
    [
      'an error like one',
      { success: false, error: { message: 'no', code: 'E_NO' } },
      { message: 'no', code: 'E_NO' }
    ]
  ])('fails, to be tried again, when a handler returns { success: false } with %s', (_, returned, error) => {
    expect(outcomeOf(returned, always)).toMatchObject({
      status: 'failed',
      error: { ...error, retryable: true }
    });
  });

  it('asks whether a returned failure may be tried again', () => {
    const returned = { success: false, error: new NonRetryableError('never') };
    expect(outcomeOf(returned, always)).toMatchObject({ status: 'failed', error: { retryable: false } });
    expect(outcomeOf({ success: false, error: 'no' }, () => false)).toMatchObject({
      error: { retryable: false }
    });
  });

  it.each<[what: string, returned: unknown, where: string, name?: string]>([
    ['a BigInt', 1n, 'result is 1n'],
    ['a function', () => 1, 'result is a function'],
    ['a symbol', Symbol('s'), 'result is a symbol'],
    ['NaN', Number.NaN, 'result is NaN'],
    ['a Date within', { rows: [{ at: new Date(0) }] }, 'result.rows[0].at is an object of class Date'],
    ['a Map', new Map(), 'result is an object of class Map'],
    ['a cycle', cyclic(), 'result.self is an object that contains itself'],
    ['a text that is too large', 'a'.repeat(2_000_000), 'result is larger than 1048576 bytes', tooLarge],
    ['a depth that is too large', nested(100_000), 'is nested deeper than 64 levels', tooLarge],
    ['a getter that throws', throwing(), 'result.message is unreadable: a getter or a Proxy throws'],
    ['a Proxy that throws', throwingProxy(), 'result is unreadable: a getter or a Proxy throws'],
    ['a Proxy that is revoked', revoked(), 'result is unreadable: a getter or a Proxy throws']
  ])('fails for good when a handler returns %s', (_, returned, where, name = notSerializable) => {
    const outcome = outcomeOf(returned, always);
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { name, code: codes[name], retryable: false }
    });
    expect(outcome).toHaveProperty('error.message', expect.stringContaining(where));
  });

  it('keeps the message within its bound when the path to the value is long', () => {
    const outcome = outcomeOf({ ['k'.repeat(500_000)]: Number.NaN }, always);
    expect(JSON.stringify(outcome).length).toBeLessThan(10_000);
  });
});

describe('taskErrorOf', () => {
  it.each<[what: string, thrown: unknown, error: Partial<TaskError>]>([
    ['text', 'no', { name: 'Error', message: 'no' }],
    ['empty text', '', { name: 'Error', message: '' }],
    ['undefined', undefined, { name: 'Error', message: 'The handler threw undefined' }],
    ['null', null, { name: 'Error', message: 'The handler threw null' }],
    ['a number', 7, { name: 'Error', message: 'The handler threw 7' }],
    ['a BigInt', 7n, { name: 'Error', message: 'The handler threw 7n' }],
    ['a symbol', Symbol('s'), { name: 'Error', message: 'The handler threw a symbol' }],
    ['a function', () => 1, { name: 'Error', message: 'The handler threw a function' }],
    ['an array', [1, 2], { name: 'Error', message: 'The handler threw an array of 2' }],
    ['a plain object', { a: 1 }, { name: 'Error', message: 'The handler threw an object of class Object' }],
    ['an object without a prototype', Object.create(null), { name: 'Error' }],
    ['an object like an error', { name: 'E', message: 'no' }, { name: 'E', message: 'no' }],
    ['a frozen object', Object.freeze({ message: 'no' }), { name: 'Error', message: 'no' }],
    [
      'a message that is no text',
      { message: { a: 1 } },
      { message: 'The handler threw an object of class Object' }
    ],
    ['an error of its own name', new RangeError('no'), { name: 'RangeError', message: 'no' }],
    [
      'an error with a code',
      Object.assign(new Error('no'), { code: 'E_NO' }),
      { code: 'E_NO', message: 'no' }
    ],
    ['an error with a number as code', Object.assign(new Error('no'), { code: 7 }), { message: 'no' }],
    ['an error with a cyclic cause', cyclicCause(), { name: 'Error', message: 'outer' }],
    [
      'an error whose message throws',
      throwing(new Error('no')),
      { name: 'Error', message: 'The handler threw an object of class Error' }
    ],
    [
      'a Proxy that throws for everything',
      throwingProxy(),
      { name: 'Error', message: 'The handler threw a value that cannot be inspected' }
    ],
    [
      'a Proxy that is revoked',
      revoked(),
      { name: 'Error', message: 'The handler threw a value that cannot be inspected' }
    ]
  ])('describes %s', (_, thrown, expected) => {
    const error = taskErrorOf(thrown, always);
    expect(error).toMatchObject({ ...expected, retryable: true });
    expect(JSON.parse(JSON.stringify(error))).toEqual(error);
  });

  it('bounds what it keeps', () => {
    const large = Object.assign(new Error('m'.repeat(10_000_000)), {
      name: 'n'.repeat(10_000_000),
      code: 'c'.repeat(10_000_000),
      stack: 's'.repeat(10_000_000)
    });
    expect(taskErrorOf(large, always)).toEqual({
      name: 'n'.repeat(256),
      message: 'm'.repeat(8_192),
      code: 'c'.repeat(256),
      stack: 's'.repeat(16_384),
      retryable: true
    });
    expect(taskErrorOf('t'.repeat(10_000_000), always).message).toHaveLength(8_192);
  });

  it('keeps what every store gives back: no NUL and no half of a character, also not one that the bound makes', () => {
    const error = Object.assign(new Error(`a\0b\ud800c${'🦊'.repeat(5_000)}`), {
      code: 'E\0',
      stack: '\udfff'
    });
    const { message, code, stack } = taskErrorOf(error, always);
    expect(message).toBe(`a\ufffdb\ufffdc${'🦊'.repeat(4_093)}\ufffd`);
    expect([code, stack]).toEqual(['E\ufffd', '\ufffd']);
  });

  it('leaves out what the error has not', () => {
    expect(taskErrorOf({ message: 'no' }, always)).toStrictEqual({
      name: 'Error',
      message: 'no',
      retryable: true
    });
  });

  it.each<[what: string, thrown: unknown, shouldRetry: (error: unknown) => boolean, retryable: boolean]>([
    ['an error', new Error('no'), always, true],
    ['an error that is not worth it', new Error('no'), () => false, false],
    ['a NonRetryableError', new NonRetryableError('no'), always, false],
    ['a NonRetryableError of its own kind', new Hopeless('no'), always, false],
    ['an error while the hook throws', new Error('no'), thrown, true],
    ['a NonRetryableError while the hook throws', new NonRetryableError('no'), thrown, false],
    ['a Proxy that throws for its class', throwingProxy(), always, true],
    ['nothing', undefined, (error) => error === undefined, true]
  ])('says whether to try again after %s', (_, thrown, shouldRetry, retryable) => {
    expect(taskErrorOf(thrown, shouldRetry).retryable).toBe(retryable);
  });

  it.each<[answer: unknown, retryable: boolean]>([
    [undefined, false],
    [null, false],
    ['yes', true],
    [0, false],
    [{}, true]
  ])('takes %j of a hook for an answer that is a boolean', (answer, retryable) => {
    expect(taskErrorOf(new Error('no'), () => answer as boolean).retryable).toBe(retryable);
  });
});

describe('failedOutcome', () => {
  it('is a failure with the error as data', () => {
    expect(failedOutcome('no', always)).toEqual({
      status: 'failed',
      error: { name: 'Error', message: 'no', retryable: true }
    });
  });
});

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { value };
  return value;
}

function cyclicCause(): Error {
  const inner = new Error('inner');
  const outer = new Error('outer', { cause: inner });
  inner.cause = outer;
  return outer;
}

function thrown(): never {
  throw new Error('mine');
}

/** An object whose message throws. */
function throwing(target: object = {}): object {
  return Object.defineProperty(target, 'message', { enumerable: true, get: thrown });
}

function throwingProxy(): object {
  return new Proxy(new Error('no'), {
    get: thrown,
    has: thrown,
    ownKeys: thrown,
    getPrototypeOf: thrown,
    getOwnPropertyDescriptor: thrown
  });
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
