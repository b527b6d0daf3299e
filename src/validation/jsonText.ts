import { limits } from './limits.ts';
import { show, showKey } from './show.ts';

// Captured when the library loads: a handler may replace them.
export const { parse: parseJson, stringify: stringifyJson } = JSON;
const { getPrototypeOf, hasOwn, keys, prototype: objectPrototype } = Object;

/** Why a value cannot be stored, and where in it. */
export class NotJsonError extends Error {
  /** Path from the root, such as `result.rows[3].at`. */
  readonly path: string;
  /** Begins with `is`. */
  readonly reason: string;
  /** JSON could hold it, but it is more than is stored together. */
  readonly isTooLarge: boolean;

  constructor(path: string, reason: string, { isTooLarge = false, cause }: NotJsonOptions = {}) {
    super(`${path} ${reason}`, { cause });
    this.path = path;
    this.reason = reason;
    this.isTooLarge = isTooLarge;
  }

  override get name(): string {
    return 'NotJsonError';
  }
}

interface NotJsonOptions {
  readonly isTooLarge?: boolean;
  readonly cause?: unknown;
}

/**
 * The JSON text of a value that JSON can hold without loss.
 *
 * `JSON.stringify` changes what it cannot hold (a Date becomes a string, NaN null, a Map `{}`) and throws on
 * depth and cycles; what is stored here must come back as it was, so all of that is refused, by its path. A
 * property that is `undefined` is left out, and -0 is 0, as JSON has neither. Each property is read once.
 *
 * @param name - What the path begins with.
 * @throws {NotJsonError} for what JSON cannot hold, what cannot be read because a getter or a Proxy throws, and
 * what is beyond the `json…` fields of {@link limits}.
 */
export function toJsonText(value: unknown, name: string): string {
  return new Writer(name).text(value);
}

class Writer {
  readonly #name: string;
  /** The way to the value that is being written: indices and keys. */
  readonly #steps: (number | string)[] = [];
  readonly #ancestors: object[] = [];
  #values = 0;
  #length = 0;

  constructor(name: string) {
    this.#name = name;
  }

  text(value: unknown): string {
    let text: string;
    try {
      text = this.#write(value);
    } catch (error) {
      if (error instanceof NotJsonError) throw error;
      const reason = 'is unreadable: a getter or a Proxy throws';
      throw new NotJsonError(this.#path(), reason, { cause: error });
    }
    // A character takes at most 3 bytes, so most texts need no count.
    if (text.length * 3 > limits.jsonBytes && Buffer.byteLength(text) > limits.jsonBytes) this.#refuseSize();
    return text;
  }

  #write(value: unknown): string {
    if (++this.#values > limits.jsonValues) {
      this.#refuse(`is value number ${this.#values}, more than are stored together`, true);
    }
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        if (!Number.isFinite(value)) this.#refuse(`is ${value}, which JSON has not`);
        return String(value);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        return value === null ? 'null' : this.#container(value);
      default:
        return this.#refuse(`is ${show(value)}, which JSON has not`);
    }
  }

  #string(value: string): string {
    this.#length += value.length;
    if (this.#length > limits.jsonBytes) this.#refuseSize();
    return stringifyJson(value);
  }

  #container(value: object): string {
    const depth = this.#ancestors.length;
    if (depth >= limits.jsonDepth) this.#refuse(`is nested deeper than ${limits.jsonDepth} levels`, true);
    if (this.#ancestors.includes(value)) this.#refuse('is an object that contains itself');
    this.#ancestors.push(value);
    const text = Array.isArray(value) ? this.#array(value) : this.#object(value);
    this.#ancestors.pop();
    return text;
  }

  #array(values: readonly unknown[]): string {
    const { length } = values;
    const at = this.#steps.push(0) - 1;
    let text = '';
    for (let index = 0; index < length; index++) {
      this.#steps[at] = index;
      text += `${index === 0 ? '' : ','}${this.#write(values[index])}`;
    }
    this.#steps.pop();
    return `[${text}]`;
  }

  #object(value: object): string {
    const prototype: unknown = getPrototypeOf(value);
    if (prototype !== null && prototype !== objectPrototype && !isForeignObjectPrototype(prototype)) {
      this.#refuse(`is ${show(value)}, not a plain object; store its data instead`);
    }
    const names = keys(value);
    const at = this.#steps.push('') - 1;
    let text = '';
    for (const key of names) {
      this.#steps[at] = key;
      const property = (value as Record<string, unknown>)[key];
      if (property === undefined) continue;
      text += `${text === '' ? '' : ','}${this.#string(key)}:${this.#write(property)}`;
    }
    this.#steps.pop();
    return `{${text}}`;
  }

  /** It is the whole that is too large, not the value at which that is noticed. */
  #refuseSize(): never {
    this.#steps.length = 0;
    this.#refuse(
      `is larger than ${limits.jsonBytes} bytes of JSON; store it elsewhere and pass a reference`,
      true
    );
  }

  #refuse(reason: string, isTooLarge = false): never {
    throw new NotJsonError(this.#path(), reason, { isTooLarge });
  }

  /** Made only for an error: most values are good. */
  #path(): string {
    const steps = this.#steps.map((step) => (typeof step === 'number' ? `[${step}]` : showKey(step)));
    return `${this.#name}${steps.join('')}`;
  }
}

/** The root prototype of another realm: a value from a `vm` context or another frame. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return getPrototypeOf(prototype) === null && hasOwn(prototype as object, 'isPrototypeOf');
}
