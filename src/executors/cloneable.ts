import { types } from 'node:util';
import { show } from '../validation/show.ts';

/**
 * Looks for what a structured clone would change in silence: an object of a class comes out of it as one of none, a
 * `URL` as `{}`. What it refuses itself, such as a Proxy, is left to it.
 *
 * @throws {TypeError} naming the first such value, and for functions and symbols. @throws what a getter throws.
 */
export function assertCloneable(data: unknown): void {
  const seen = new Set<unknown>();
  const open = [data];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'function' || typeof value === 'symbol') refuse(value);
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const part of partsOf(value)) open.push(part);
  }
}

function partsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || types.isSet(value)) return value as Iterable<unknown>;
  if (types.isMap(value)) return [...value].flat();
  if (isPlain(value)) return Object.values(value) as unknown[];
  // A Buffer is one in a process, and only a Uint8Array in a thread.
  const isKept = types.isDate(value) || types.isRegExp(value) || types.isArrayBuffer(value);
  if (isKept || (types.isArrayBufferView(value) && !Buffer.isBuffer(value))) return [];
  return refuse(value);
}

/** Also an object of another realm, whose `Object.prototype` is another one. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refuse(value: unknown): never {
  throw new TypeError(
    `${show(value)} does not survive the way to the thread or process that has the schema; pass plain data`
  );
}
