import { createRequire } from 'node:module';
import type * as otelApi from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import type { Attempt } from '../executor.ts';

type Api = typeof otelApi;

/** Contexts that are kept of submissions, the last ones: all attempts of a batch share one. */
const maxContexts = 1_000;

/** `undefined`: nobody has asked for it. `null`: it is not installed. */
let api: Api | null | undefined;

/** The spans of attempts, of those that were begun in this process. */
const spans = new WeakMap<Attempt, Context>();
const contexts = new Map<string, Context>();

/** OpenTelemetry's API, loaded when it is first asked for; `null`: it is not installed. */
export function openTelemetryApi(): Api | null {
  if (api !== undefined) return api;
  try {
    // At once, as a handler is called: an import would be waited for.
    api = createRequire(import.meta.url)('@opentelemetry/api') as Api;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    api = null;
  }
  return api;
}

/** Has code of an attempt find its span, where both are in this process. */
export function keepSpan(attempt: Attempt, context: Context): void {
  spans.set(attempt, context);
}

/**
 * Calls code of an attempt as part of its trace: the active span is the attempt's. What it is part of elsewhere is known
 * by its `traceparent` alone. Without one, or without OpenTelemetry, it is only called.
 */
export function callInTrace<TArguments extends unknown[], TResult>(
  attempt: Pick<Attempt, 'traceparent'>,
  callback: (...args: TArguments) => TResult,
  ...args: TArguments
): TResult {
  const { traceparent } = attempt;
  const otel = traceparent === undefined ? null : openTelemetryApi();
  if (otel === null) return callback(...args);
  const context = spans.get(attempt as Attempt) ?? contextOf(otel, traceparent!);
  if (context === null) return callback(...args);
  return otel.context.with(context, callback, undefined, ...args);
}

/** What a `traceparent` names, as the parent of spans; `null`: it is none. */
export function contextOf(otel: Api, traceparent: string): Context | null {
  const known = contexts.get(traceparent);
  if (known !== undefined) return known;
  const [, traceId, spanId, flags] =
    /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/.exec(traceparent) ?? [];
  if (traceId === undefined) return null;
  const parent = { traceId, spanId: spanId!, traceFlags: Number.parseInt(flags!, 16), isRemote: true };
  if (!otel.isSpanContextValid(parent)) return null;
  const context = otel.trace.setSpanContext(otel.ROOT_CONTEXT, parent);
  contexts.set(traceparent, context);
  if (contexts.size > maxContexts) contexts.delete(contexts.keys().next().value!);
  return context;
}
