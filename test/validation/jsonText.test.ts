import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotJsonError, toJsonText } from '../../src/validation/jsonText.ts';
import { limits } from '../../src/validation/limits.ts';

class Point {
  readonly x = 1;
}

describe('toJsonText', () => {
  it('writes what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(toJsonText(value, 'data')).toBe(JSON.stringify(value));
      }),
      { numRuns: 500 }
    );
  });

  it('keeps any text, as value and as key, surrogates without their pair included', () => {
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(anyText, anyText, (key, value) => {
        const given = Object.fromEntries([[key, [value]]]);
        const text = toJsonText(given, 'data');
        expect(text).toBe(JSON.stringify(given));
        expect(JSON.parse(text)).toEqual(given);
        expect(Buffer.from(text).toString()).toBe(text);
      })
    );
  });

  it.each<[what: string, value: unknown, text: string]>([
    ['-0 as 0', -0, '0'],
    ['-0 within', [-0, { a: -0 }], '[0,{"a":0}]'],
    ['the largest number', Number.MAX_VALUE, '1.7976931348623157e+308'],
    ['the smallest number', Number.MIN_VALUE, '5e-324'],
    ['a lone surrogate', '\uD800', String.raw`"\ud800"`],
    ['a lone surrogate as a key', { '\uDFFF': 1 }, String.raw`{"\udfff":1}`],
    ['a pair of surrogates', '😀', '"😀"'],
    ['line separators', '\u2028\u2029', '"\u2028\u2029"'],
    ['control characters', '\u0000\u001F\u007F', String.raw`"\u0000\u001f` + '\u007F"'],
    ['no property that is undefined', { a: undefined, b: 1 }, '{"b":1}'],
    ['no property that is a symbol', { [Symbol('a')]: 1, b: 2 }, '{"b":2}'],
    ['integer keys first, as JSON.stringify does', { b: 1, 1: 2, 0: 3 }, '{"0":3,"1":2,"b":1}'],
    ['an empty key', { '': 1 }, '{"":1}'],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    ['an object of another realm', runInNewContext('({ a: [1, { b: 2 }] })'), '{"a":[1,{"b":2}]}'],
    ['a frozen object', Object.freeze({ a: Object.freeze([1]) }), '{"a":[1]}'],
    [
      'what a getter gives',
      {
        get a() {
          return 1;
        }
      },
      '{"a":1}'
    ],
    ['the same object twice', twice({ a: 1 }), '[{"a":1},{"a":1}]'],
    ['HTML and SQL as they are', `<img onerror>'; DROP`, `"<img onerror>'; DROP"`]
  ])('writes %s', (_, value, text) => {
    expect(toJsonText(value, 'data')).toBe(text);
    expect(text).toBe(JSON.stringify(value));
  });

  it('keeps a key that is called __proto__, and touches no prototype', () => {
    const value: unknown = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}');
    const text = toJsonText(value, 'data');
    expect(text).toBe('{"__proto__":{"polluted":1},"constructor":{"prototype":2}}');
    expect(JSON.parse(text)).toEqual(value);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('reads each property once', () => {
    let reads = 0;
    const value = {
      get a() {
        return ++reads;
      }
    };
    expect(toJsonText(value, 'data')).toBe('{"a":1}');
    expect(reads).toBe(1);
  });

  it.each<[what: string, value: unknown, path: string, reason: RegExp]>([
    ['undefined', undefined, 'data', /^is undefined, which JSON has not$/],
    ['a function', () => 1, 'data', /^is a function/],
    ['a symbol', Symbol('s'), 'data', /^is a symbol/],
    ['a BigInt', 12n, 'data', /^is 12n/],
    ['NaN', Number.NaN, 'data', /^is NaN/],
    ['Infinity', { rows: [{}, { at: Infinity }] }, 'data.rows[1].at', /^is Infinity/],
    ['-Infinity', [-Infinity], 'data[0]', /^is -Infinity/],
    ['a BigInt within', { a: { b: [1, 2, 3n] } }, 'data.a.b[2]', /^is 3n/],
    ['a function within', { a: [() => 1] }, 'data.a[0]', /^is a function/],
    ['a symbol within', { a: Symbol.iterator }, 'data.a', /^is a symbol/],
    ['undefined in an array', [1, undefined], 'data[1]', /^is undefined/],
    ['a hole in an array', sparse(3), 'data[0]', /^is undefined/],
    ['a huge sparse array', sparse(2 ** 32 - 1), 'data[0]', /^is undefined/],
    ['a Date', { at: new Date(0) }, 'data.at', /^is an object of class Date, not a plain object/],
    ['a Date that is none', new Date(Number.NaN), 'data', /^is an object of class Date/],
    ['a Map', { a: new Map([[1, 2]]) }, 'data.a', /^is an object of class Map/],
    ['a Set', [new Set()], 'data[0]', /^is an object of class Set/],
    ['a Buffer', Buffer.from('a'), 'data', /^is an object of class Buffer/],
    ['a typed array', new Float64Array(2), 'data', /^is an object of class Float64Array/],
    ['a RegExp', /a/, 'data', /^is an object of class RegExp/],
    ['an Error', { cause: new TypeError('no') }, 'data.cause', /^is an object of class TypeError/],
    ['a Promise', Promise.resolve(1), 'data', /^is an object of class Promise/],
    ['a boxed string', Object('a'), 'data', /^is an object of class String/],
    ['an instance of a class', new Point(), 'data', /^is an object of class Point/],
    ['an object that inherits', Object.create({ a: 1 }), 'data', /not a plain object/],
    ['a toJSON method', { toJSON: () => 1 }, 'data.toJSON', /^is a function/],
    ['a cycle', cyclic(), 'data.a[0].b', /^is an object that contains itself$/],
    ['an array that contains itself', cyclicArray(), 'data[1]', /^is an object that contains itself$/]
  ])('refuses %s, by its path', (_, value, path, reason) => {
    const error = refusal(value);
    expect(error.path).toBe(path);
    expect(error.reason).toMatch(reason);
    expect(error.message).toBe(`${path} ${error.reason}`);
  });

  it.each<[what: string, value: unknown, path: string]>([
    ['a getter that throws', { list: [{ at: 1 }, getting('a')] }, 'data.list[1].a'],
    ['a Proxy that throws', { a: new Proxy({}, { ownKeys: complain }) }, 'data.a'],
    ['a Proxy that throws for its prototype', new Proxy({}, { getPrototypeOf: complain }), 'data'],
    ['an array of a Proxy that throws', [new Proxy([1], { get: complain })], 'data[0]'],
    ['a Proxy that is revoked', { a: revoked() }, 'data.a']
  ])('refuses %s, by its path and with what was thrown', (_, value, path) => {
    const error = refusal(value);
    expect(error.path).toBe(path);
    expect(error.reason).toBe('is unreadable: a getter or a Proxy throws');
    expect(error.cause).toBeInstanceOf(Error);
  });

  it.each<[what: string, key: string, path: string]>([
    ['a name', 'createdAt', 'data.createdAt'],
    ['text', 'created at', 'data["created at"]'],
    ['empty text', '', 'data[""]'],
    ['a line end', 'a\nb', String.raw`data["a\nb"]`],
    ['eight-bit controls', 'a\u009b2J', String.raw`data["a\u009b2J"]`],
    ['marks that reorder text', 'a\u202eb', String.raw`data["a\u202eb"]`],
    ['a megabyte', 'k'.repeat(1_000_000), `data["${'k'.repeat(80)}…"]`]
  ])('shows a key that is %s, so that its path is one short and harmless line', (_, key, path) => {
    expect(refusal({ [key]: Number.NaN }).path).toBe(path);
  });

  it('does not run on through a Proxy that never ends', () => {
    const endless: unknown = new Proxy(
      {},
      {
        ownKeys: () => ['a'],
        get: () => endless,
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true })
      }
    );
    expect(refusal(endless).reason).toBe('is an object that contains itself');
    const fresh = (): object =>
      new Proxy(
        {},
        {
          ownKeys: () => ['a', 'b'],
          get: fresh,
          getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true })
        }
      );
    expect(refusal(fresh()).reason).toMatch(/^is nested deeper than 64 levels$/);
  });

  it('takes 64 levels and no more', () => {
    expect(toJsonText(nested(64), 'data')).toBe(JSON.stringify(nested(64)));
    const { path, reason } = refusal(nested(65));
    expect(reason).toBe('is nested deeper than 64 levels');
    expect(path).toBe(`data${'[0]'.repeat(64)}`);
    expect(refusal(nested(100_000)).path).toBe(path);
  });

  it('takes 200,000 values and no more', () => {
    const most = limits.jsonValues - 1;
    expect(
      toJsonText(
        Array.from({ length: most }, () => 1),
        'data'
      )
    ).toHaveLength(2 * most + 1);
    expect(refusal(Array.from({ length: most + 1 }, () => 1)).reason).toMatch(
      /more than are stored together$/
    );
  });

  it('ends soon for objects that share each other 2^40 times', () => {
    let shared: unknown = 1;
    for (let level = 0; level < 40; level++) shared = { left: shared, right: shared };
    expect(refusal(shared).reason).toMatch(/more than are stored together$/);
  });

  it('takes 1 MiB of text and no more', () => {
    const most = limits.jsonBytes - 2;
    expect(toJsonText('a'.repeat(most), 'data')).toHaveLength(limits.jsonBytes);
    expect(refusal('a'.repeat(most + 1)).reason).toMatch(/^is larger than 1048576 bytes of JSON/);
  });

  it.each<[what: string, value: unknown]>([
    ['of many bytes in few characters', '€'.repeat(400_000)],
    ['that grow when they are escaped', '\u0001'.repeat(200_000)],
    ['that are many', Array.from({ length: 1_000 }, () => 'a'.repeat(1_100))],
    ['as keys', { ['k'.repeat(1_048_577)]: 1 }],
    ['of 100 MB', 'a'.repeat(100_000_000)]
  ])('refuses texts %s', (_, value) => {
    const { path, reason } = refusal(value);
    expect(reason).toMatch(/^is larger than 1048576 bytes/);
    // All of it together is too large, not one of its parts.
    expect(path).toBe('data');
  });
});

function refusal(value: unknown): NotJsonError {
  try {
    toJsonText(value, 'data');
  } catch (error) {
    if (error instanceof NotJsonError) return error;
    throw error;
  }
  throw new Error('It was not refused');
}

function twice(value: object): object[] {
  return [value, value];
}

function complain(): never {
  throw new Error('mine');
}

function getting(key: string): object {
  return Object.defineProperty({}, key, { enumerable: true, get: complain });
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function sparse(length: number): unknown[] {
  const values: unknown[] = [];
  values.length = length;
  return values;
}

function nested(levels: number): unknown {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

function cyclic(): object {
  const value: { a: { b?: object }[] } = { a: [{}] };
  value.a[0]!.b = value;
  return value;
}

function cyclicArray(): unknown[] {
  const value: unknown[] = [1];
  value.push(value);
  return value;
}
