import type { SeededRandom } from '../../src/testing/seededRandom.ts';

/** Text that has broken parsers, stores or terminals somewhere. */
const texts = [
  '',
  ' ',
  '\t',
  '0',
  '1',
  '01',
  '10s',
  'null',
  'NaN',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'then',
  'a\0b',
  '\0',
  'a\nb',
  'a\rb',
  '\u001b[2J',
  '\u001b]52;c;aGk=\u0007',
  '\u001b]8;;http://x\u0007',
  '\u009b2J',
  '\u007f',
  '\ud800',
  'a\udfff',
  '\ufeff',
  '\ufffd',
  '\u2028',
  '\u202egnp.exe',
  '\u2066x',
  '\u200b',
  'é',
  'e\u0301',
  '🦊',
  '👩‍👩‍👧',
  'a/b',
  '/',
  '//',
  '../../x',
  '%2e%2e%2f',
  'a:b',
  'a\\b',
  "'; DROP TABLE tasks; --",
  '<img src=x onerror=alert(1)>',
  '=cmd',
  '${x}',
  '%s%n',
  'x'.repeat(256),
  'x'.repeat(257),
  'é'.repeat(128),
  '🦊'.repeat(65),
  'x'.repeat(70_000)
] as const;

const numbers = [
  0,
  -0,
  1,
  -1,
  1.5,
  1e-9,
  1e308,
  -1e308,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  Number.MIN_VALUE,
  0.1 + 0.2
] as const;

/** Values that no argument may be, or that bite whoever looks at them. Made anew for each use: a few can be used once. */
const oddities: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => false,
  () => 5n,
  () => Symbol('s'),
  () => () => 1,
  () => async () => 1,
  () => new Date(0),
  () => new Date(NaN),
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => Buffer.from('a'),
  () => new Float64Array(2),
  () => /a/,
  () => new Error('e'),
  () => new Proxy({}, {}),
  () => new Proxy([1], {}),
  () => Object('a') as unknown,
  () => Object(1) as unknown,
  () =>
    new (class Point {
      x = 1;
    })(),
  () => Promise.resolve(1),
  () => new AbortController().signal,
  () => Object.create(AbortSignal.prototype) as unknown,
  () =>
    (function* () {
      yield 1;
    })(),
  () => ({}),
  () => [],
  () => Object.create(null) as unknown,
  () => Object.freeze({ a: Object.freeze([1]) }),
  () => JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}') as unknown,
  () => Object.create({ inherited: 1 }) as unknown,
  () => ({ toJSON: () => 'other' }),
  // oxlint-disable-next-line unicorn/no-thenable -- it is there to be hostile
  () => ({ then: complain }),
  () => ({ valueOf: complain, toString: complain, [Symbol.toPrimitive]: complain }),
  () => ({ [Symbol.iterator]: complain, [Symbol.asyncIterator]: complain }),
  () => Object.defineProperty({}, 'id', { enumerable: true, get: complain }),
  () => new Proxy({}, { get: complain, has: complain, ownKeys: complain, getPrototypeOf: complain }),
  () => new Proxy([], { get: complain, has: complain, ownKeys: complain }),
  revoked,
  cyclic,
  () => changing(),
  () => nested(64),
  () => nested(65),
  () => nested(20_000),
  () => shared(40),
  () => Object.assign([], { length: 3 }) as unknown,
  () => Object.assign([], { length: 2 ** 32 - 1 }) as unknown
];

/** Rare, because each costs milliseconds. */
const heavy: readonly (() => unknown)[] = [
  () => 'x'.repeat(1_048_575),
  () => 'x'.repeat(1_048_574),
  () => '€'.repeat(400_000),
  () => Array.from({ length: 200_001 }, () => 0),
  () => Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`k${index}`, index])),
  () => ({ ['k'.repeat(500_000)]: NaN })
];

/** What values give when they are read for the first time, of those that give something else later. */
export const firstReadings = new WeakMap<object, unknown>();

/** Any value at all. */
export function anyValue(random: SeededRandom): unknown {
  if (random.chance(0.002)) return random.pick(heavy)();
  switch (random.integer(0, 4)) {
    case 0:
      return random.pick(numbers);
    case 1:
      return anyText(random);
    case 2:
      return anyJson(random, 4);
    default:
      return random.pick(oddities)();
  }
}

export function anyText(random: SeededRandom): string {
  if (random.chance(0.7)) return random.pick(texts);
  const units = Array.from({ length: random.integer(0, 12) }, () => random.integer(0, 0xff_ff));
  return String.fromCharCode(...units);
}

/** What JSON can hold. */
export function anyJson(random: SeededRandom, depth: number): unknown {
  const kind = random.integer(0, depth === 0 ? 3 : 5);
  if (kind === 0) return random.pick([null, true, false]);
  if (kind === 1) return random.pick(numbers.filter(Number.isFinite));
  if (kind <= 3) return anyText(random);
  const values = Array.from({ length: random.integer(0, 4) }, () => anyJson(random, depth - 1));
  return kind === 4 ? values : Object.fromEntries(values.map((value) => [anyText(random), value]));
}

function complain(): never {
  throw new Error('hostile');
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function cyclic(): unknown {
  const value: { self?: unknown } = {};
  value.self = value;
  return value;
}

/** Another value each time it is read: good at first, then none that is allowed. */
function changing(): object {
  let reads = 0;
  const get = () => (reads++ === 0 ? 'good' : '\0');
  const value = Object.defineProperty({}, 'id', { enumerable: true, get });
  firstReadings.set(value, { id: 'good' });
  return value;
}

function nested(levels: number): unknown {
  let value: unknown[] = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

/** Small in memory, 2^levels values as text. */
function shared(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = { left: value, right: value };
  return value;
}
