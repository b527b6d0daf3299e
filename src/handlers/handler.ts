import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Json } from '../../machines/task.ts';
import { assertFunction, refuse } from '../validation/validation.ts';

// Captured when the library loads: a handler may replace it.
const { hasOwn } = Object;

/** The task that a handler runs. */
export interface HandlerTask {
  readonly id: string;
  readonly key: string;
  readonly batchId: string | null;
  readonly type: string;
  readonly metadata: Json;
}

/** What a handler gets beside its data. */
export interface HandlerContext {
  readonly task: HandlerTask;
  /**
   * The same for every attempt of the task: pass it on as idempotency key. A crash may run a task again whose
   * effect had happened; its completion is counted once all the same.
   */
  readonly key: string;
  /** Integer >= 1. */
  readonly attempt: number;
  readonly workerId: string;
  /** Aborted when the attempt times out or is cancelled, and when the fleet stops. */
  readonly signal: AbortSignal;
  /** Tells subscribers how far it is, at most 1,000 times a second together with `log`; `getTask` has the last value. */
  readonly progress: (value: Json) => void;
  /** Tells subscribers a line, cut at 4,096 characters; `getTask` has the last 20. */
  readonly log: (line: string) => void;
}

/**
 * Does the work of a task.
 *
 * @param data - Its own copy of the task's data: changing it changes nothing for another attempt.
 * @returns What is stored as the result: plain JSON. `{ success: false, error }` fails the attempt like a throw.
 */
// oxlint-disable-next-line typescript/no-explicit-any -- the type of `data` is the handler's to say
export type Handler = (data: any, context: HandlerContext) => unknown;

/** A handler whose data is validated when its task is submitted, as `withSchema` makes it. */
export interface SchemaHandler<TSchema extends StandardSchemaV1 = StandardSchemaV1, TResult = unknown> {
  /** @param data - What the schema has made of what was submitted. */
  (data: StandardSchemaV1.InferOutput<TSchema>, context: HandlerContext): TResult;
  readonly schema: TSchema;
}

/** Handlers by task type. */
export type Handlers = Readonly<Record<string, Handler>>;

/** The type of a task's data as it is submitted: what the handler's schema takes, or as the handler declares it. */
export type DataOf<THandler extends Handler> = [THandler] extends [
  { readonly schema: infer TSchema extends StandardSchemaV1 }
]
  ? StandardSchemaV1.InferInput<TSchema>
  : Parameters<THandler> extends readonly []
    ? unknown
    : Parameters<THandler>[0];

/** Data of any task that the handlers can run. */
export type AnyDataOf<THandlers extends Handlers> = {
  [TType in keyof THandlers & string]: DataOf<THandlers[TType]>;
}[keyof THandlers & string];

/** What any of the handlers resolves with. */
export type AnyResultOf<THandlers extends Handlers> = {
  [TType in keyof THandlers & string]: ResultOf<THandlers[TType]>;
}[keyof THandlers & string];

/** What a task's handler resolves with. */
export type ResultOf<THandler extends Handler> = Awaited<ReturnType<THandler>>;

/** A handler with what comes with it. */
export interface ReadHandler {
  readonly run: Handler;
  /** `undefined`: its data is taken as it comes. */
  readonly schema: StandardSchemaV1 | undefined;
}

/** Reads a handler, with or without a schema. @throws {ValidationError} */
export function readHandler(argument: string, handler: unknown): ReadHandler {
  assertFunction(argument, handler);
  const run = handler as Handler & { readonly schema?: unknown };
  let schema: unknown;
  try {
    // Its own: what is inherited may come from a polluted prototype.
    if (!hasOwn(run, 'schema')) return { run, schema: undefined };
    ({ schema } = run);
  } catch {
    refuse(argument, handler, 'readable; a getter or a Proxy throws');
  }
  if (!isStandardSchema(schema)) refuse(`${argument}.schema`, schema, 'a Standard Schema, version 1');
  return { run, schema };
}

/** Schemas of some libraries are functions. */
function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  try {
    const { version, validate } = (value as StandardSchemaV1)['~standard'];
    return version === 1 && typeof validate === 'function';
  } catch {
    return false;
  }
}
