import type { Outcome, TaskError } from '../../machines/task.ts';
import { NonRetryableError, SelfAwaitError } from '../errors.ts';
import { NotJsonError, toJsonText } from '../validation/jsonText.ts';
import { limits } from '../validation/limits.ts';
import { show } from '../validation/show.ts';

const unexplained = 'The handler returned { success: false } without an error';

/** Decides whether another attempt may help. */
export type ShouldRetry = (error: unknown) => boolean;

/**
 * What a handler returned, as an outcome: `{ success: false, error }` is a failure like a throw, and a result
 * that cannot be stored is a failure that no retry mends. Never throws.
 */
export function outcomeOf(returned: unknown, shouldRetry: ShouldRetry): Outcome {
  try {
    if (returned === undefined) return { status: 'completed', result: null };
    if (isFailure(returned)) return failedOutcome(returned.error ?? unexplained, shouldRetry);
    return { status: 'completed', result: toJsonText(returned, 'result') };
  } catch (error) {
    return { status: 'failed', error: unstorable(error) };
  }
}

/** What a handler threw, as an outcome. Never throws, whatever was thrown. */
export function failedOutcome(
  thrown: unknown,
  shouldRetry: ShouldRetry
): Extract<Outcome, { status: 'failed' }> {
  return { status: 'failed', error: taskErrorOf(thrown, shouldRetry) };
}

/** Anything thrown, as bounded data. Every field is read guarded: a getter of it may throw. */
export function taskErrorOf(thrown: unknown, shouldRetry: ShouldRetry): TaskError {
  const retryable = isRetryable(thrown, shouldRetry);
  if (typeof thrown !== 'object' || thrown === null) {
    const message = typeof thrown === 'string' ? thrown : `The handler threw ${show(thrown)}`;
    return { name: 'Error', message: bounded(message, limits.errorMessage), retryable };
  }
  const stack = readString(thrown, 'stack');
  const code = readString(thrown, 'code');
  return {
    name: bounded(readString(thrown, 'name') ?? 'Error', limits.errorName),
    message: bounded(
      readString(thrown, 'message') ?? `The handler threw ${show(thrown)}`,
      limits.errorMessage
    ),
    ...(stack !== undefined && { stack: bounded(stack, limits.errorStack) }),
    ...(code !== undefined && { code: bounded(code, limits.errorName) }),
    retryable
  };
}

/** Whether it says that another attempt cannot help, also where the handlers have its class from another copy of the library. */
export function hasNonRetryableCode(thrown: unknown): boolean {
  return (thrown as { code?: unknown } | null)?.code === 'ERR_NON_RETRYABLE';
}

/** An error that came as data, to be a cause. */
export function errorOf({ name, message, stack, code }: TaskError): Error {
  return Object.assign(new Error(message), { name, stack, ...(code !== undefined && { code }) });
}

/** Text that every store gives back as it is: NUL ends a text in some, and half a character is none in UTF-8. */
function bounded(text: string, length: number): string {
  return text.slice(0, length).replace(/[\0\p{Cs}]/gu, '\ufffd');
}

function isFailure(returned: unknown): returned is { success: false; error?: unknown } {
  return (
    typeof returned === 'object' && returned !== null && 'success' in returned && returned.success === false
  );
}

function isRetryable(thrown: unknown, shouldRetry: ShouldRetry): boolean {
  try {
    // A handler that waits for itself will do so again.
    const isFinal = thrown instanceof NonRetryableError || thrown instanceof SelfAwaitError;
    return !isFinal && Boolean(shouldRetry(thrown));
  } catch {
    // A hook that fails must not decide that a task is lost.
    return true;
  }
}

function readString(source: object, field: string): string | undefined {
  try {
    const value: unknown = (source as Record<string, unknown>)[field];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

function unstorable(error: unknown): TaskError {
  const [reason, isTooLarge] =
    error instanceof NotJsonError
      ? [error.message, error.isTooLarge]
      : ['result is unreadable: a getter or a Proxy throws', false];
  return {
    name: isTooLarge ? 'ResultTooLargeError' : 'ResultNotSerializableError',
    message: `${reason.slice(0, limits.errorMessage - 100)}. Return what JSON can hold`,
    code: isTooLarge ? 'ERR_RESULT_TOO_LARGE' : 'ERR_RESULT_NOT_SERIALIZABLE',
    retryable: false
  };
}
