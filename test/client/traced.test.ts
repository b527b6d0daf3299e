import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectFleet, FleetManager, memoryStore, ValidationError } from '../../src/index.ts';
import type { RemoteCommand } from '../../src/store.ts';
import { createTelemetry } from '../../src/telemetry.ts';
import { followContexts, tracing, within } from '../telemetry/spans.ts';

let following: Disposable;
beforeAll(() => void (following = followContexts()));
afterAll(() => following[Symbol.dispose]());

/** A fleet, and a client of it that each have telemetry of their own. */
async function connected() {
  const [owner, client, store] = [tracing(), tracing(), memoryStore()];
  const handlers = { work: () => trace.getActiveSpan()?.spanContext().spanId ?? null };
  const fleet = new FleetManager({ name: 'traced', store, handlers, telemetry: owner.telemetry });
  await fleet.start();
  onTestFinished(() => fleet.stop());
  const reached = await connectFleet(store, { name: 'traced', telemetry: client.telemetry });
  onTestFinished(() => reached.close());
  return { owner, client, store, fleet, reached };
}

describe('a traced client', () => {
  it('puts a batch under the span of its caller, and the attempts of its owner under the batch', async () => {
    const { owner, client, reached } = await connected();
    const request = client.tracer.startSpan('request');
    const batchId = await context.with(within(request), () =>
      reached.submitBatch([{ id: 'a', type: 'work', data: null }])
    );
    await reached.waitForBatch(batchId);
    const [sent] = client.named('send batch');
    expect(sent).toMatchObject({
      parentSpanContext: { spanId: request.spanContext().spanId },
      attributes: {
        'xstate_fleet.fleet': 'traced',
        'messaging.message.conversation_id': batchId,
        'messaging.batch.message_count': 1
      }
    });
    const own = { traceId: request.spanContext().traceId, spanId: sent!.spanContext().spanId };
    expect(owner.named('process work')[0]!.parentSpanContext).toMatchObject(own);
    expect(owner.named('settle batch')[0]!.parentSpanContext).toMatchObject(own);
    expect(owner.named('send batch')).toEqual([]);
  });

  it('puts a single task under the span of its caller', async () => {
    const { owner, client, reached } = await connected();
    await reached.submit('work', null, { id: 'one' });
    const [sent] = client.named('send work');
    expect(sent!.attributes['messaging.message.id']).toBe('one');
    expect(owner.named('process work')[0]!.parentSpanContext).toMatchObject({
      traceId: sent!.spanContext().traceId,
      spanId: sent!.spanContext().spanId
    });
  });

  it('has the span of a submission that is refused say so', async () => {
    const { client, reached } = await connected();
    await expect(reached.submit('unknown', null)).rejects.toThrow(ValidationError);
    expect(client.named('send unknown')[0]!.status.code).toBe(SpanStatusCode.ERROR);
  });

  it('traces nothing where its telemetry has no traces', async () => {
    const { owner, store } = await connected();
    const reached = await connectFleet(store, { name: 'traced', telemetry: createTelemetry() });
    onTestFinished(() => reached.close());
    await reached.submit('work', null);
    expect(owner.named('process work')[0]!.parentSpanContext).toBeUndefined();
  });

  it('refuses telemetry that is none', async () => {
    await expect(connectFleet(memoryStore(), { telemetry: {} as never })).rejects.toThrow(
      'it must be made by createTelemetry()'
    );
  });
});

it('a command whose traceparent is none is refused by the owner, before anything is written', async () => {
  const { store, fleet } = await connected();
  const task = { id: 'x', type: 'work', data: null };
  const command: RemoteCommand = { type: 'task.submit', task, traceparent: 'none' };
  await store.sendCommand('traced', { id: 'c', command, sentAt: 0 });
  await expect
    .poll(() => store.readReply('traced', 'c'), { timeout: 60_000 })
    .toMatchObject({
      ok: false,
      code: 'ERR_VALIDATION',
      message: expect.stringContaining('traceparent') as string
    });
  await expect(fleet.getTask('x')).rejects.toThrow('There is no task "x"');
});
