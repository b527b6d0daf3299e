import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compiledFolder } from '../../../reliability/compiled.ts';
import { bullmqExecutor } from '../../../src/executors/bullmq.ts';
import { attemptOf, RecordedReports } from '../reports.ts';
import { sharedRedis } from './redisServer.ts';
import { RemoteSide, type WorkerProcess } from './remoteSide.ts';

const redis = sharedRedis();

// It blocks the event loop, which no test of connections is to see.
beforeAll(() => void compiledFolder());

describe('a fleet with remote workers', () => {
  it('is told who has joined, dispatches to it, and hears the outcome', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join({ concurrency: 2, tags: ['gpu'], types: ['echo'] });
    expect(side.reports.of('joined')).toEqual([
      {
        type: 'joined',
        worker: { workerId: worker.workerId, concurrency: 4, tags: ['gpu'], types: ['echo'], problem: null }
      }
    ]);
    dispatch(side, worker, 1, 'echo', { a: [1, 'é', null] });
    const { outcome } = await side.reports.first('settled', 1);
    expect(outcome).toEqual({ status: 'completed', result: '{"a":[1,"é",null]}' });
  });

  it('hears errors whole, progress and lines in order, and what schemas make of data', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    dispatch(side, worker, 1, 'throwIt');
    expect((await side.reports.first('settled', 1)).outcome).toMatchObject({
      status: 'failed',
      error: { name: 'RangeError', message: 'too far', code: 'E_FAR', retryable: true }
    });
    dispatch(side, worker, 2, 'giveUp');
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ error: { retryable: false } });
    dispatch(side, worker, 3, 'unheardOf');
    expect((await side.reports.first('settled', 3)).outcome).toMatchObject({
      error: { code: 'ERR_NON_RETRYABLE', retryable: false }
    });
    const before = side.reports.all.length;
    dispatch(side, worker, 4, 'tell');
    await side.reports.first('settled', 4);
    const told = side.reports.all.slice(before).filter(({ type }) => type !== 'started');
    expect(told).toMatchObject([
      { type: 'progress', value: { percent: 50 } },
      { type: 'log', line: 'a line' },
      { type: 'log', line: 'x'.repeat(4_096) },
      { type: 'settled' }
    ]);
    dispatch(side, worker, 5, 'doubled', '21');
    expect((await side.reports.first('settled', 5)).outcome).toEqual({ status: 'completed', result: '42' });
    dispatch(side, worker, 6, 'doubled', 21);
    expect((await side.reports.first('settled', 6)).outcome).toMatchObject({
      error: {
        code: 'ERR_VALIDATION',
        message: expect.stringContaining('n: is no text') as string,
        retryable: false
      }
    });
  });

  it('settles each of many attempts once, and leaves none of them in Redis', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const workers = await Promise.all([side.join({ concurrency: 5 }), side.join({ concurrency: 5 })]);
    const seqs = Array.from({ length: 1_200 }, (_, index) => index + 1);
    side.executor.dispatch(
      seqs.map((seq) => attemptOf(seq, 'echo', seq, { workerId: workers[seq % 2]!.workerId }))
    );
    await side.reports.untilHolds(() => side.reports.of('settled').length >= seqs.length);
    const told = side.reports.of('settled').map(({ seq }) => seq);
    expect(told.toSorted((left, right) => left - right)).toEqual(seqs);
    const client = connected(side);
    await vi.waitFor(async () => {
      const counts = await Promise.all(
        workers.map(({ workerId }) => client.zcard(`xstate-fleet:${side.fleet}:${workerId}:completed`))
      );
      expect(counts).toEqual([0, 0]);
    }, 20_000);
  });

  it('aborts a handler that runs, with the cause, and tells its one outcome', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    dispatch(side, worker, 1, 'obey');
    await side.reports.first('progress', 1);
    side.executor.abort({ seq: 1, attempt: 2 }, { kind: 'timeout', message: 'not this one' });
    side.executor.abort({ seq: 1, attempt: 1 }, { kind: 'timeout', message: 'too long' });
    side.executor.abort({ seq: 1, attempt: 1 }, { kind: 'cancelled', message: 'again' });
    const { outcome } = await side.reports.first('settled', 1);
    expect(outcome).toEqual({ status: 'completed', result: '"too long"' });
    expect(side.reports.all.map(({ type }) => type)).toEqual(['joined', 'started', 'progress', 'settled']);
  });

  it('aborts a handler also where the message is missed: its worker reads it with its heartbeat', async ({
    skip
  }) => {
    const side = await started(redis.url(skip));
    const client = connected(side);
    const worker = await side.join();
    dispatch(side, worker, 1, 'obey');
    await side.reports.first('progress', 1);
    const jobId = (await client.lrange(`xstate-fleet:${side.fleet}:${worker.workerId}:active`, 0, -1))[0]!;
    await client.hset(
      `xstate-fleet:${side.fleet}:${worker.workerId}:@aborts`,
      jobId,
      JSON.stringify({ kind: 'cancelled', message: 'unheard' })
    );
    expect((await side.reports.first('settled', 1)).outcome).toMatchObject({ result: '"unheard"' });
  });

  it('takes a job back that nobody has begun', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const [worker, file] = [await side.join(), new File()];
    dispatch(side, worker, 1, 'untilFile', file.path);
    await side.reports.first('progress', 1);
    dispatch(side, worker, 2, 'echo');
    side.executor.abort({ seq: 2, attempt: 1 }, { kind: 'cancelled', message: 'no' });
    await side.reports.first('returned', 2);
    file.write();
    await side.reports.first('settled', 1);
    dispatch(side, worker, 3, 'echo');
    await side.reports.first('settled', 3);
    expect(side.reports.of('settled').map(({ seq }) => seq)).toEqual([1, 3]);
  });

  it('takes out what waits in a worker before an abort there sets a place free', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    dispatch(side, worker, 1, 'obey');
    await side.reports.first('progress', 1);
    const waiting = Array.from({ length: 20 }, (_, index) => index + 2);
    for (const seq of waiting) dispatch(side, worker, seq, 'tell');
    await inQueue(side, worker, 'wait', waiting.length);
    for (const seq of [1, ...waiting]) {
      side.executor.abort({ seq, attempt: 1 }, { kind: 'cancelled', message: 'all of them' });
    }
    await side.reports.first('settled', 1);
    await side.reports.untilHolds(() => side.reports.of('returned').length === waiting.length);
    expect(side.reports.of('started').map(({ seq }) => seq)).toEqual([1]);
    expect(side.reports.of('log')).toEqual([]);
  });

  it.for(['the message', 'a heartbeat'] as const)(
    'never calls the handler of an attempt whose worker knows by %s that it is to end',
    async (how, { skip }) => {
      const side = await started(redis.url(skip));
      const [worker, file] = [await side.join(), new File()];
      dispatch(side, worker, 1, 'untilFile', file.path);
      await side.reports.first('progress', 1);
      dispatch(side, worker, 2, 'tell');
      const [jobId] = await inQueue(side, worker, 'wait', 1);
      const client = connected(side);
      const orders = `xstate-fleet:${side.fleet}:${worker.workerId}:@aborts`;
      const cause = { kind: 'cancelled', message: 'not wanted' };
      if (how === 'a heartbeat') {
        await client.hset(orders, jobId!, JSON.stringify(cause));
        // The second renewal from now has begun after the order was there.
        for (let beats = 0; beats < 2; beats++) await renewed(side, worker);
      } else await client.publish(orders, JSON.stringify({ jobId, cause }));
      file.write();
      expect((await side.reports.first('settled', 2)).outcome).toEqual({
        status: 'failed',
        error: { name: 'AbortError', message: 'not wanted', retryable: true }
      });
      expect(side.reports.of('log')).toEqual([]);
      await vi.waitFor(async () => expect(await client.exists(orders)).toBe(0), 20_000);
    }
  );

  it('loses what a killed worker ran, and gets back what it had not begun', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    dispatch(side, worker, 1, 'hang');
    await side.reports.first('progress', 1);
    dispatch(side, worker, 2, 'echo');
    worker.kill('SIGKILL');
    expect((await side.reports.first('workerLost')).workerId).toBe(worker.workerId);
    expect(side.reports.of('lost').map(({ seq }) => seq)).toEqual([1]);
    expect(side.reports.of('returned').map(({ seq }) => seq)).toEqual([2]);
    dispatch(side, worker, 3, 'echo');
    await side.reports.first('returned', 3);
  });

  it('hears a zombie late, which joins under another id', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    dispatch(side, worker, 1, 'obey');
    await side.reports.first('progress', 1);
    worker.kill('SIGSTOP');
    await side.reports.first('workerLost');
    expect(side.reports.of('lost').map(({ seq }) => seq)).toEqual([1]);
    worker.kill('SIGCONT');
    await worker.printed(new RegExp(`crossedOut ${worker.workerId}`));
    await side.reports.untilHolds(() => side.reports.of('joined').length === 2);
    const { workerId } = side.reports.of('joined')[1]!.worker;
    expect(workerId).not.toBe(worker.workerId);
    side.executor.dispatch([attemptOf(2, 'echo', 'again', { workerId })]);
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ status: 'completed' });
  });

  it('gives back what it is to send to a worker that is not there, and then says that it is gone', async ({
    skip
  }) => {
    const side = await started(redis.url(skip));
    const attempts = [1, 2].map((seq) => attemptOf(seq, 'echo', null, { workerId: 'nobody' }));
    side.executor.dispatch(attempts);
    await side.reports.first('workerLost');
    expect(side.reports.all).toEqual([
      { type: 'returned', seq: 1, attempt: 1 },
      { type: 'returned', seq: 2, attempt: 1 },
      { type: 'workerLost', workerId: 'nobody', reason: 'Worker nobody is not there any more' }
    ]);
  });

  it('settles by looking where no event comes', async ({ skip }) => {
    const url = new URL(redis.url(skip));
    const client = new Redis(url.href);
    onTestFinished(() => client.disconnect());
    await client.acl('SETUSER', 'blind', 'on', '>any', '~*', '&*', '+@all', '-xread');
    url.username = 'blind';
    url.password = 'any';
    const side = await started(url.href);
    const worker = await side.join();
    dispatch(side, worker, 1, 'echo', 'seen');
    expect((await side.reports.first('settled', 1)).outcome).toEqual({
      status: 'completed',
      result: '"seen"'
    });
  });

  it('goes on when all connections are cut', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const [worker, file] = [await side.join({ concurrency: 2 }), new File()];
    dispatch(side, worker, 1, 'untilFile', file.path);
    await side.reports.first('progress', 1);
    await connected(side).client('KILL', 'SKIPME', 'yes');
    dispatch(side, worker, 2, 'echo', 'after');
    file.write();
    expect((await side.reports.first('settled', 1)).outcome).toMatchObject({ result: '"found"' });
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ result: '"after"' });
    expect(side.reports.of('lost')).toEqual([]);
    expect(side.reports.of('workerLost')).toEqual([]);
  });

  it('loses everything with a Redis that loses everything, and goes on', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    dispatch(side, worker, 1, 'obey');
    await side.reports.first('progress', 1);
    const client = connected(side);
    const keys = await client.keys(`xstate-fleet:${side.fleet}:*`);
    await client.del(...keys);
    await side.reports.first('lost', 1);
    await side.reports.untilHolds(() => side.reports.of('joined').length === 2);
    const { workerId } = side.reports.of('joined')[1]!.worker;
    side.executor.dispatch([attemptOf(2, 'echo', 'again', { workerId })]);
    expect((await side.reports.first('settled', 2)).outcome).toMatchObject({ status: 'completed' });
  });

  it('finds again what ended, what runs, what waits, and what is lost', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const [worker, ended, file] = [await side.join({ concurrency: 2 }), new File(), new File()];
    dispatch(side, worker, 1, 'untilFile', ended.path);
    dispatch(side, worker, 2, 'untilFile', file.path);
    await side.reports.untilHolds(() => side.reports.of('progress').length === 2);
    dispatch(side, worker, 3, 'untilFile', file.path);
    dispatch(side, worker, 4, 'untilFile', file.path);
    const client = connected(side);
    const queue = `xstate-fleet:${side.fleet}:${worker.workerId}`;
    await vi.waitFor(async () => expect(await client.llen(`${queue}:wait`)).toBe(2), 20_000);
    await side.executor.stop();
    ended.write();
    await vi.waitFor(async () => expect(await client.zcard(`${queue}:completed`)).toBe(1), 20_000);

    await side.restart();
    const { workerId } = worker;
    const held = [1, 2, 3, 4, 5].map((seq) => ({ seq, attempt: 1, workerId }));
    const found = await side.executor.reattach([...held, { seq: 6, attempt: 1, workerId: 'nobody' }]);
    expect(found).toEqual([
      { status: 'settled', outcome: { status: 'completed', result: '"found"' } },
      { status: 'running' },
      { status: 'running' },
      { status: 'running' },
      { status: 'lost' },
      { status: 'lost' }
    ]);
    await side.reports.first('started', 2);
    file.write();
    await Promise.all([2, 3, 4].map((seq) => side.reports.first('settled', seq)));
    expect(
      side.reports
        .of('settled')
        .map(({ seq }) => seq)
        .toSorted((left, right) => left - right)
    ).toEqual([2, 3, 4]);
  });

  it('removes a result that nobody takes for longer than it is to be kept, in a queue where nothing else ends', async ({
    skip
  }) => {
    const side = await started(redis.url(skip));
    const [worker, file] = [await side.join(), new File()];
    dispatch(side, worker, 1, 'untilFile', file.path);
    await side.reports.first('progress', 1);
    await side.executor.stop();
    file.write();
    const client = connected(side);
    const queue = `xstate-fleet:${side.fleet}:${worker.workerId}`;
    await vi.waitFor(async () => expect(await client.zcard(`${queue}:completed`)).toBe(1), 20_000);
    await side.restart({ resultTtlMs: 1_000 });
    await vi.waitFor(async () => {
      expect(await client.exists(`${queue}:completed`)).toBe(0);
      expect(await client.keys(`${queue}:1-1-*`)).toEqual([]);
    }, 20_000);
  });

  it('hands back what a draining worker has not begun, hears the rest, and then that it has left', async ({
    skip
  }) => {
    const side = await started(redis.url(skip));
    const [worker, file] = [await side.join(), new File()];
    dispatch(side, worker, 1, 'untilFile', file.path);
    await side.reports.first('progress', 1);
    dispatch(side, worker, 2, 'echo');
    worker.kill('SIGTERM');
    await side.reports.first('returned', 2);
    dispatch(side, worker, 3, 'echo');
    await side.reports.first('returned', 3);
    file.write();
    await side.reports.first('left');
    expect(await worker.exited).toBe(0);
    expect(side.reports.of('settled').map(({ seq }) => seq)).toEqual([1]);
    expect([...side.reports.of('lost'), ...side.reports.of('workerLost')]).toEqual([]);
  });

  it('gives no task to a worker of another version, and says why', async ({ skip }) => {
    const side = new RemoteSide(redis.url(skip));
    const client = connected(side);
    const entry = {
      workerId: 'old',
      protocol: 99,
      state: 'ready',
      concurrency: 1,
      heartbeatMs: 60_000,
      tags: [],
      types: []
    };
    await client.hset(`xstate-fleet:${side.fleet}:@workers`, 'old', JSON.stringify(entry));
    const [seconds, micros] = await client.time();
    await client.zadd(
      `xstate-fleet:${side.fleet}:@beats`,
      Number(seconds) * 1_000 + Number(micros) / 1_000,
      'old'
    );
    await side.executor.start(side.reports);
    const { worker } = await side.reports.first('joined');
    expect(worker.problem).toBe(
      'It speaks version 99 of the protocol, the fleet version 1: update the older one'
    );
  });

  it('answers a question for a heartbeat by what was heard of the worker', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const worker = await side.join();
    side.executor.probe!(worker.workerId);
    expect(await side.reports.first('heartbeat')).toMatchObject({ workerId: worker.workerId });
  });
});

describe('an executor over BullMQ', () => {
  it.each<[string, object]>([
    ['options.url', { fleet: 'f' }],
    ['options.url', { fleet: 'f', url: 'http://127.0.0.1' }],
    ['options.connection', { fleet: 'f', url: 'redis://127.0.0.1', connection: {} }],
    ['options.connection.keyPrefix', { fleet: 'f', connection: { keyPrefix: 'x' } }],
    ['options.fleet', { fleet: 'a:b', url: 'redis://127.0.0.1' }],
    ['options.prefix', { fleet: 'f', prefix: '', url: 'redis://127.0.0.1' }],
    ['options.backend', { fleet: 'f', backend: 'postgres', url: 'redis://127.0.0.1' }],
    ['options.prefetch', { fleet: 'f', prefetch: -1, url: 'redis://127.0.0.1' }],
    ['options.pollMs', { fleet: 'f', pollMs: 1, url: 'redis://127.0.0.1' }],
    ['options.resultTtl', { fleet: 'f', resultTtl: 1, url: 'redis://127.0.0.1' }]
  ])('refuses a wrong %s', (argument, options) => {
    expect(() => bullmqExecutor(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument }) as Error
    );
  });

  it('says that no Redis answers, and never with its password', async () => {
    const executor = bullmqExecutor({
      url: 'redis://me:secret@127.0.0.1:1',
      fleet: 'f',
      connectTimeoutMs: 200
    });
    const failure = await executor.start(new RecordedReports()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ERR_UNFIT_SERVER', server: 'Redis at redis://127.0.0.1:1' });
    expect(String(failure)).not.toContain('secret');
    await executor.stop();
  });

  it('says at once that Redis does not let it in, and what helps', async ({ skip }) => {
    const url = new URL(redis.url(skip));
    Object.assign(url, { username: 'me', password: 'secret' });
    const executor = bullmqExecutor({ url: url.href, fleet: 'f', connectTimeoutMs: 2 ** 31 - 1 });
    const failure = await executor.start(new RecordedReports()).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'ERR_UNFIT_SERVER',
      message: expect.stringMatching(/WRONGPASS .*; give the user and the password/) as string
    });
    expect(String(failure)).not.toContain('secret');
  });

  it.each([
    ['is too old', 'redis_version:6.2.14', 'it is Redis 6.2.14; use Redis 7 or newer'],
    [
      'is a cluster',
      'redis_version:7.4.0\r\nredis_mode:cluster',
      'it is a cluster; use a Redis of its own, or one behind sentinels'
    ]
  ])('refuses a Redis that %s', async (_, info, reason) => {
    const url = await serverThatSays(info);
    const executor = bullmqExecutor({ url, fleet: 'f' });
    await expect(executor.start(new RecordedReports())).rejects.toMatchObject({
      code: 'ERR_UNFIT_SERVER',
      message: expect.stringContaining(reason) as string
    });
  });

  it('warns of a Redis that drops data when it is full', async ({ skip }) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const side = new RemoteSide(redis.url(skip));
    const client = connected(side);
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await side.executor.start(side.reports);
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('maxmemory-policy allkeys-lru'));
  });
});

async function started(url: string): Promise<RemoteSide> {
  const side = new RemoteSide(url);
  await side.executor.start(side.reports);
  return side;
}

function dispatch(
  side: RemoteSide,
  { workerId }: WorkerProcess,
  seq: number,
  type: string,
  data: unknown = null
): void {
  side.executor.dispatch([attemptOf(seq, type, data as null, { workerId })]);
}

/** Resolves when a list of the worker's queue is that long, with its jobs. */
async function inQueue(
  side: RemoteSide,
  { workerId }: WorkerProcess,
  part: 'wait' | 'active',
  length: number
): Promise<readonly string[]> {
  const client = connected(side);
  return vi.waitFor(async () => {
    const jobIds = await client.lrange(`xstate-fleet:${side.fleet}:${workerId}:${part}`, 0, -1);
    expect(jobIds).toHaveLength(length);
    return jobIds;
  }, 20_000);
}

/** Resolves when the worker has renewed its entry in the registry. */
async function renewed(side: RemoteSide, { workerId }: WorkerProcess): Promise<void> {
  const client = connected(side);
  const beats = `xstate-fleet:${side.fleet}:@beats`;
  const before = await client.zscore(beats, workerId);
  await vi.waitFor(async () => expect(await client.zscore(beats, workerId)).not.toBe(before), 20_000);
}

/** @returns The URL of a server that answers `INFO` with that, and anything else with `OK`. */
async function serverThatSays(info: string): Promise<string> {
  const server = createServer((socket) => {
    socket.on('data', (commands) => {
      for (const command of commands.toString().split(/(?=\*\d+\r\n)/)) {
        socket.write(/\r\ninfo\r\n/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
      }
    });
    socket.on('error', () => {});
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function connected(side: RemoteSide): Redis {
  const client = new Redis(side.url);
  onTestFinished(() => client.disconnect());
  return client;
}

/** A path that handlers wait for. */
class File {
  readonly #folder = mkdtempSync(join(tmpdir(), 'xstate-fleet-bullmq-'));
  readonly path = join(this.#folder, 'now');

  constructor() {
    onTestFinished(() => rmSync(this.#folder, { recursive: true, force: true }));
  }

  write(): void {
    writeFileSync(this.path, '');
  }
}
