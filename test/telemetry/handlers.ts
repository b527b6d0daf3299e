import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

/** What code of a handler is part of. */
export function activeSpan(): unknown {
  const { traceId, spanId } = trace.getActiveSpan()?.spanContext() ?? {};
  return { traceId, spanId };
}
