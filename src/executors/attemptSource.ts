import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Attempt } from '../executor.ts';
import type { Handler, HandlerContext } from '../handlers/handler.ts';
import type { HandlerRegistry } from '../handlers/handlerRegistry.ts';

/** What runs the attempts of a fleet in this process. */
export interface AttemptSource {
  /** Task types that it can run. `null`: any. */
  readonly types: ReadonlySet<string> | null;
  /** Whether a worker is nothing but an id, which need not be started or stopped. */
  readonly workersAreIds: boolean;
  /** By what the data of a type's tasks is read when they are submitted; `undefined`: it is taken as it comes. */
  schemaOf(type: string): StandardSchemaV1 | undefined;
  /** The code that runs the attempt; `undefined`: there is none. */
  handlerOf(attempt: Attempt): Handler | undefined;
  startWorker(workerId: string): Promise<void | { readonly tags?: readonly string[] }>;
  stopWorker(workerId: string): Promise<void>;
  /** Gives up all workers. */
  stop(): Promise<void>;
}

/** Handlers alone: a worker is nothing but an id. */
export function handlerSource(handlers: HandlerRegistry): AttemptSource {
  return {
    types: handlers.types,
    workersAreIds: true,
    schemaOf: (type) => handlers.schemaOf(type),
    handlerOf: ({ type }) => handlers.get(type),
    startWorker: () => Promise.resolve(),
    stopWorker: () => Promise.resolve(),
    stop: () => Promise.resolve()
  };
}

/** The same, with something awaited before each attempt. @param before - Never throws or rejects. */
export function withBefore(
  source: AttemptSource,
  before: (data: unknown, context: HandlerContext) => Promise<void>
): AttemptSource {
  return {
    types: source.types,
    workersAreIds: source.workersAreIds,
    schemaOf: (type) => source.schemaOf(type),
    handlerOf: (attempt) => {
      const handler = source.handlerOf(attempt);
      return (
        handler &&
        (async (data: unknown, context): Promise<unknown> => {
          await before(data, context);
          return handler(data, context);
        })
      );
    },
    startWorker: (workerId) => source.startWorker(workerId),
    stopWorker: (workerId) => source.stopWorker(workerId),
    stop: () => source.stop()
  };
}
