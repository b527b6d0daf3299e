import type * as otelApi from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import type { Outcome } from '../../machines/task.ts';
import type { Attempt } from '../executor.ts';
import { callInTrace, contextOf, keepSpan, openTelemetryApi } from '../executors/attemptTrace.ts';
import { failSpan, reportTracer } from './spanFields.ts';

type Api = typeof otelApi;

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
  const begun = beginSpan(attempt);
  if (begun === null) return run();
  const { api, span, context } = begun;
  const fail = (error: unknown): never => {
    span.recordException(error instanceof Error ? error : String(error));
    span.setStatus({ code: api.SpanStatusCode.ERROR });
    span.end();
    throw error;
  };
  let returned: TResult;
  try {
    returned = api.context.with(context, run);
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

/** The span of an attempt that a worker runs for a fleet elsewhere. */
export interface AttemptSpan {
  /** Has the span be the active one in the code of the attempt. */
  cover(attempt: Attempt): void;
  end(outcome: Outcome): void;
}

/** The same span where whoever runs the attempt has its outcome, and nothing is thrown. `null`: it is not traced. */
export function beginAttemptSpan(attempt: TracedAttempt): AttemptSpan | null {
  const begun = beginSpan(attempt);
  if (begun === null) return null;
  const { api, span, context } = begun;
  return {
    cover: (covered) => keepSpan(covered, context),
    end: (outcome) => {
      if (outcome.status === 'failed') failSpan(api, span, outcome.error);
      span.setAttribute('xstate_fleet.outcome', outcome.status);
      span.end();
    }
  };
}

interface BegunSpan {
  readonly api: Api;
  readonly span: Span;
  /** In which the span is active. */
  readonly context: Context;
}

/** A tracer that throws keeps no attempt from running. */
function beginSpan({ traceparent, key, type, attempt, workerId }: TracedAttempt): BegunSpan | null {
  const api = traceparent === undefined ? null : openTelemetryApi();
  const parent = api === null ? null : contextOf(api, traceparent!);
  if (api === null || parent === null) return null;
  const attributes = {
    'messaging.system': 'xstate_fleet',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'run',
    'messaging.destination.name': type,
    'messaging.message.id': key,
    'xstate_fleet.worker.id': workerId,
    'xstate_fleet.attempt': attempt
  };
  try {
    const { CONSUMER } = api.SpanKind;
    const tracer = api.trace.getTracer('xstate-fleet');
    const span = tracer.startSpan(`run ${type}`, { kind: CONSUMER, attributes }, parent);
    return { api, span, context: api.trace.setSpan(parent, span) };
  } catch (error) {
    reportTracer(api, error);
    return null;
  }
}
