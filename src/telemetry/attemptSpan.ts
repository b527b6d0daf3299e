import type { Attempt } from '../executor.ts';
import { callInTrace, contextOf, openTelemetryApi } from '../executors/attemptTrace.ts';

/** What of an attempt its span says. */
export type TracedAttempt = Pick<Attempt, 'traceparent' | 'key' | 'type' | 'attempt' | 'workerId'>;

/**
 * Calls code of an attempt as part of its trace: what it begins belongs to the span that its fleet began, which may be
 * in another process. Without a `traceparent`, or without `@opentelemetry/api`, it is only called.
 */
export function inAttemptTrace<TResult>(attempt: Pick<Attempt, 'traceparent'>, run: () => TResult): TResult {
  return callInTrace(attempt, run);
}

/**
 * Runs an attempt that came from another machine, within a span of its own: its times here, beside those of the fleet,
 * in which the way here and back is. What it throws or rejects with fails the span, and is thrown on.
 */
export function withAttemptSpan<TResult>(attempt: TracedAttempt, run: () => TResult): TResult {
  const { traceparent, key, type, workerId } = attempt;
  const api = traceparent === undefined ? null : openTelemetryApi();
  const parent = api === null ? null : contextOf(api, traceparent!);
  if (api === null || parent === null) return run();
  const span = api.trace.getTracer('xstate-fleet').startSpan(
    `run ${type}`,
    {
      kind: api.SpanKind.CONSUMER,
      attributes: {
        'messaging.system': 'xstate_fleet',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'run',
        'messaging.destination.name': type,
        'messaging.message.id': key,
        'xstate_fleet.worker.id': workerId,
        'xstate_fleet.attempt': attempt.attempt
      }
    },
    parent
  );
  const fail = (error: unknown): never => {
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: api.SpanStatusCode.ERROR });
    span.end();
    throw error;
  };
  let returned: TResult;
  try {
    returned = api.context.with(api.trace.setSpan(parent, span), run);
  } catch (error) {
    return fail(error);
  }
  if (!(returned instanceof Promise)) {
    span.end();
    return returned;
  }
  const ended = returned.then((value: unknown) => {
    span.end();
    return value;
  }, fail);
  return ended as TResult;
}
