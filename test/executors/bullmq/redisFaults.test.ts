import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compiledFolder } from '../../../reliability/compiled.ts';
import { TcpProxy } from '../../../reliability/distributed/tcpProxy.ts';
import { ServerUnavailableError } from '../../servers/program.ts';
import { startRedis } from '../../servers/redis.ts';
import type { Server } from '../../servers/serverProcess.ts';
import { attemptOf } from '../reports.ts';
import { RemoteSide } from './remoteSide.ts';

/** How long what is polled for may take on a machine that has other work, ms. */
const patience = { timeout: 60_000, interval: 20 };

// It blocks the event loop, which no test of connections is to see.
beforeAll(() => void compiledFolder());

describe('a Redis that fails under remote workers', () => {
  it('may be killed and started again with its log: nothing is lost, and each attempt ends once', async ({
    skip
  }) => {
    const redis = await ownRedis(skip);
    const side = new RemoteSide(redis.url);
    await side.executor.start(side.reports);
    const { workerId } = await side.join({ concurrency: 1 });
    side.executor.dispatch([
      attemptOf(1, 'obey', null, { workerId }),
      attemptOf(2, 'echo', 'kept', { workerId })
    ]);
    await side.reports.first('progress', 1);
    await redis.restart();
    side.executor.abort({ seq: 1, attempt: 1 }, { kind: 'timeout', message: 'after it' });
    expect((await side.reports.first('settled', 1)).outcome).toMatchObject({ result: '"after it"' });
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ result: '"kept"' });
    expect(side.reports.of('settled')).toHaveLength(2);
    expect([...side.reports.of('lost'), ...side.reports.of('workerLost')]).toEqual([]);
  });

  it.for(['frozen', 'killed'] as const)('lets an executor stop while it is %s', async (how, { skip }) => {
    const redis = await ownRedis(skip);
    const side = new RemoteSide(redis.url);
    await side.executor.start(side.reports);
    const { workerId } = await side.join();
    if (how === 'frozen') redis.freeze();
    else await redis.kill();
    side.executor.dispatch([attemptOf(1, 'echo', null, { workerId })]);
    await side.executor.stop();
    if (how === 'frozen') redis.thaw();
    expect(side.reports.of('workerLost')).toEqual([]);
  });

  it('that is full, or away, is warned of once, and gets what waited when it is well again', async ({
    skip
  }) => {
    const redis = await ownRedis(skip);
    const side = new RemoteSide(redis.url);
    await side.executor.start(side.reports);
    const { workerId } = await side.join();
    const warnings: string[] = [];
    const keep = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', keep);
    onTestFinished(() => void process.off('warning', keep));
    const about = (what: string): string[] => warnings.filter((warning) => warning.includes(what));
    const client = connected(redis.url);
    await client.config('SET', 'maxmemory', '1');
    side.executor.dispatch([attemptOf(1, 'echo', 'waited', { workerId })]);
    await vi.waitFor(() => expect(about('takes no attempts')).toHaveLength(1), patience);
    expect(about('takes no attempts')[0]).toContain('OOM');
    await client.config('SET', 'maxmemory', '0');
    expect((await side.reports.first('settled', 1)).outcome).toMatchObject({ result: '"waited"' });
    await redis.kill();
    await vi.waitFor(() => expect(about('does not answer')).toHaveLength(1), patience);
    await redis.restart();
    side.executor.dispatch([attemptOf(2, 'echo', null, { workerId })]);
    await side.reports.first('settled', 2);
    expect(about('takes no attempts').length).toBeLessThanOrEqual(2);
    expect(about('does not answer')).toHaveLength(1);
  });

  it('that was away when results were committed forgets them with the next one', async ({ skip }) => {
    const redis = await ownRedis(skip);
    const side = new RemoteSide(redis.url);
    let commit = (): void => {};
    const committed = new Promise<void>((resolve) => (commit = resolve));
    side.reports.nextTurn = () => committed;
    await side.executor.start(side.reports);
    const { workerId } = await side.join();
    side.executor.dispatch([attemptOf(1, 'echo', null, { workerId })]);
    await side.reports.first('settled', 1);
    await redis.kill();
    commit();
    await new Promise<void>((resolve) => setImmediate(resolve));
    await redis.restart();
    side.executor.dispatch([attemptOf(2, 'echo', null, { workerId })]);
    await side.reports.first('settled', 2);
    const client = connected(redis.url);
    const completed = `xstate-fleet:${side.fleet}:${workerId}:completed`;
    await vi.waitFor(async () => expect(await client.zcard(completed)).toBe(0), patience);
  });

  it('that drops a lock has the handler aborted, and the attempt lost', async ({ skip }) => {
    const redis = await ownRedis(skip);
    const side = new RemoteSide(redis.url, { pollMs: 60_000 });
    await side.executor.start(side.reports);
    const worker = side.spawn({ lockDurationMs: 1_000 });
    const workerId = (await worker.printed(/joined (\S+)/))[1]!;
    await side.reports.first('joined');
    side.executor.dispatch([attemptOf(1, 'obey', null, { workerId })]);
    await side.reports.first('progress', 1);
    const client = connected(redis.url);
    const queue = `xstate-fleet:${side.fleet}:${workerId}`;
    const [jobId] = await client.lrange(`${queue}:active`, 0, -1);
    await client.del(`${queue}:${jobId}:lock`);
    expect((await side.reports.first('lost', 1)).reason).toContain('lost its lock');
    // Its place is free again: the handler has obeyed.
    side.executor.dispatch([attemptOf(2, 'echo', 'next', { workerId })]);
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ result: '"next"' });
  });

  it('that is full says so once: nobody is called gone, aborts get through, and it goes on when there is room', async ({
    skip
  }) => {
    const redis = await ownRedis(skip);
    const client = connected(redis.url);
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    const side = new RemoteSide(redis.url);
    await side.executor.start(side.reports);
    const { workerId } = await side.join({ concurrency: 2 });
    for (const seq of [1, 2]) side.executor.dispatch([attemptOf(seq, 'obey', null, { workerId })]);
    await side.reports.untilHolds(() => side.reports.of('progress').length === 2);
    await client.config('SET', 'maxmemory', '1');
    side.executor.dispatch([attemptOf(3, 'echo', 'later', { workerId })]);
    await vi.waitFor(() => expect(warned).toHaveBeenCalled(), patience);
    const beatOf = () => client.zscore(`xstate-fleet:${side.fleet}:@beats`, workerId);
    // More renewals than a worker may miss.
    for (let beats = 0; beats < 8; beats++) {
      const before = await beatOf();
      await vi.waitFor(async () => expect(await beatOf()).not.toBe(before), patience);
    }
    side.executor.abort({ seq: 1, attempt: 1 }, { kind: 'cancelled', message: 'while it is full' });
    expect((await side.reports.first('settled', 1)).outcome).toMatchObject({ result: '"while it is full"' });
    // A worker comes too.
    const other = await side.join();
    await client.config('SET', 'maxmemory', '0');
    expect((await side.reports.first('settled', 3)).outcome).toMatchObject({ result: '"later"' });
    side.executor.dispatch([attemptOf(4, 'echo', 'after', { workerId: other.workerId })]);
    await side.reports.first('settled', 4);
    side.executor.abort({ seq: 2, attempt: 1 }, { kind: 'cancelled', message: 'after it' });
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ result: '"after it"' });
    expect(side.reports.of('settled').map(({ seq }) => seq)).toEqual([1, 3, 4, 2]);
    expect([...side.reports.of('lost'), ...side.reports.of('workerLost')]).toEqual([]);
    expect(warned.mock.calls).toEqual([
      [expect.stringMatching(/^Redis at \S+ takes no attempts of the fleet .*: .*OOM/)]
    ]);
  });

  it('whose answer to a dispatch is lost has the job run once: it is sent again', async ({ skip }) => {
    const redis = await ownRedis(skip);
    await using proxy = await TcpProxy.to(Number(new URL(redis.url).port));
    const side = new RemoteSide(redis.url, { url: `redis://127.0.0.1:${proxy.port}` });
    await side.executor.start(side.reports);
    const { workerId } = await side.join();
    const client = connected(redis.url);
    // Without this one, BullMQ would first wait for what it asks about the server, and send nothing.
    side.executor.dispatch([attemptOf(1, 'echo', 'before', { workerId })]);
    await side.reports.first('settled', 1);
    proxy.drop('toClient');
    side.executor.dispatch([attemptOf(2, 'tell', null, { workerId })]);
    const events = `xstate-fleet:${side.fleet}:${workerId}:events`;
    const told = async () => (await client.xrange(events, '-', '+')).flatMap(([, fields]) => fields);
    await vi.waitFor(async () => expect((await told()).join(' ')).toContain('percent'), patience);
    await proxy.heal();
    await side.reports.first('settled', 2);
    side.executor.dispatch([attemptOf(3, 'echo', 'after', { workerId })]);
    await side.reports.first('settled', 3);
    expect(side.reports.of('settled').map(({ seq }) => seq)).toEqual([1, 2, 3]);
    await side.executor.stop();
  });

  it('that gets a dispatch when its job has ended and is forgotten has it run once', async ({ skip }) => {
    const redis = await ownRedis(skip);
    const side = new RemoteSide(redis.url);
    await side.executor.start(side.reports);
    const { workerId } = await side.join({ concurrency: 1 });
    const client = connected(redis.url);
    const prefix = `xstate-fleet:${side.fleet}`;
    const queue = new Queue(workerId, { connection: connected(redis.url), prefix });
    onTestFinished(() => queue.close());
    const attempt = attemptOf(1, 'obey', null, { workerId });
    side.executor.dispatch([attempt]);
    await side.reports.first('progress', 1);
    const [jobId] = await client.lrange(`${prefix}:${workerId}:active`, 0, -1);
    side.executor.abort({ seq: 1, attempt: 1 }, { kind: 'cancelled', message: 'enough' });
    await side.reports.first('settled', 1);
    await vi.waitFor(
      async () => expect(await client.exists(`${prefix}:${workerId}:${jobId}`)).toBe(0),
      patience
    );

    await queue.add(attempt.type, attempt, { jobId: jobId!, attempts: 1 });
    await vi.waitFor(async () => {
      const job = await queue.getJob(jobId!);
      expect(job?.returnvalue).toMatchObject({
        error: { message: 'It ran before: it was dispatched twice' }
      });
    }, patience);
    expect(side.reports.of('settled').map(({ seq }) => seq)).toEqual([1]);
  });
});

/** One that a test may break. */
async function ownRedis(skip: (reason: string) => never): Promise<Server> {
  const server = await startRedis({ mayFetch: false, isSynced: true }).catch((error: unknown) => {
    if (error instanceof ServerUnavailableError) return skip(error.message);
    throw error;
  });
  onTestFinished(() => server.stop());
  return server;
}

function connected(url: string): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}
