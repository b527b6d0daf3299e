/** A power of 2. */
const partCount = 256;
/** Characters at the end of a key that decide which part it is in: numbered keys differ there. */
const charactersLooked = 4;

/**
 * A map by keys or ids that grows without a pause: one of a million entries holds the event loop for 100 ms when it doubles,
 * each of these parts for less than one. Its parts are made as they are needed.
 */
export class KeyMap<T> {
  readonly #parts = Array.from<Map<string, T> | undefined>({ length: partCount });

  get(key: string): T | undefined {
    return this.#parts[partOf(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.#parts[partOf(key)]?.has(key) ?? false;
  }

  set(key: string, value: T): void {
    const part = partOf(key);
    (this.#parts[part] ??= new Map<string, T>()).set(key, value);
  }

  delete(key: string): void {
    this.#parts[partOf(key)]?.delete(key);
  }
}

function partOf(key: string): number {
  let hash = 0;
  const { length } = key;
  for (let index = Math.max(0, length - charactersLooked); index < length; index++) {
    hash = hash * 31 + key.charCodeAt(index);
  }
  return hash & (partCount - 1);
}
