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

/** A container around the value that is being written, and those around it. */
interface Container {
  readonly value: object;
  /** 1: nothing is around it. */
  readonly depth: number;
  readonly around: Container | null;
}

class Writer {
  readonly #name: string;
  /** Joined in the end: a text that grew by bits would be kept as the bits. */
  readonly #pieces: string[] = [];
  #values = 0;
  #length = 0;

  constructor(name: string) {
    this.#name = name;
  }

  text(value: unknown): string {
    try {
      this.#write(value, null);
      const text = this.#pieces.join('');
      // A character takes at most 3 bytes, so most texts need no count.
      if (text.length * 3 > limits.jsonBytes && Buffer.byteLength(text) > limits.jsonBytes) refuseSize();
      return text;
    } catch (error) {
      throw asRefusal(error).toError(this.#name);
    }
  }

  #write(value: unknown, around: Container | null): void {
    if (++this.#values > limits.jsonValues) {
      refuse(`is value number ${this.#values}, more than are stored together`, true);
    }
    switch (typeof value) {
      case 'string':
        return this.#string(value);
      case 'number':
        if (!Number.isFinite(value)) refuse(`is ${value}, which JSON has not`);
        return void this.#pieces.push(String(value));
      case 'boolean':
        return void this.#pieces.push(value ? 'true' : 'false');
      case 'object':
        return value === null ? void this.#pieces.push('null') : this.#container(value, around);
      default:
        return refuse(`is ${show(value)}, which JSON has not`);
    }
  }

  #string(value: string): void {
    this.#length += value.length;
    if (this.#length > limits.jsonBytes) refuseSize();
    this.#pieces.push(stringifyJson(value));
  }

  #container(value: object, around: Container | null): void {
    const depth = (around?.depth ?? 0) + 1;
    if (depth > limits.jsonDepth) refuse(`is nested deeper than ${limits.jsonDepth} levels`, true);
    for (let outer = around; outer !== null; outer = outer.around) {
      if (outer.value === value) refuse('is an object that contains itself');
    }
    const own = { value, depth, around };
    if (Array.isArray(value)) this.#array(value, own);
    else this.#object(value, own);
  }

  #array(values: readonly unknown[], own: Container): void {
    const { length } = values;
    this.#pieces.push('[');
    let index = 0;
    try {
      for (; index < length; index++) {
        if (index > 0) this.#pieces.push(',');
        this.#write(values[index], own);
      }
    } catch (error) {
      throw asRefusal(error).at(`[${index}]`);
    }
    this.#pieces.push(']');
  }

  #object(value: object, own: Container): void {
    const prototype: unknown = getPrototypeOf(value);
    if (prototype !== null && prototype !== objectPrototype && !isForeignObjectPrototype(prototype)) {
      refuse(`is ${show(value)}, not a plain object; store its data instead`);
    }
    const names = keys(value);
    let before = '{';
    let name = '';
    try {
      for (name of names) {
        const property = (value as Record<string, unknown>)[name];
        if (property === undefined) continue;
        this.#pieces.push(before);
        this.#string(name);
        this.#pieces.push(':');
        this.#write(property, own);
        before = ',';
      }
    } catch (error) {
      throw asRefusal(error).at(showKey(name));
    }
    this.#pieces.push(before === '{' ? '{}' : '}');
  }
}

/** What is wrong with a value. Its path is told on the way out: most values are good, and need none. */
class Refusal extends Error {
  readonly #reason: string;
  readonly #isTooLarge: boolean;
  /** It is the whole that is too large, not the value at which that is noticed. */
  readonly #isWhole: boolean;
  #path = '';

  constructor(reason: string, { isTooLarge = false, isWhole = false, cause }: RefusalOptions) {
    super(reason, { cause });
    this.#reason = reason;
    this.#isTooLarge = isTooLarge;
    this.#isWhole = isWhole;
  }

  /** @param step - From the container to where it is, such as `[3]` or `.at`. */
  at(step: string): this {
    if (!this.#isWhole) this.#path = `${step}${this.#path}`;
    return this;
  }

  toError(name: string): NotJsonError {
    return new NotJsonError(`${name}${this.#path}`, this.#reason, {
      isTooLarge: this.#isTooLarge,
      cause: this.cause
    });
  }
}

interface RefusalOptions extends NotJsonOptions {
  readonly isWhole?: boolean;
}

function refuse(reason: string, isTooLarge = false): never {
  throw new Refusal(reason, { isTooLarge });
}

function refuseSize(): never {
  const reason = `is larger than ${limits.jsonBytes} bytes of JSON; store it elsewhere and pass a reference`;
  throw new Refusal(reason, { isTooLarge: true, isWhole: true });
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('is unreadable: a getter or a Proxy throws', { cause: error });
}

/** The root prototype of another realm: a value from a `vm` context or another frame. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  return getPrototypeOf(prototype) === null && hasOwn(prototype as object, 'isPrototypeOf');
}
