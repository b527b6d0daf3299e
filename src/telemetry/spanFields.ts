import type * as otelApi from '@opentelemetry/api';
import type { Attributes, Span, SpanContext } from '@opentelemetry/api';
import type { TaskError } from '../../machines/task.ts';

type Api = typeof otelApi;

/** What all spans of messages say. */
export function commonAttributes(operation: 'send' | 'process', fleet: string): Attributes {
  return {
    'messaging.system': 'xstate_fleet',
    'messaging.operation.type': operation,
    'messaging.operation.name': operation,
    'xstate_fleet.fleet': fleet
  };
}

/** A span as other processes name it; `undefined`: nothing collects spans. */
export function traceparentOf(api: Api, context: SpanContext): string | undefined {
  if (!api.isSpanContextValid(context)) return undefined;
  const flags = context.traceFlags.toString(16).padStart(2, '0');
  return `00-${context.traceId}-${context.spanId}-${flags}`;
}

/** Has a span say that what it is of failed. @param at - Epoch ms. Defaults to now. */
export function failSpan(
  api: Api,
  span: Span,
  { name, message, stack, code }: Omit<TaskError, 'retryable'>,
  at?: number
): void {
  span.recordException({ name, message, ...(stack !== undefined && { stack }) }, at);
  span.setAttribute('error.type', code ?? name);
  span.setStatus({ code: api.SpanStatusCode.ERROR, message });
}

/** A tracer that throws disturbs nobody: OpenTelemetry's own log is told. */
export function reportTracer(api: Api, error: unknown): void {
  api.diag.error('xstate-fleet: a span could not be made', error);
}
