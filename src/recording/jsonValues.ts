/** The last time that a `Date` has, epoch ms. */
const maxTime = 8.64e15;

// What is whole by its checksums may still be written by anybody: each value is looked at where it is read.

/** @throws {Error} for what no writer wrote. */
export function readText(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`a ${typeof value} is where a text should be`);
  return value;
}

/** @throws {Error} for what no writer wrote. */
export function readNumber(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new Error(`a ${typeof value} is where a number should be`);
  }
  return value;
}

/** Epoch ms. @throws {Error} for what no writer wrote. */
export function readTime(value: unknown): number {
  const time = readNumber(value);
  if (Math.abs(time) > maxTime) throw new Error(`${time} is no time`);
  return time;
}

/** @throws {Error} for what no writer wrote. */
export function readList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing');
  return value;
}

/** @throws {Error} for what no writer wrote. */
export function readObject(value: unknown): object {
  if (value === null || typeof value !== 'object') throw new Error('an object is missing');
  return value;
}

/** How many there are of each. @throws {Error} for what no writer wrote. */
export function readCounts(value: unknown): Readonly<Record<string, number>> {
  const counts = readObject(value);
  for (const count of Object.values(counts)) readNumber(count);
  return counts as Readonly<Record<string, number>>;
}
