import { ConflictError } from './errors.ts';
import type { Handler, Handlers } from './handler.ts';
import { showKey } from './show.ts';
import { assertBoolean, assertId, readFields, readOptions, refuse } from './validation.ts';

export interface RegisterOptions {
  /** Whether it takes the place of the type's handler, for attempts that start from now on. Defaults to `false`. */
  readonly replace?: boolean;
}

/** Handlers by task type. More of them may come at any time; none goes. */
export class HandlerRegistry {
  readonly #handlers = new Map<string, Handler>();
  readonly #types = new Set<string>();

  /** @throws {ValidationError} naming the type whose handler is none. */
  constructor(handlers: Handlers = {}) {
    for (const [type, handler] of Object.entries(readFields('options.handlers', handlers))) {
      assertHandler(`options.handlers${showKey(type)}`, handler);
      this.#put(type, handler);
    }
  }

  /** The types that have a handler. The set is live: what is added later shows in it. */
  get types(): ReadonlySet<string> {
    return this.#types;
  }

  get(type: string): Handler | undefined {
    return this.#handlers.get(type);
  }

  /** @throws {ValidationError} @throws {ConflictError} for a type that has one, unless it is to be replaced. */
  add(type: string, handler: Handler, options: RegisterOptions = {}): void {
    assertId('type', type);
    assertHandler('handler', handler);
    const { replace = false } = readOptions('options', options, ['replace']);
    assertBoolean('replace', replace);
    if (!replace && this.#handlers.has(type)) {
      throw new ConflictError('handler', type, 'is registered already; pass { replace: true } to replace it');
    }
    this.#put(type, handler);
  }

  #put(type: string, handler: Handler): void {
    this.#handlers.set(type, handler);
    this.#types.add(type);
  }
}

function assertHandler(argument: string, handler: unknown): asserts handler is Handler {
  if (typeof handler !== 'function') refuse(argument, handler, 'a function');
}
