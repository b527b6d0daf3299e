import type { Outcome, TaskError } from '../../../machines/task.ts';
import { limits } from '../../validation/limits.ts';

/**
 * Reads the outcome that a worker gave as JSON text. What is none, or is beyond the limits, is a failure that says so:
 * whoever can write to Redis may have written it.
 */
export function readOutcome(text: string): Outcome {
  let outcome: { status?: unknown; result?: unknown; error?: unknown };
  try {
    outcome = (JSON.parse(text) ?? {}) as typeof outcome;
    if (outcome.status === 'completed' && isResult(outcome.result)) {
      return { status: 'completed', result: outcome.result };
    }
    if (outcome.status === 'failed' && isError(outcome.error))
      return { status: 'failed', error: readError(outcome.error) };
  } catch {
    // It is none.
  }
  return {
    status: 'failed',
    error: { name: 'Error', message: 'What its worker answered is no outcome', retryable: true }
  };
}

function isResult(result: unknown): result is string | null {
  if (result === null) return true;
  if (typeof result !== 'string' || Buffer.byteLength(result) > limits.jsonBytes) return false;
  JSON.parse(result);
  return true;
}

function isError(error: unknown): error is TaskError {
  const { name, message, stack, code, retryable } = (error ?? {}) as Partial<
    Record<keyof TaskError, unknown>
  >;
  return (
    typeof name === 'string' &&
    typeof message === 'string' &&
    typeof retryable === 'boolean' &&
    [stack, code].every((text) => text === undefined || typeof text === 'string')
  );
}

function readError({ name, message, stack, code, retryable }: TaskError): TaskError {
  return {
    name: name.slice(0, limits.errorName),
    message: message.slice(0, limits.errorMessage),
    ...(stack !== undefined && { stack: stack.slice(0, limits.errorStack) }),
    ...(code !== undefined && { code: code.slice(0, limits.errorName) }),
    retryable
  };
}
