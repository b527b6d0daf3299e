import { isDeepStrictEqual } from 'node:util';
import { firstReadings } from './values.ts';

/** Whether what was read back is what was given: but for what JSON has not, -0 and properties that are `undefined`. */
export function sameData(given: unknown, stored: unknown): boolean {
  return isDeepStrictEqual(plain(given), stored);
}

/** The value as plain data. What is none stays as it is, and is then like nothing that can be read back. */
function plain(value: unknown): unknown {
  if (typeof value === 'number') return value + 0;
  if (Array.isArray(value)) return Array.from(value, plain);
  if (typeof value !== 'object' || value === null) return value;
  const first = firstReadings.get(value);
  if (first !== undefined) return first;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  const entries = Object.entries(value).filter(([, property]) => property !== undefined);
  return Object.fromEntries(entries.map(([key, property]) => [key, plain(property)]));
}
