import { types } from 'node:util';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Clock } from '../clock.ts';
import { TimeoutError, ValidationError, type SchemaIssue } from '../errors.ts';
import { waitWithin } from '../fleet/waiting.ts';
import { readHandler, type HandlerContext, type SchemaHandler } from '../handlers/handler.ts';
import { limits } from '../validation/limits.ts';
import { escapeControls, quote, show, showKey } from '../validation/show.ts';

/**
 * A handler whose data is validated when its task is submitted.
 *
 * Whoever submits gives what the schema takes; what is stored, and what `run` gets, is what the schema makes of it,
 * defaults and transforms included. That has to be JSON, and has to be the same for the same input: a batch that is
 * submitted again is compared with what is stored.
 *
 * @param schema - Of any library that implements Standard Schema, such as zod, valibot or arktype.
 * @throws {ValidationError}
 * @see https://standardschema.dev
 */
export function withSchema<TSchema extends StandardSchemaV1, TResult>(
  schema: TSchema,
  run: (data: StandardSchemaV1.InferOutput<TSchema>, context: HandlerContext) => TResult
): SchemaHandler<TSchema, TResult> {
  const handler: SchemaHandler<TSchema, TResult> = Object.assign(
    (data: StandardSchemaV1.InferOutput<TSchema>, context: HandlerContext) => run(data, context),
    { schema }
  );
  readHandler('run', run);
  readHandler('handler', handler);
  return handler;
}

/**
 * What the data of a task becomes before it is stored. A promise where its schema takes its time; rejects, or throws,
 * with a {@link ValidationError}.
 */
export type DataReader = (type: string, data: unknown, argument: string) => unknown;

/** Takes data without a look at it. */
export const asItIs: DataReader = (_, data) => data;

/** Whether a reader takes its time. Data that is itself a promise, or a Proxy that throws, is just data. */
export function isToCome(read: unknown, data: unknown): read is Promise<unknown> {
  return read !== data && types.isPromise(read);
}

export interface SchemaOptions {
  /** The schema of a type; `undefined`: it has none. */
  readonly schemaOf: (type: string) => StandardSchemaV1 | undefined;
  readonly clock: Clock;
  /** Ends the wait for a schema that takes its time, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Reads data by the schemas of its types. What a schema throws is a {@link ValidationError} with that as its cause. */
export function dataReader({ schemaOf, clock, signal }: SchemaOptions): DataReader {
  return (type, data, argument) => {
    const schema = schemaOf(type);
    if (schema === undefined) return data;
    const subject: Subject = { type, data, argument };
    try {
      const result = schema['~standard'].validate(data);
      if (!isThenable(result)) return outputOf(result, subject);
      return settle(Promise.resolve(result), subject, clock, signal);
    } catch (error) {
      throw asValidationError(error, subject);
    }
  };
}

interface Subject {
  readonly type: string;
  readonly data: unknown;
  /** Path of the data, such as `tasks[3].data`. */
  readonly argument: string;
}

/** Issues that an error names. */
const maxIssues = 10;
/** Steps of the path of an issue, and characters of its message; cut. */
const maxSteps = 20;
const maxMessage = 200;

/** Waits for a schema, but not for ever. */
async function settle(
  result: Promise<unknown>,
  subject: Subject,
  clock: Clock,
  signal: AbortSignal | undefined
): Promise<unknown> {
  const output = result
    .then((settled) => outputOf(settled, subject))
    .catch((error: unknown) => Promise.reject(asValidationError(error, subject)));
  const bounds = { timeoutMs: limits.schemaMs, ...(signal && { signal }) };
  try {
    return await waitWithin(`The schema of ${subject.argument}`, bounds, clock, (resolve, reject) => {
      output.then(resolve, reject);
      return { [Symbol.dispose]() {} };
    });
  } catch (error) {
    throw error instanceof TimeoutError ? asValidationError(error, subject) : error;
  }
}

function outputOf(result: unknown, { type, data, argument }: Subject): unknown {
  const { issues, value } = result as { issues?: readonly StandardSchemaV1.Issue[]; value?: unknown };
  if (!issues) return value;
  const read = Array.from(issues.slice(0, maxIssues), readIssue);
  const told = read.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
  const more = issues.length > maxIssues ? `; and ${issues.length - maxIssues} more` : '';
  throw new ValidationError(
    argument,
    show(data),
    `what the schema of ${quote(type)} takes (${told}${more})`,
    {
      issues: read
    }
  );
}

function readIssue({ message, path = [] }: StandardSchemaV1.Issue): SchemaIssue {
  const steps = Array.from(path.slice(0, maxSteps), (step) =>
    stepText(typeof step === 'object' ? step.key : step)
  );
  return { path: steps.join(''), message: escapeControls(oneLine(message)) };
}

function stepText(step: PropertyKey): string {
  return typeof step === 'number' ? `[${step}]` : showKey(String(step));
}

function oneLine(message: string): string {
  const line = message.replaceAll(/\p{Cc}+/gu, ' ');
  return line.length > maxMessage ? `${line.slice(0, maxMessage)}…` : line;
}

/** The schema itself failed: it threw, took too long, or gave what is no result of a schema. */
function asValidationError(error: unknown, { type, data, argument }: Subject): ValidationError {
  if (error instanceof ValidationError) return error;
  const reason = error instanceof Error ? oneLine(error.message) : show(error);
  const allowed = `what the schema of ${quote(type)} can validate; it failed: ${escapeControls(reason)}`;
  return new ValidationError(argument, show(data), allowed, { cause: error });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null)?.then === 'function';
}
