import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  AlwaysOffSampler,
  ParentBasedSampler,
  TraceIdRatioBasedSampler
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { memoryStore, threads } from '../../src/index.ts';
import { inAttemptTrace, withAttemptSpan } from '../../src/telemetry.ts';
import { gate, settled, startFleet } from '../harness.ts';
import { removePaths, temporaryPath } from '../stores/directory.ts';
import { followContexts, outcomesOf, tracing, within } from './spans.ts';

let following: Disposable;
beforeAll(() => void (following = followContexts()));
afterAll(() => {
  following[Symbol.dispose]();
  removePaths();
});

describe('a traced fleet', () => {
  it('puts the submission under the span of its caller, and the attempt under the submission', async () => {
    const { telemetry, tracer, named } = tracing();
    const { fleet } = await startFleet({
      telemetry,
      handlers: { greet: (name: string) => `Hello, ${name}` }
    });
    const request = tracer.startSpan('request');
    await context.with(within(request), () => fleet.submit('greet', 'you', { id: 'a' }));
    await fleet.stop();

    const [sent] = named('send greet');
    const [attempt] = named('process greet');
    expect(sent).toMatchObject({
      kind: SpanKind.PRODUCER,
      parentSpanContext: { spanId: request.spanContext().spanId },
      attributes: {
        'messaging.system': 'xstate_fleet',
        'messaging.operation.type': 'send',
        'messaging.destination.name': 'greet',
        'messaging.message.id': 'a',
        'xstate_fleet.fleet': 'test'
      }
    });
    expect(attempt).toMatchObject({
      kind: SpanKind.CONSUMER,
      parentSpanContext: { spanId: sent!.spanContext().spanId, traceId: request.spanContext().traceId },
      attributes: {
        'messaging.operation.type': 'process',
        'messaging.message.id': 'a',
        'xstate_fleet.attempt': 1,
        'xstate_fleet.outcome': 'completed',
        'xstate_fleet.task.state': 'completed'
      }
    });
    expect(attempt!.attributes['xstate_fleet.worker.id']).toEqual(expect.any(String));
  });

  it('has the span of the attempt active in its handler, so that what that begins is part of it', async () => {
    const { telemetry, tracer, named } = tracing();
    const handlers = {
      work: async () => {
        await Promise.resolve();
        trace.getActiveSpan()!.setAttribute('mine', true);
        tracer.startSpan('query').end();
      }
    };
    const { fleet } = await startFleet({ telemetry, handlers });
    await fleet.submit('work', null);
    await fleet.stop();
    const [attempt] = named('process work');
    expect(attempt!.attributes['mine']).toBe(true);
    expect(named('query')[0]!.parentSpanContext?.spanId).toBe(attempt!.spanContext().spanId);
  });

  it('shows each attempt of a task that is retried, with its failure and how long it waits', async () => {
    const { telemetry, named } = tracing();
    let calls = 0;
    const handlers = {
      flaky: () => {
        if (++calls === 1) throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
        return calls;
      }
    };
    const { fleet, clock } = await startFleet({ telemetry, handlers });
    const done = fleet.submit('flaky', null);
    await settled();
    await clock.advance(100);
    expect(await done).toBe(2);
    await fleet.stop();
    const [first, second] = named('process flaky');
    expect(first).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'no route' },
      attributes: {
        'xstate_fleet.outcome': 'failed',
        'xstate_fleet.task.state': 'backingOff',
        'xstate_fleet.retry.delay_ms': 100,
        'error.type': 'EHOSTUNREACH'
      }
    });
    expect(first!.events.map(({ name }) => name)).toEqual(['exception']);
    expect(second!.attributes).toMatchObject({
      'xstate_fleet.attempt': 2,
      'xstate_fleet.outcome': 'completed'
    });
    expect(second!.parentSpanContext).toEqual(first!.parentSpanContext);
  });

  it('ends the span of an attempt that times out, though its handler hangs', async () => {
    const { telemetry, named } = tracing();
    const { fleet, clock } = await startFleet({ telemetry, handlers: { hang: () => new Promise(() => {}) } });
    const view = await fleet.submitAsync('hang', null, { timeoutMs: 50, maxRetries: 0 });
    await settled();
    await clock.advance(50);
    await expect(fleet.waitFor(view.key)).rejects.toThrow('timed out');
    expect(outcomesOf(named('process hang'))).toEqual(['timedOut']);
    await fleet.stop({ graceful: false });
  });

  it('ends the span of an attempt that is cancelled, and calls that no error', async () => {
    const { telemetry, named } = tracing();
    const handlers = {
      wait: (_: null, { signal }: { signal: AbortSignal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        )
    };
    const { fleet } = await startFleet({ telemetry, handlers });
    const { key } = await fleet.submitAsync('wait', null);
    await settled();
    await fleet.cancelTask(key);
    await settled();
    expect(outcomesOf(named('process wait'))).toEqual(['cancelled']);
    expect(named('process wait')[0]!.status.code).toBe(SpanStatusCode.UNSET);
    await fleet.stop();
  });

  it('keeps all attempts of a batch in one trace, and ends it with what became of the batch', async () => {
    const { telemetry, named } = tracing();
    const handlers = { odd: (n: number) => (n % 2 === 0 ? Promise.reject(new Error('even')) : n) };
    const { fleet } = await startFleet({ telemetry, handlers, config: { maxRetries: 0 } });
    const tasks = [1, 2, 3].map((n) => ({ id: `${n}`, type: 'odd' as const, data: n }));
    await fleet.waitForBatch(await fleet.submitBatch(tasks, { batchId: 'b' }));
    await fleet.stop();
    const [sent] = named('send batch');
    expect(sent!.attributes).toMatchObject({
      'messaging.batch.message_count': 3,
      'messaging.message.conversation_id': 'b'
    });
    const parents = [...named('process odd'), ...named('settle batch')].map(
      ({ parentSpanContext }) => parentSpanContext?.spanId
    );
    expect(parents).toEqual(Array.from({ length: 4 }, () => sent!.spanContext().spanId));
    expect(named('settle batch')[0]!.attributes).toMatchObject({
      'xstate_fleet.outcome': 'partial',
      'xstate_fleet.tasks.completed': 2,
      'xstate_fleet.tasks.failed': 1
    });
  });

  it('fails the span of a submission that is refused', async () => {
    const { telemetry, named } = tracing();
    const { fleet } = await startFleet({ telemetry, handlers: { work: () => 1 } });
    await fleet.submitBatch([{ id: 'a', type: 'work', data: 1 }], { batchId: 'b' });
    await expect(fleet.submitBatch([{ id: 'a', type: 'work', data: 2 }], { batchId: 'b' })).rejects.toThrow(
      'exists with another'
    );
    expect(named('send batch').map(({ status }) => status.code)).toEqual([
      SpanStatusCode.UNSET,
      SpanStatusCode.ERROR
    ]);
    await fleet.stop();
  });

  it('begins a trace of its own for each attempt of what nobody traced submitted', async () => {
    const { telemetry, named } = tracing();
    const store = memoryStore();
    const started = await startFleet({ store, handlers: { work: () => 1 } });
    await started.fleet.pause();
    await started.fleet.submitBatch([{ id: 'a', type: 'work', data: 1 }], { batchId: 'b' });
    await started.fleet.stop();
    const { fleet } = await started.restart({ telemetry });
    await fleet.resume();
    await fleet.waitForBatch('b');
    expect(named('process work')[0]!.parentSpanContext).toBeUndefined();
    await fleet.stop();
  });
});

describe.each(['memory', 'sqlite'])('a traced fleet on %s that dies', (kind) => {
  it.each(['batch', 'task'])(
    'shows the lost attempt of a %s, and the next one, in the same trace',
    async (what) => {
      const store = kind === 'memory' ? memoryStore() : sqliteStore(temporaryPath());
      const first = tracing();
      const second = tracing();
      const hanging = gate();
      const started = await startFleet({
        store,
        telemetry: first.telemetry,
        handlers: { work: () => hanging.promise as Promise<unknown> }
      });
      if (what === 'batch') {
        await started.fleet.submitBatch([{ id: 'a', type: 'work', data: 1 }], { batchId: 'b' });
      } else await started.fleet.submitAsync('work', 1, { id: 'b' });
      await expect.poll(async () => (await started.fleet.getStats()).runningTasks).toBe(1);
      await started.crash();
      const { fleet } = await started.restart({
        telemetry: second.telemetry,
        handlers: { work: () => Promise.resolve(2) }
      });
      if (what === 'batch') await fleet.waitForBatch('b');
      else await fleet.waitFor('b');
      await expect
        .poll(() => new Set(outcomesOf(second.named('process work'))))
        .toEqual(new Set(['completed', 'lost']));
      const [sent] = first.named(what === 'batch' ? 'send batch' : 'send work');
      for (const span of second.named('process work')) {
        expect(span.parentSpanContext?.spanId).toBe(sent!.spanContext().spanId);
        expect(span.spanContext().traceId).toBe(sent!.spanContext().traceId);
      }
      const numbers = second
        .named('process work')
        .map(({ attributes }) => attributes['xstate_fleet.attempt']);
      expect(new Set(numbers)).toEqual(new Set([1, 2]));
      await fleet.stop();
      await store.close();
    }
  );
});

describe('sampling', () => {
  const tasks = Array.from({ length: 50 }, (_, index) => ({
    id: `${index}`,
    type: 'work' as const,
    data: index
  }));

  it('makes no span of a batch whose submission is not sampled, nor of what its handlers begin', async () => {
    const { telemetry, tracer, spans } = tracing(new ParentBasedSampler({ root: new AlwaysOffSampler() }));
    const handlers = { work: () => tracer.startSpan('query').end() };
    const { fleet } = await startFleet({ telemetry, handlers });
    await fleet.waitForBatch(await fleet.submitBatch(tasks));
    await fleet.stop();
    expect(spans()).toEqual([]);
  });

  it('takes the decision of its caller', async () => {
    const root = new TraceIdRatioBasedSampler(0);
    const { telemetry, tracer, spans, named } = tracing(new ParentBasedSampler({ root }));
    const { fleet } = await startFleet({ telemetry, handlers: { work: () => 1 } });
    const unsampled = tracer.startSpan('request');
    await context.with(within(unsampled), () => fleet.submit('work', 1));
    expect(spans()).toEqual([]);
    const sampled = trace.wrapSpanContext({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1
    });
    await context.with(within(sampled), () => fleet.submit('work', 1));
    expect(named('process work').map((span) => span.spanContext().traceId)).toEqual([
      '0af7651916cd43dd8448eb211c80319c'
    ]);
    await fleet.stop();
  });
});

describe('an executor elsewhere', () => {
  it('gets the traceparent of the attempt, which code in a thread finds active', async () => {
    const { telemetry, named } = tracing();
    const executor = threads({ module: new URL('handlers.ts', import.meta.url) });
    const { fleet } = await startFleet({ telemetry, executor, config: { maxConcurrentWorkers: 1 } });
    const active = await fleet.submit('activeSpan', null);
    const [attempt] = named('process activeSpan');
    const { traceId, spanId } = attempt!.spanContext();
    expect(active).toEqual({ traceId, spanId });
    await fleet.stop();
  });

  it('puts its own span into the trace, and fails it with its handler', async () => {
    const { tracerProvider, named } = tracing();
    trace.setGlobalTracerProvider(tracerProvider);
    try {
      const attempt = {
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        key: 'b/a',
        type: 'work',
        attempt: 2,
        workerId: 'w1'
      };
      const active = (): string | undefined => trace.getActiveSpan()?.spanContext().spanId;
      expect(inAttemptTrace(attempt, active)).toBe('b7ad6b7169203331');
      expect(withAttemptSpan(attempt, active)).toBe(named('run work')[0]!.spanContext().spanId);
      await expect(withAttemptSpan(attempt, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
      expect(named('run work')[1]).toMatchObject({
        parentSpanContext: { spanId: 'b7ad6b7169203331' },
        status: { code: SpanStatusCode.ERROR }
      });
    } finally {
      trace.disable();
    }
  });

  it('calls what has no traceparent as it is', () => {
    expect(inAttemptTrace({}, () => trace.getActiveSpan())).toBeUndefined();
    expect(inAttemptTrace({ traceparent: 'none' }, () => trace.getActiveSpan())).toBeUndefined();
  });
});
