import type { SeededRandom } from '../../src/testing/seededRandom.ts';
import { anyText, anyValue } from './values.ts';

/** Fields that a caller may misspell, or that a prototype has. */
const strayFields = ['__proto__', 'constructor', 'toString', 'priorty', 'timeout', 'ID', ''];

/** One thing that was done to a call, for its report. */
export type Damage = string;

/**
 * Damages the arguments of a good call in place, at one to three places at any depth.
 *
 * @returns What was done.
 */
export function damage(args: unknown[], random: SeededRandom): Damage[] {
  return Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => damageOnce(args, random));
}

function damageOnce(args: unknown[], random: SeededRandom): Damage {
  let container: unknown[] | Record<string, unknown> = args;
  let path = '';
  for (;;) {
    const keys = Object.keys(container);
    if (keys.length === 0) return addField(container, path, random);
    const key = random.pick(keys);
    const inner: unknown = Array.isArray(container) ? container[Number(key)] : container[key];
    const step = `${path}[${JSON.stringify(key)}]`;
    // The deeper the place, the fewer ways lead to it.
    if (!isOpen(inner) || random.chance(0.3)) return change(container, key, step, random);
    container = inner;
    path = step;
  }
}

function change(
  container: unknown[] | Record<string, unknown>,
  key: string,
  path: string,
  random: SeededRandom
): Damage {
  const target = container as Record<string, unknown>;
  switch (random.integer(0, 7)) {
    case 0:
      delete target[key];
      return `delete ${path}`;
    case 1:
      return addField(container, path, random);
    case 2:
      return put(target, key, path, [target[key]], 'wrap');
    case 3:
      if (typeof target[key] !== 'string') break;
      return put(target, key, path, `${target[key]}${anyText(random)}`, 'append to');
    case 4:
      if (typeof target[key] !== 'number') break;
      return put(target, key, path, String(target[key]), 'text of');
    case 5:
      if (!Array.isArray(container) || container.length > 1_000) break;
      container.push(container[Number(key)]);
      return `repeat ${path}`;
  }
  return put(target, key, path, anyValue(random), 'replace');
}

function addField(
  container: unknown[] | Record<string, unknown>,
  path: string,
  random: SeededRandom
): Damage {
  const field = random.pick(strayFields);
  // Its own field, also where it is called like the prototype.
  Object.defineProperty(container, field, {
    value: anyValue(random),
    enumerable: true,
    writable: true,
    configurable: true
  });
  return `add ${JSON.stringify(field)} at ${path}`;
}

function put(
  target: Record<string, unknown>,
  key: string,
  path: string,
  value: unknown,
  verb: string
): Damage {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  return `${verb} ${path}`;
}

/** A container that good calls are made of, which can be gone into without setting anything off. */
function isOpen(value: unknown): value is unknown[] | Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    const prototype: unknown = Object.getPrototypeOf(value);
    const isPlain = prototype === Object.prototype || prototype === Array.prototype;
    return isPlain && !Object.isFrozen(value) && Object.keys(value).length < 1_000 && isData(value);
  } catch {
    return false;
  }
}

function isData(value: object): boolean {
  return Object.values(Object.getOwnPropertyDescriptors(value)).every((property) => 'value' in property);
}
