import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ConflictError } from '../errors.ts';
import { showKey } from '../validation/show.ts';
import { assertBoolean, assertId, readFields, readOptions } from '../validation/validation.ts';
import { readHandler, type Handler, type Handlers, type ReadHandler } from './handler.ts';

export interface RegisterOptions {
  /** Whether it takes the place of the type's handler, for attempts that start from now on. Defaults to `false`. */
  readonly replace?: boolean;
}

/** Handlers by task type. More of them may come at any time; none goes. */
export class HandlerRegistry {
  readonly #handlers = new Map<string, ReadHandler>();
  readonly #types = new Set<string>();

  /** @throws {ValidationError} naming the type whose handler is none. */
  constructor(handlers: Handlers = {}) {
    for (const [type, handler] of Object.entries(readFields('options.handlers', handlers))) {
      this.#put(type, readHandler(`options.handlers${showKey(type)}`, handler));
    }
  }

  /** The types that have a handler. The set is live: what is added later shows in it. */
  get types(): ReadonlySet<string> {
    return this.#types;
  }

  get(type: string): Handler | undefined {
    return this.#handlers.get(type)?.run;
  }

  /** By what the data of a type's tasks is read; `undefined`: it is taken as it comes. */
  schemaOf(type: string): StandardSchemaV1 | undefined {
    return this.#handlers.get(type)?.schema;
  }

  /** @throws {ValidationError} @throws {ConflictError} for a type that has one, unless it is to be replaced. */
  add(type: string, handler: Handler, options: RegisterOptions = {}): void {
    assertId('type', type);
    const read = readHandler('handler', handler);
    const { replace = false } = readOptions('options', options, ['replace']);
    assertBoolean('replace', replace);
    if (!replace && this.#handlers.has(type)) {
      throw new ConflictError('handler', type, 'is registered already; pass { replace: true } to replace it');
    }
    this.#put(type, read);
  }

  #put(type: string, handler: ReadHandler): void {
    this.#handlers.set(type, handler);
    this.#types.add(type);
  }
}
