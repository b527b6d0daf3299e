import { ValidationError } from '../errors.ts';
import { toJsonText, type NotJsonError } from './jsonText.ts';
import { limits } from './limits.ts';
import { show, showKey } from './show.ts';

/** Later times are no dates, epoch ms. */
export const lastTime = 8.64e15;

const readAborted = Function.prototype.call.bind(
  // oxlint-disable-next-line typescript/unbound-method -- it is bound to each signal that it is called with
  Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')!.get!
) as (signal: unknown) => boolean;

/** @throws {ValidationError} naming the argument, the value and what is allowed. */
export function refuse(argument: string, value: unknown, allowed: string): never {
  throw new ValidationError(argument, show(value), allowed);
}

export function assertInteger(
  argument: string,
  value: unknown,
  min: number,
  max: number
): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  refuse(argument, value, `an integer from ${min} to ${max}`);
}

export function assertFinite(argument: string, value: unknown): asserts value is number {
  if (!Number.isFinite(value)) refuse(argument, value, 'a finite number');
}

/** @param min - Smallest allowed, ms; `Number.MIN_VALUE`: greater than 0. */
export function assertDuration(argument: string, value: unknown, min: number): asserts value is number {
  if (Number.isFinite(value) && (value as number) >= min && (value as number) <= Number.MAX_SAFE_INTEGER)
    return;
  const bound = min === Number.MIN_VALUE ? 'greater than 0' : `at least ${min}`;
  refuse(argument, value, `a finite number of milliseconds, ${bound}`);
}

export function assertTime(argument: string, value: unknown): asserts value is number {
  if (Number.isFinite(value) && (value as number) >= 0 && (value as number) <= lastTime) return;
  refuse(argument, value, 'a time in epoch milliseconds');
}

export function assertOneOf<const T extends string>(
  argument: string,
  value: unknown,
  allowed: readonly T[]
): asserts value is T {
  if (!allowed.includes(value as T)) refuse(argument, value, `one of ${allowed.join(', ')}`);
}

export function assertText(argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') refuse(argument, value, 'a string');
}

/** @throws {ValidationError} unless it can be the path of a file. */
export function assertPath(argument: string, value: unknown): asserts value is string {
  assertText(argument, value);
  if (value === '' || value.includes('\0')) refuse(argument, value, 'the path of a file');
}

/** @throws {ValidationError} unless it is an AbortSignal itself, not what only looks like one. */
export function assertSignal(value: unknown): asserts value is AbortSignal {
  try {
    // Its brand is looked at: a Proxy of a signal, or an object that inherits from one, cannot be listened to.
    readAborted(value);
  } catch {
    refuse('signal', value, 'an AbortSignal');
  }
}

export function assertBoolean(argument: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') refuse(argument, value, 'true or false');
}

export function assertFunction(argument: string, value: unknown): void {
  if (typeof value !== 'function') refuse(argument, value, 'a function');
}

export function assertPromise(argument: string, value: unknown): asserts value is PromiseLike<unknown> {
  const then: unknown = typeof value === 'object' && value !== null && 'then' in value ? value.then : null;
  if (typeof then !== 'function') refuse(argument, value, 'a promise');
}

export function assertObject(
  argument: string,
  value: unknown
): asserts value is Readonly<Record<string, unknown>> {
  if (!isObject(value)) refuse(argument, value, 'an object');
}

/**
 * The fields of an object that somebody else made, read once: its getters cannot give another value later, and
 * nothing is inherited, so that a polluted prototype adds nothing.
 *
 * @throws {ValidationError} unless it is an object that can be read.
 */
export function readFields<T extends object>(argument: string, value: T): T {
  let fields: T | null;
  try {
    fields = isObject(value) ? Object.assign(new Fields(), value) : null;
  } catch {
    return refuse(argument, value, 'readable; a getter or a Proxy throws');
  }
  return fields ?? refuse(argument, value, 'an object');
}

/**
 * Inherits nothing either, but is no dictionary, as an object with the prototype `null` is: it takes half the time to make
 * and to read.
 */
const Fields = function () {} as unknown as new <T extends object>() => T;
Fields.prototype = Object.create(null) as object;

/** The same. @throws {ValidationError} also for a field that is not known: most often a misspelt option. */
export function readOptions<T extends object>(argument: string, value: T, known: readonly string[]): T {
  const options = readFields(argument, value);
  for (const field of Object.keys(options)) {
    if (known.includes(field)) continue;
    throw new ValidationError(`${argument}${showKey(field)}`, 'no known field', `one of ${known.join(', ')}`);
  }
  return options;
}

/** The fields that say something: one that is `undefined` is as good as left out. */
export function withoutUndefined<T extends object>(
  fields: T
): { [TKey in keyof T]: Exclude<T[TKey], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/**
 * The items of an array as they are now, holes included as `undefined`: nobody can change them any more.
 *
 * @param most - Items that are taken.
 * @param remedy - What to do about more of them.
 */
export function readItems(argument: string, value: unknown, most: number, remedy = 'pass fewer'): unknown[] {
  try {
    // Its length is looked at before it is copied: a sparse array of billions is small.
    if (Array.isArray(value) && value.length <= most) return Array.from(value as unknown[]);
  } catch {
    return refuse(argument, value, 'readable; a getter or a Proxy throws');
  }
  return refuse(argument, value, `an array of at most ${most}; ${remedy}`);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of ASCII, with no blank and no control character: most ids, found good at one look. */
const plainId = new RegExp(`^[!-~]{1,${limits.idBytes}}$`);

/** Whether {@link assertId} takes it, as far as one look tells. */
export function isPlainId(value: unknown): value is string {
  return typeof value === 'string' && plainId.test(value);
}

/** Ids are kept byte for byte. What cannot be kept so, or cannot be told apart on a screen, is refused. */
export function assertId(argument: string, value: unknown): asserts value is string {
  if (isPlainId(value)) return;
  if (typeof value !== 'string') refuse(argument, value, 'a string');
  if (value.trim() === '') refuse(argument, value, 'a string that is not blank');
  if (Buffer.byteLength(value) > limits.idBytes)
    refuse(argument, value, `at most ${limits.idBytes} bytes of UTF-8`);
  if (/[\p{Cc}\p{Cs}]/u.test(value)) {
    refuse(argument, value, 'free of control characters and lone surrogates');
  }
}

/** Ids of batches and of single tasks: a slash separates a batch from its task in a key. */
export function assertIdWithoutSlash(argument: string, value: unknown): asserts value is string {
  assertId(argument, value);
  if (value.includes('/')) refuse(argument, value, 'free of "/", which separates a batch from its tasks');
}

/** @throws {ValidationError} unless it is a task's key: an id, or two with a slash between them. */
export function assertKey(argument: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') refuse(argument, value, 'a string');
  const slash = value.indexOf('/');
  if (slash !== -1) assertId(argument, value.slice(0, slash));
  assertId(argument, value.slice(slash + 1));
}

/** The JSON text of an argument. @throws {ValidationError} by the path of what JSON cannot hold. */
export function jsonTextOf(argument: string, value: unknown): string {
  try {
    return toJsonText(value, argument);
  } catch (error) {
    const { path, reason, isTooLarge } = error as NotJsonError;
    const allowed = isTooLarge ? 'JSON within `limits`' : 'a value that JSON can hold';
    throw new ValidationError(path, reason.replace(/^is /, ''), allowed);
  }
}
