import type * as otelApi from '@opentelemetry/api';
import type { Tracer } from '@opentelemetry/api';
import type { TaskError } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import type { SubmissionSpan, SubmissionTraces, Submitted } from '../fleetTelemetry.ts';
import { commonAttributes, failSpan, reportTracer, traceparentOf } from './spanFields.ts';

export interface SubmissionTracingOptions {
  readonly api: typeof otelApi;
  readonly tracer: Tracer;
  /** Name of the fleet that is submitted to. */
  readonly fleet: string;
  readonly clock: Clock;
}

/** The spans of what a process submits to a fleet, its own or another process's: part of what its callers trace. */
export class SubmissionTracing implements SubmissionTraces {
  readonly #options: SubmissionTracingOptions;

  constructor(options: SubmissionTracingOptions) {
    this.#options = options;
  }

  submit(submitted: Submitted): SubmissionSpan {
    try {
      return this.#submit(submitted);
    } catch (error) {
      reportTracer(this.#options.api, error);
      return { traceparent: undefined, end: () => {} };
    }
  }

  #submit(submitted: Submitted): SubmissionSpan {
    const { api, tracer, fleet, clock } = this.#options;
    const { kind } = submitted;
    const span = tracer.startSpan(
      kind === 'task' ? `send ${submitted.type}` : 'send batch',
      {
        kind: api.SpanKind.PRODUCER,
        startTime: clock.now(),
        attributes: {
          ...commonAttributes('send', fleet),
          ...(kind === 'task'
            ? { 'messaging.destination.name': submitted.type }
            : { 'messaging.message.conversation_id': submitted.batchId })
        }
      },
      api.context.active()
    );
    return {
      traceparent: traceparentOf(api, span.spanContext()),
      end: ({ key, tasks, error }) => {
        if (key !== undefined) span.setAttribute('messaging.message.id', key);
        if (tasks !== undefined) span.setAttribute('messaging.batch.message_count', tasks);
        if (error !== undefined) failSpan(api, span, errorOf(error), clock.now());
        span.end(clock.now());
      }
    };
  }
}

function errorOf(thrown: unknown): Omit<TaskError, 'retryable'> {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const { name, message, stack } = thrown;
  const { code } = thrown as { readonly code?: unknown };
  return {
    name,
    message,
    ...(stack !== undefined && { stack }),
    ...(typeof code === 'string' && { code })
  };
}
