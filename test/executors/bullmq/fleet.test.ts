import { join } from 'node:path';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { compiledFolder } from '../../../reliability/compiled.ts';
import type { BullmqExecutorOptions } from '../../../src/executors/bullmq.ts';
import { memoryStore, StoreError, type Store } from '../../../src/index.ts';
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { faultyStore, mortal } from '../../harness.ts';
import { FleetSide } from './fleetSide.ts';
import type { Traced } from './handlers.ts';
import { sharedRedis } from './redisServer.ts';

const redis = sharedRedis();

/** How long what is polled for may take on a machine that has other work, ms. */
const patience = { timeout: 60_000, interval: 20 };

// It blocks the event loop, which no test of connections is to see.
beforeAll(() => void compiledFolder());

describe('a fleet over BullMQ, with worker processes', () => {
  it('routes by tags and types, and retries after its backoff', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const gpu = await side.join({ tags: ['gpu'], types: ['told'] });
    const plain = await side.join({ types: ['told', 'traced'] });
    await side.fleet.submitBatch(
      [
        { id: 'tagged', type: 'told', data: null, tags: ['gpu'] },
        { id: 'typed', type: 'traced', data: traced(side) },
        { id: 'third time', type: 'traced', data: traced(side, { ending: 'throwTwice' }), maxRetries: 2 }
      ],
      { batchId: 'b' }
    );
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 3 });
    const results = await resultsOf(side);
    expect(results.get('tagged')).toMatchObject({ result: { workerId: gpu.workerId } });
    expect(results.get('typed')).toMatchObject({ workerId: plain.workerId, attempts: 1 });
    expect(results.get('third time')).toMatchObject({ result: 3, attempts: 3 });
    expect(side.lines()).toEqual(
      expect.arrayContaining(['begun third time 1', 'begun third time 2', 'begun third time 3'])
    );
  });

  it('leaves a task to a worker that comes later, where the one that is there has enough to do', async ({
    skip
  }) => {
    const side = await started(redis.url(skip), () => memoryStore(), { prefetch: undefined });
    const gate = side.gate('now');
    const first = await side.join({ concurrency: 1 });
    const data = traced(side, { gate: gate.path });
    await side.fleet.submitBatch([{ id: 'a', type: 'traced', data }], { batchId: 'a' });
    await vi.waitFor(() => expect(side.lines()).toEqual(['begun a 1']), patience);
    await side.fleet.submitBatch([{ id: 'b', type: 'traced', data }], { batchId: 'b' });
    const second = await side.join({ concurrency: 1 });
    await vi.waitFor(() => expect(side.lines()).toEqual(['begun a 1', 'begun b 1']), patience);
    gate.open();
    await Promise.all([side.fleet.waitForBatch('a'), side.fleet.waitForBatch('b')]);
    const workers = await side.fleet.getWorkers();
    const completed = new Map(workers.map((worker) => [worker.id, worker.completed]));
    expect(completed).toEqual(new Map([first, second].map(({ workerId }) => [workerId, 1])));
  });

  it('gives a fast worker more ahead, beside what it runs at once', async ({ skip }) => {
    const side = await started(redis.url(skip), () => memoryStore(), { prefetch: undefined });
    const { workerId } = await side.join({ concurrency: 2 });
    await vi.waitFor(async () => {
      const workers = await side.fleet.getWorkers();
      expect(workers).toMatchObject([{ id: workerId, concurrency: 2, prefetch: 0 }]);
    }, patience);
    const tasks = Array.from({ length: 500 }, (_, data) => ({ id: `${data}`, type: 'echo', data }));
    await side.fleet.submitBatch(tasks, { batchId: 'b' });
    const ahead = async (): Promise<number> => (await side.fleet.getWorkers())[0]!.prefetch!;
    await vi.waitFor(async () => expect(await ahead()).toBeGreaterThan(2), patience);
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 500 });
    expect(await side.fleet.getWorkers()).toMatchObject([{ concurrency: 2, completed: 500 }]);
  });

  it('arms a timeout when the handler begins, and aborts the handler when it is over', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const gate = side.gate('now');
    await side.join({ concurrency: 1 });
    const never = join(side.folder, 'never');
    await side.fleet.submitBatch(
      [
        { id: 'first', type: 'traced', data: traced(side, { gate: gate.path }) },
        { id: 'waits', type: 'traced', data: traced(side), timeoutMs: 2_000 },
        { id: 'slow', type: 'traced', data: traced(side, { gate: never }), timeoutMs: 300, maxRetries: 0 }
      ],
      { batchId: 'b' }
    );
    await vi.waitFor(() => expect(side.lines()).toEqual(['begun first 1']), patience);
    expect((await side.fleet.getTask({ batchId: 'b', id: 'waits' })).status).toBe('dispatched');
    await vi.waitFor(async () => {
      const { createdAt } = await side.fleet.getTask({ batchId: 'b', id: 'waits' });
      expect(Date.now() - createdAt).toBeGreaterThan(2_000);
    }, patience);
    gate.open();
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 2, failedTasks: 1 });
    expect((await resultsOf(side)).get('waits')).toMatchObject({ attempts: 1 });
    await vi.waitFor(() => expect(side.lines()).toContain('aborted slow 1'), patience);
  });

  it('cancels a batch: what runs is aborted, what waits in a worker never begins', async ({ skip }) => {
    const side = await started(redis.url(skip));
    await side.join({ concurrency: 1 });
    const data = traced(side, { gate: join(side.folder, 'never') });
    await side.fleet.submitBatch(
      ['runs', 'waits', 'queued'].map((id) => ({ id, type: 'traced', data })),
      { batchId: 'b' }
    );
    await vi.waitFor(() => expect(side.lines()).toEqual(['begun runs 1']), patience);
    expect(await side.fleet.cancelBatch('b')).toBe(true);
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ cancelledTasks: 3 });
    await vi.waitFor(() => expect(side.lines()).toEqual(['begun runs 1', 'aborted runs 1']), patience);
    await side.fleet.submit('echo', 'after');
    expect(side.lines()).toHaveLength(2);
  });

  it('runs what a killed worker had once more, elsewhere', async ({ skip }) => {
    const { side, gate, worker: killed } = await running(redis.url(skip));
    killed.kill('SIGKILL');
    const other = await side.join();
    gate.open();
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 1 });
    expect(side.lines()).toEqual(['begun a 1', 'begun a 2']);
    expect((await resultsOf(side)).get('a')).toMatchObject({ attempts: 2, workerId: other.workerId });
  });

  it('takes nothing of a worker that stood still and comes back: it aborts, and joins under a new id', async ({
    skip
  }) => {
    const { side, gate, worker: frozen } = await running(redis.url(skip));
    frozen.kill('SIGSTOP');
    const other = await side.join();
    await vi.waitFor(() => expect(side.lines()).toContain('begun a 2'), patience);
    frozen.kill('SIGCONT');
    const [, rejoined] = await frozen.printed(/crossedOut \S+\njoined (\S+)/);
    expect(rejoined).not.toBe(frozen.workerId);
    await vi.waitFor(() => expect(side.lines()).toContain('aborted a 1'), patience);
    gate.open();
    await side.fleet.waitForBatch('b');
    expect((await resultsOf(side)).get('a')).toMatchObject({ workerId: other.workerId, result: 2 });
    await vi.waitFor(
      async () => expect((await side.fleet.getWorkers()).map(({ id }) => id)).toContain(rejoined),
      patience
    );
  });

  it('gives what a draining worker has not begun to another one, uncharged', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const gate = side.gate('now');
    const drained = await side.join({ concurrency: 1 });
    const data = traced(side, { gate: gate.path });
    await side.fleet.submitBatch(
      ['runs', 'waits'].map((id) => ({ id, type: 'traced', data })),
      { batchId: 'b' }
    );
    await vi.waitFor(() => expect(side.lines()).toEqual(['begun runs 1']), patience);
    drained.kill('SIGTERM');
    await drained.printed(/draining/);
    const other = await side.join({ concurrency: 1 });
    await vi.waitFor(() => expect(side.lines()).toHaveLength(2), patience);
    gate.open();
    await side.fleet.waitForBatch('b');
    expect(await drained.exited).toBe(0);
    const results = await resultsOf(side);
    expect(results.get('runs')).toMatchObject({ workerId: drained.workerId, attempts: 1 });
    expect(results.get('waits')).toMatchObject({ workerId: other.workerId });
    expect((await side.fleet.getStats()).lostAttempts).toBe(0);
  });

  it('gives a task up that ends each worker which runs it, and goes on with the others', async ({ skip }) => {
    const side = await started(redis.url(skip));
    const replace = async (): Promise<void> => {
      const worker = await side.join({ concurrency: 1 });
      void worker.exited.then(() => (isOver ? undefined : replace()));
    };
    let isOver = false;
    await replace();
    await side.fleet.submitBatch(
      [
        { id: 'poison', type: 'traced', data: traced(side, { ending: 'exit' }) },
        { id: 'good', type: 'traced', data: traced(side) }
      ],
      { batchId: 'b' }
    );
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 1, failedTasks: 1 });
    isOver = true;
    expect((await resultsOf(side)).get('poison')).toMatchObject({ failure: { name: 'PoisonTaskError' } });
  });

  it.for(['stops', 'dies'] as const)(
    'runs each task once where the fleet %s and starts again meanwhile',
    async (how, { skip }) => {
      const side = await started(redis.url(skip), sqliteIn);
      const [soon, later] = [side.gate('soon'), side.gate('later')];
      await side.join({ concurrency: 2 });
      const until = (path: string) => traced(side, { gate: path });
      await side.fleet.submitBatch(
        [
          { id: 'ends meanwhile', type: 'traced', data: until(soon.path) },
          { id: 'goes on', type: 'traced', data: until(later.path) },
          { id: 'waits', type: 'traced', data: until(later.path) },
          { id: 'queued', type: 'traced', data: until(later.path) }
        ],
        { batchId: 'b' }
      );
      await vi.waitFor(() => expect(side.lines()).toHaveLength(2), patience);
      await (how === 'stops' ? side.fleet.stop({ graceful: false }) : side.crash());
      soon.open();
      await vi.waitFor(() => expect(side.lines()).toHaveLength(3), patience);
      await side.start({ store: sqliteIn(side) });
      later.open();
      expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 4 });
      expect(side.lines().toSorted()).toEqual([
        'begun ends meanwhile 1',
        'begun goes on 1',
        'begun queued 1',
        'begun waits 1'
      ]);
    }
  );

  it.for<[string, (write: () => Promise<void>) => Promise<void>]>([
    ['is refused', () => Promise.reject(new Error('no room'))],
    [
      'has an unknown outcome, and was written',
      async (write: () => Promise<void>) => {
        await write();
        throw new StoreError('ERR_STORE_IO', 'no answer', 'unknown');
      }
    ]
  ])('keeps a result in Redis until it is committed, also where a commit %s', async ([, fault], { skip }) => {
    const { store, next } = faultyStore();
    const side = await started(redis.url(skip), () => store);
    const gate = side.gate('now');
    const worker = await side.join();
    await side.fleet.submitBatch([{ id: 'a', type: 'traced', data: traced(side, { gate: gate.path }) }], {
      batchId: 'b'
    });
    await vi.waitFor(
      async () => expect((await side.fleet.getTask({ batchId: 'b', id: 'a' })).status).toBe('running'),
      patience
    );
    const client = connected(side);
    const completed = `xstate-fleet:${side.name}:${worker.workerId}:completed`;
    const kept: number[] = [];
    next(async (write) => {
      kept.push(await client.zcard(completed));
      return fault(write);
    });
    gate.open();
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 1 });
    expect(kept).toEqual([1]);
    expect(side.lines()).toEqual(['begun a 1']);
    await vi.waitFor(async () => expect(await client.zcard(completed)).toBe(0), patience);
  });

  it('settles a task once whose result it had, and died before it was committed', async ({ skip }) => {
    const inner = memoryStore();
    const process = mortal(inner);
    const { store, next } = faultyStore(process.store);
    const side = await started(redis.url(skip), () => store);
    const gate = side.gate('now');
    await side.join();
    await side.fleet.submitBatch([{ id: 'a', type: 'traced', data: traced(side, { gate: gate.path }) }], {
      batchId: 'b'
    });
    await vi.waitFor(
      async () => expect((await side.fleet.getTask({ batchId: 'b', id: 'a' })).status).toBe('running'),
      patience
    );
    await new Promise<void>((resolve) => {
      next(() => {
        process.kill();
        resolve();
        return new Promise(() => {});
      });
      gate.open();
    });
    side.fleet.actor.stop();
    await inner.release('whole');
    await side.start({ store: inner });
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 1 });
    expect(side.lines()).toEqual(['begun a 1']);
  });

  it('calls a handler stuck that ignores its abort, and runs the others', async ({ skip }) => {
    const side = await started(redis.url(skip));
    await side.join({ concurrency: 2 });
    await side.fleet.submitBatch(
      [
        { id: 'stuck', type: 'hang', data: null, timeoutMs: 200, maxRetries: 0 },
        ...Array.from({ length: 5 }, (_, index) => ({ id: `${index}`, type: 'echo', data: index }))
      ],
      { batchId: 'b' }
    );
    expect(await side.fleet.waitForBatch('b')).toMatchObject({ completedTasks: 5, failedTasks: 1 });
  });
});

async function started(
  url: string,
  storeOf: (side: FleetSide) => Store = () => memoryStore(),
  ofExecutor: Partial<BullmqExecutorOptions> = {}
): Promise<FleetSide> {
  const side = new FleetSide(url);
  await side.start({ store: storeOf(side) }, ofExecutor);
  return side;
}

/** The same with a worker, which runs the only task until the gate is opened. */
async function running(url: string) {
  const side = await started(url);
  const gate = side.gate('now');
  const worker = await side.join();
  const task = { id: 'a', type: 'traced', data: traced(side, { gate: gate.path }) };
  await side.fleet.submitBatch([task], { batchId: 'b' });
  await vi.waitFor(() => expect(side.lines()).toEqual(['begun a 1']), patience);
  return { side, gate, worker };
}

function sqliteIn({ folder }: FleetSide): Store {
  return sqliteStore(join(folder, 'fleet.db'));
}

function traced({ log }: FleetSide, rest: Omit<Traced, 'log'> = {}): Traced {
  return { log, ...rest };
}

async function resultsOf({ fleet }: FleetSide) {
  return new Map((await fleet.getBatchResults('b')).map((result) => [result.taskId, result]));
}

function connected({ url }: FleetSide): Redis {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  return client;
}
