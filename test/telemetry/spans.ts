import { context, trace, type Context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  AlwaysOnSampler,
  type ReadableSpan,
  type Sampler
} from '@opentelemetry/sdk-trace-base';
import { createTelemetry } from '../../src/telemetry.ts';

/** Spans of one test, and what makes them. */
export function tracing(sampler: Sampler = new ParentBasedSampler({ root: new AlwaysOnSampler() })) {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({
    sampler,
    spanProcessors: [new SimpleSpanProcessor(exporter)]
  });
  const tracer = tracerProvider.getTracer('test');
  return {
    tracerProvider,
    tracer,
    telemetry: createTelemetry({ traces: { tracerProvider } }),
    /** Those that have ended, in the order of their ends. */
    spans: (): readonly ReadableSpan[] => exporter.getFinishedSpans(),
    named: (name: string): readonly ReadableSpan[] =>
      exporter.getFinishedSpans().filter((span) => span.name === name)
  };
}

/** Has the active span follow promises and timers, until it is disposed of. */
export function followContexts(): Disposable {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return { [Symbol.dispose]: () => context.disable() };
}

/** A context in which a span is active. */
export function within(span: ReturnType<typeof trace.getActiveSpan>): Context {
  return trace.setSpan(context.active(), span!);
}

export function outcomesOf(spans: readonly ReadableSpan[]): unknown[] {
  return spans.map(({ attributes }) => attributes['xstate_fleet.outcome']);
}
