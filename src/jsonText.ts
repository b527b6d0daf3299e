import { show } from './show.ts';

/** Why a value cannot be stored, and where in it. */
export class NotJsonError extends Error {
  /** Path from the root, such as `result.rows[3].at`. */
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`${path} ${reason}`);
    this.path = path;
    this.reason = reason;
  }

  override get name(): string {
    return 'NotJsonError';
  }
}

/** Bounds of what is stored, so that no single value can exhaust the process. */
export const jsonLimits = { maxDepth: 64, maxNodes: 200_000, maxBytes: 1_048_576 } as const;

/**
 * The JSON text of a value that JSON can hold without loss.
 *
 * `JSON.stringify` changes what it cannot hold (a Date becomes a string, NaN null, a Map `{}`) and throws on
 * depth and cycles; what is stored here must come back as it was, so all of that is refused, by its path. A
 * property that is `undefined` is left out, and -0 is 0, as JSON has neither. Each property is read once.
 *
 * @param name - What the path begins with.
 * @throws {NotJsonError} for what JSON cannot hold, more than 64 levels, 200,000 values, or 1 MiB of text.
 */
export function toJsonText(value: unknown, name: string): string {
  const writer = new Writer();
  const text = writer.write(value, name, 0);
  // A character takes at most 3 bytes, so most texts need no count.
  if (text.length * 3 > jsonLimits.maxBytes && Buffer.byteLength(text) > jsonLimits.maxBytes) {
    throw new NotJsonError(name, tooLarge);
  }
  return text;
}

const tooLarge = `is larger than ${jsonLimits.maxBytes} bytes of JSON; store it elsewhere and pass a reference`;

class Writer {
  #nodes = 0;
  #length = 0;
  readonly #ancestors: object[] = [];

  write(value: unknown, path: string, depth: number): string {
    if (++this.#nodes > jsonLimits.maxNodes) {
      throw new NotJsonError(path, `is value number ${this.#nodes}, more than are stored together`);
    }
    switch (typeof value) {
      case 'string':
        return this.#string(value, path);
      case 'number':
        if (!Number.isFinite(value)) throw new NotJsonError(path, `is ${value}, which JSON has not`);
        return String(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        return value === null ? 'null' : this.#container(value, path, depth);
      default:
        throw new NotJsonError(path, `is ${show(value)}, which JSON has not`);
    }
  }

  #string(value: string, path: string): string {
    this.#length += value.length;
    if (this.#length > jsonLimits.maxBytes) throw new NotJsonError(path, tooLarge);
    return JSON.stringify(value);
  }

  #container(value: object, path: string, depth: number): string {
    if (depth >= jsonLimits.maxDepth) {
      throw new NotJsonError(path, `is nested deeper than ${jsonLimits.maxDepth} levels`);
    }
    if (this.#ancestors.includes(value)) throw new NotJsonError(path, 'is an object that contains itself');
    this.#ancestors.push(value);
    const text = Array.isArray(value) ? this.#array(value, path, depth) : this.#object(value, path, depth);
    this.#ancestors.pop();
    return text;
  }

  #array(values: readonly unknown[], path: string, depth: number): string {
    const parts: string[] = [];
    for (let index = 0; index < values.length; index++) {
      parts.push(this.write(values[index], `${path}[${index}]`, depth + 1));
    }
    return `[${parts.join(',')}]`;
  }

  #object(value: object, path: string, depth: number): string {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype && !isForeignObjectPrototype(prototype)) {
      throw new NotJsonError(path, `is ${show(value)}, not a plain object; store its data instead`);
    }
    const parts: string[] = [];
    for (const key of Object.keys(value)) {
      const property = (value as Record<string, unknown>)[key];
      if (property === undefined) continue;
      parts.push(`${this.#string(key, path)}:${this.write(property, `${path}.${key}`, depth + 1)}`);
    }
    return `{${parts.join(',')}}`;
  }
}

/** The root prototype of another realm: a value from a `vm` context or another frame. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}
