import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { FleetManager } from '../../../src/index.ts';
import { bullmqExecutor, bullmqWorker } from '../../../src/executors/bullmq.ts';
import { followContexts, tracing, within } from '../../telemetry/spans.ts';
import { sharedRedis } from './redisServer.ts';

const redis = sharedRedis();
let following: Disposable;
beforeAll(() => void (following = followContexts()));
afterAll(() => following[Symbol.dispose]());

test('a remote worker runs each attempt in a span of its own, below that of the fleet and above what the handler begins', async ({
  skip
}) => {
  const url = redis.url(skip);
  const { telemetry, tracerProvider, tracer, named } = tracing();
  // As a worker process registers it.
  trace.setGlobalTracerProvider(tracerProvider);
  onTestFinished(() => trace.disable());
  const place = { url, fleet: `traced-${process.pid}` };
  const worker = bullmqWorker({
    ...place,
    concurrency: 2,
    handlers: {
      work: async () => {
        await Promise.resolve();
        tracer.startSpan('query').end();
      },
      fail: () => Promise.reject(Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' }))
    }
  });
  await worker.start();
  onTestFinished(() => worker.stop());
  const fleet = new FleetManager({ executor: bullmqExecutor({ ...place, pollMs: 50 }), telemetry });
  await fleet.start();
  const request = tracer.startSpan('request');
  const batchId = await context.with(within(request), () =>
    fleet.submitBatch([
      { id: 'a', type: 'work', data: null },
      { id: 'b', type: 'fail', data: null, maxRetries: 0 }
    ])
  );
  await fleet.waitForBatch(batchId);
  await fleet.stop();

  const { traceId } = request.spanContext();
  const [sent, ran, query, failed] = [
    named('process work')[0]!,
    named('run work')[0]!,
    named('query')[0]!,
    named('run fail')[0]!
  ];
  expect(ran).toMatchObject({
    parentSpanContext: { traceId, spanId: sent.spanContext().spanId },
    attributes: {
      'messaging.message.id': `${batchId}/a`,
      'xstate_fleet.worker.id': expect.any(String) as string,
      'xstate_fleet.attempt': 1,
      'xstate_fleet.outcome': 'completed'
    }
  });
  expect(query.parentSpanContext).toMatchObject({ traceId, spanId: ran.spanContext().spanId });
  expect(failed).toMatchObject({
    status: { code: SpanStatusCode.ERROR, message: 'no route' },
    attributes: { 'xstate_fleet.outcome': 'failed', 'error.type': 'EHOSTUNREACH' }
  });
  expect(failed.events.map(({ name }) => name)).toEqual(['exception']);
});
