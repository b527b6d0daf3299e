import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { bullmqExecutor, bullmqWorker, type RemoteWorkerEvent } from '../../../src/executors/bullmq.ts';
import { attemptOf, RecordedReports } from '../reports.ts';
import { sharedRedis } from './redisServer.ts';
import { RemoteSide } from './remoteSide.ts';

const redis = sharedRedis();

describe('a remote worker', () => {
  it.for(['drain', 'stop'] as const)(
    'joins nobody after a %s that came while it started',
    async (end, { skip }) => {
      const { worker, events } = workerOf(new RemoteSide(redis.url(skip)));
      const starting = worker.start();
      await worker[end]();
      await starting;
      expect(events.filter(({ type }) => type === 'joined')).toEqual([]);
    }
  );

  it('joins with options of ioredis that keep a client from connecting, or commands from waiting', async ({
    skip
  }) => {
    const { hostname: host, port } = new URL(redis.url(skip));
    const connection = { host, port: Number(port), lazyConnect: true, enableOfflineQueue: false };
    const fleet = `options-${process.pid}`;
    const worker = bullmqWorker({ connection, fleet, handlers: { untilAborted }, connectTimeoutMs: 5_000 });
    onTestFinished(() => worker.stop());
    await worker.start();
    const executor = bullmqExecutor({ connection, fleet, connectTimeoutMs: 5_000 });
    onTestFinished(() => executor.stop());
    const reports = new RecordedReports();
    await executor.start(reports);
    expect((await reports.first('joined')).worker.workerId).toBe(worker.workerId);
  });

  it('joins once, however often it is started', async ({ skip }) => {
    const { worker, events } = workerOf(new RemoteSide(redis.url(skip)));
    await Promise.all([worker.start(), worker.start()]);
    await worker.start();
    expect(events.map(({ type }) => type)).toEqual(['joined']);
  });

  it('that cannot join says why, and leaves no connection behind', async ({ skip }) => {
    const side = new RemoteSide(redis.url(skip));
    const admin = connected(side.url);
    // It may not subscribe to the channel of its orders.
    await admin.call('ACL', 'SETUSER', side.fleet, 'reset', 'on', '>pw', '~*', '+@all');
    const { worker } = workerOf(side, side.url.replace('redis://', `redis://${side.fleet}:pw@`));
    await expect(worker.start()).rejects.toThrow('NOPERM');
    await vi.waitFor(async () => expect(await admin.client('LIST')).not.toContain(`user=${side.fleet}`));
  });

  it('passes over an order that is none, and obeys the next one', async ({ skip }) => {
    const { worker, side } = await busy(new RemoteSide(redis.url(skip)));
    const client = connected(side.url);
    const orders = `xstate-fleet:${side.fleet}:${worker.workerId}:@aborts`;
    await client.hset(orders, 'some-job', 'no JSON');
    for (const text of ['no JSON', 'null', '{"jobId":"1-1-a"}']) await client.publish(orders, text);
    side.executor.abort({ seq: 1, attempt: 1 }, { kind: 'cancelled', message: 'not wanted' });
    const { outcome } = await side.reports.first('settled', 1);
    expect(outcome).toMatchObject({ error: { message: 'not wanted' } });
  });

  it('that is stopped while it drains ends at once, and so does its drain', async ({ skip }) => {
    const { worker } = await busy(new RemoteSide(redis.url(skip)));
    const draining = worker.drain();
    await worker.stop();
    await expect(draining).resolves.toBeUndefined();
  });

  it('that is crossed out while it drains has ended', async ({ skip }) => {
    const { worker, side, until } = await busy(new RemoteSide(redis.url(skip)));
    const draining = worker.drain();
    await side.executor.stop();
    await connected(side.url).del(`xstate-fleet:${side.fleet}:@workers`);
    await until('crossedOut');
    await expect(draining).resolves.toBeUndefined();
    expect(worker.running).toBe(0);
  });
});

function connected(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}

/** A worker in this process, what it tells, and a wait for that. */
function workerOf(side: RemoteSide, url = side.url) {
  const events: RemoteWorkerEvent[] = [];
  const worker = bullmqWorker({
    url,
    fleet: side.fleet,
    heartbeatMs: 100,
    handlers: { untilAborted }
  });
  const until = (type: RemoteWorkerEvent['type']): Promise<void> =>
    new Promise((resolve) => {
      if (events.some((event) => event.type === type)) return resolve();
      worker.subscribe((event) => event.type === type && resolve());
    });
  worker.subscribe((event) => events.push(event));
  onTestFinished(() => worker.stop());
  return { worker, events, until };
}

/** One that runs a handler which ends when it is aborted. */
async function busy(side: RemoteSide) {
  await side.executor.start(side.reports);
  const made = workerOf(side);
  await made.worker.start();
  await side.reports.first('joined');
  side.executor.dispatch([attemptOf(1, 'untilAborted', null, { workerId: made.worker.workerId })]);
  await side.reports.first('started', 1);
  return { ...made, side };
}

async function untilAborted(_: unknown, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
}
