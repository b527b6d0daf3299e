import { taskStatuses, type TaskError } from '../../machines/task.ts';
import type { TaskCounts } from '../../machines/batch.ts';
import type { AttemptPolicy } from '../../machines/taskMachine.ts';
import { readList, readNumber, readText, readTime } from './jsonValues.ts';
import type { WordReader, WordWriter } from './words.ts';

/** Characters of an error's message that are recorded. */
const messageLength = 1_024;

/** What a value is written by: its words, and the time that its times are told from. */
export interface Encoding {
  readonly words: WordWriter;
  /** Epoch ms of the turn. */
  readonly at: number;
}

export interface Decoding {
  readonly words: WordReader;
  readonly at: number;
}

/** How one kind of value is written as JSON, and read back. */
interface Cell<T> {
  readonly encode: (value: T, encoding: Encoding) => unknown;
  readonly decode: (cell: unknown, decoding: Decoding) => T;
}

export const number: Cell<number> = {
  encode: (value) => value,
  decode: readNumber
};

/** One that does not come again: written as it is. */
export const text: Cell<string> = {
  encode: (value) => value,
  decode: readText
};

/** 0 where the row is new: cut from the end of a line. */
export const count: Cell<number> = {
  encode: (value) => (value === 0 ? null : value),
  decode: (cell) => readNumber(cell ?? 0)
};

/** A time, as what it is after the turn's. */
export const time: Cell<number> = {
  encode: (value, { at }) => value - at,
  decode: (cell, { at }) => readTime(at + readNumber(cell))
};

export const word: Cell<string> = {
  encode: (value, { words }) => words.write(value),
  decode: (cell, { words }) => words.read(cell)
};

export const counts: Cell<TaskCounts> = {
  encode: (value) => taskStatuses.map((status) => value[status]),
  decode(cell) {
    const all = readList(cell);
    const read = taskStatuses.map((status, index) => [status, readNumber(all[index])]);
    return Object.fromEntries(read) as TaskCounts;
  }
};

/** Without its stack, and its message cut. */
export const error: Cell<TaskError> = {
  encode: ({ name, message, code, retryable }, { words }) => [
    words.write(name),
    message.slice(0, messageLength),
    retryable ? 1 : 0,
    ...(code === undefined ? [] : [words.write(code)])
  ],
  decode(cell, { words }) {
    const [name, message, retryable, code] = readList(cell);
    return {
      name: words.read(name),
      message: readText(message),
      retryable: retryable === 1,
      ...(code !== undefined && { code: words.read(code) })
    };
  }
};

const policyTexts = new WeakMap<AttemptPolicy, string>();

/** One policy holds for thousands of attempts: its text is a word. */
export const policy: Cell<AttemptPolicy> = {
  encode(value, { words }) {
    let text = policyTexts.get(value);
    if (text === undefined) policyTexts.set(value, (text = JSON.stringify(value)));
    return words.write(text);
  },
  decode: (cell, { words }) => JSON.parse(words.read(cell)) as AttemptPolicy
};

/** Numbers of tasks that are waited for: only that there are some is recorded, which is what guards read. */
export const isBlocked: Cell<readonly number[]> = {
  encode: () => 1,
  decode: () => []
};

/** Where there may be nothing. */
export function nullable<T>({ encode, decode }: Cell<T>): Cell<T | null> {
  return {
    encode: (value, encoding) => (value === null ? null : encode(value, encoding)),
    decode: (cell, decoding) => (cell === null || cell === undefined ? null : decode(cell, decoding))
  };
}

/** How the fields of an object are written. */
export type Cells<T> = { readonly [Key in keyof T]: Cell<T[Key]> };

/** The fields of an object as an array, in the order of their cells: nothing at its end is cut. */
export class Fields<T extends object> {
  // Apart and in order: looked through for every step of every row.
  readonly #keys: readonly (keyof T)[];
  readonly #cells: readonly Cell<unknown>[];

  constructor(cells: Cells<T>) {
    this.#keys = Object.keys(cells) as (keyof T)[];
    this.#cells = Object.values(cells);
  }

  encode(value: T, encoding: Encoding): unknown[] {
    const encoded: unknown[] = [];
    let length = 0;
    for (let index = 0; index < this.#keys.length; index++) {
      const cell = this.#cells[index]!.encode(value[this.#keys[index]!], encoding);
      encoded.push(cell);
      if (cell !== null) length = index + 1;
    }
    encoded.length = length;
    return encoded;
  }

  decode(cell: unknown, decoding: Decoding): T {
    const encoded = readList(cell);
    const value: Record<PropertyKey, unknown> = {};
    for (const [index, key] of this.#keys.entries()) {
      value[key] = this.#cells[index]!.decode(encoded[index], decoding);
    }
    return value as T;
  }
}
