import type { Json } from '../machines/task.ts';

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

/** Handlers by task type. */
export type Handlers = Readonly<Record<string, Handler>>;

/** The type of a task's data, as its handler declares it. */
export type DataOf<THandler extends Handler> =
  Parameters<THandler> extends readonly [] ? unknown : Parameters<THandler>[0];

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
