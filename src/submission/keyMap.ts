/** A power of 2. */
const partCount = 256;
/** Characters at the end of a key that decide which part it is in: numbered keys differ there. */
const charactersLooked = 4;

/**
 * A map by keys or ids whose growth is spread: a single map of a million entries is copied in one turn of the event loop
 * when it doubles, these parts one by one. They are made as they are needed.
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
