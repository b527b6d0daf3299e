import { describe, expect, it } from 'vitest';
import {
  ConflictError,
  FencedError,
  memoryStore,
  NonRetryableError,
  NotFoundError,
  NotRunningError,
  QueueFullError,
  TaskCancelledError,
  TaskFailedError,
  TaskQueue,
  taskStatuses,
  TimeoutError,
  toSeedStatus,
  ValidationError,
  type DequeueOptions,
  type LeaseRef,
  type Store,
  type TaskQueueOptions
} from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { faultyStore, gate } from '../harness.ts';
import { temporaryPath } from '../stores/directory.ts';
import { startQueue } from './testQueue.ts';

const stores: readonly (readonly [string, () => Store])[] = [
  ['memoryStore', () => memoryStore()],
  ['sqliteStore', () => sqliteStore(temporaryPath(), { durability: 'process' })]
];

describe.each(stores)('TaskQueue on %s', (_, openStore) => {
  it('gives a task to a worker that asks, and completes it with the word of the worker', async () => {
    await using test = await startQueueOn(openStore());
    const { queue, clock } = test;
    const { id, status } = await queue.enqueue('resize', { width: 8 }, { metadata: { from: 'test' } });
    expect(status).toBe('queued');

    const leased = (await queue.dequeue<{ width: number }>('w1'))!;

    expect(leased).toMatchObject({
      id,
      key: id,
      type: 'resize',
      data: { width: 8 },
      metadata: { from: 'test' },
      attempt: 1,
      workerId: 'w1',
      leaseExpiresAt: clock.now() + 1_000
    });
    expect(await queue.getTask(id)).toMatchObject({ status: 'running', workerId: 'w1' });
    expect(await queue.complete(leased, { bytes: 3 })).toBe('completed');
    expect(await queue.getTask(id)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await queue.waitForTask(id)).toEqual({ bytes: 3 });
  });

  it('has everything after a restart: leased tasks come back at once, as the next attempt', async () => {
    const first = await startQueueOn(openStore());
    await first.queue.enqueue('a', 1, { id: 'leased' });
    await first.queue.enqueue('a', 2, { id: 'waiting' });
    const late = (await first.queue.dequeue('w1'))!;
    await first.crash();
    await using second = await first.restart();
    const { queue } = second;

    expect(late.signal.aborted).toBe(true);
    await expect(first.queue.complete(late)).rejects.toThrow(NotRunningError);
    const again = (await queue.dequeue('w2'))!;
    expect(again).toMatchObject({ id: 'leased', attempt: 2 });
    await expect(queue.complete(late, 'late')).rejects.toThrow(FencedError);
    expect(await queue.complete(again, 'in time')).toBe('completed');
    expect(await queue.waitForTask('leased')).toBe('in time');
    expect(await queue.dequeue('w2')).toMatchObject({ id: 'waiting', attempt: 1 });
  });

  it('gives the leased tasks of a hard stop back, uncharged', async () => {
    const first = await startQueueOn(openStore());
    await first.queue.enqueue('a', 1, { id: 'x', maxRetries: 0 });
    const leased = (await first.queue.dequeue('w1'))!;
    await first.queue.stop({ graceful: false });
    await using second = await first.restart();

    expect(leased.signal.aborted).toBe(true);
    expect(await second.queue.getStats()).toMatchObject({ queueSize: 1, leasedTasks: 0, lostLeases: 0 });
    expect(await second.queue.dequeue('w1')).toMatchObject({ id: 'x', attempt: 2 });
  });
});

describe('dequeue', () => {
  it('takes tasks by priority, then in order of submission', async () => {
    await using test = await startQueue();
    const { queue } = test;
    for (const [id, priority] of [
      ['low', 0],
      ['first', 5],
      ['second', 5],
      ['urgent', 20]
    ] as const) {
      await queue.enqueue('a', null, { id, priority });
    }

    const ids: unknown[] = [];
    for (let left = 4; left > 0; left--) ids.push((await queue.dequeue('w'))!.id);

    expect(ids).toEqual(['urgent', 'first', 'second', 'low']);
  });

  it.each([
    ['has a task rise by a point of priority for each ageingMs that it has waited', 100, ['low', 'high']],
    ['takes tasks by priority alone where ageingMs is null', null, ['high', 'low']]
  ])('%s', async (_, ageingMs, order) => {
    await using test = await startQueue({ ageingMs });
    const { queue, clock } = test;
    await queue.enqueue('a', null, { id: 'low', priority: 0 });
    await clock.advance(301);
    await queue.enqueue('a', null, { id: 'high', priority: 3 });

    const ids = [(await queue.dequeue('w'))!.id, (await queue.dequeue('w'))!.id];

    expect(ids).toEqual(order);
  });

  it('serves those who wait in the order in which they came, also the same worker twice', async () => {
    await using test = await startQueue();
    const { queue } = test;
    const waiting = ['w1', 'w1', 'w2', 'w1'].map((workerId) => queue.dequeue(workerId));
    await test.rest();
    for (let id = 0; id < 4; id++) await queue.enqueue('a', null, { id: String(id) });

    const leased = await Promise.all(waiting);

    expect(leased.map((task) => [task!.id, task!.workerId])).toEqual([
      ['0', 'w1'],
      ['1', 'w1'],
      ['2', 'w2'],
      ['3', 'w1']
    ]);
  });

  it('waits for a task that comes later: a delayed one, or a retry after its backoff', async () => {
    await using test = await startQueue();
    const { queue, clock } = test;
    await queue.enqueue('a', null, { id: 'x', delayMs: 500 });
    const startedAt = clock.now();
    const first = queue.dequeue('w1');
    await test.advance(500);
    const leased = (await first)!;
    expect(leased.attempt).toBe(1);
    expect(await queue.fail(leased, new Error('no luck'))).toBe('backingOff');
    const second = queue.dequeue('w2');
    await test.advance(100);

    expect(await second).toMatchObject({ id: 'x', attempt: 2, leaseExpiresAt: startedAt + 600 + 1_000 });
  });

  it.each(['__proto__', 'constructor', 'coordinator', 'alarm', 'fleet', 'worker-1', 'wörker 1'])(
    'may be asked by a worker of the name %j',
    async (workerId) => {
      await using test = await startQueue();
      const { queue } = test;
      await queue.enqueue('a', null, { id: 'x' });
      const leased = (await queue.dequeue(workerId))!;
      expect(await queue.complete(leased)).toBe('completed');
      expect(await queue.getTask('x')).toMatchObject({ workerId });
      const { children } = queue.actor.getSnapshot();
      expect(Object.keys(children).sort()).toEqual(['alarm', 'coordinator']);
    }
  );

  it('looks once with a timeout of 0', async () => {
    await using test = await startQueue();
    const { queue } = test;
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
    await queue.enqueue('a', null, { id: 'x' });
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toMatchObject({ id: 'x' });
    expect(await queue.getStats()).toMatchObject({ waitingWorkers: 0 });
  });

  it('gives null when its time is over, and leaves nothing behind that would take a task', async () => {
    await using test = await startQueue();
    const { queue } = test;
    const waiting = queue.dequeue('w', { timeoutMs: 300 });
    await test.advance(299);
    expect(await queue.getStats()).toMatchObject({ waitingWorkers: 1 });
    await test.advance(1);
    expect(await waiting).toBeNull();
    const { id } = await queue.enqueue('a', null);
    await test.rest();

    expect(await queue.getTask(id)).toMatchObject({ status: 'queued', attempts: 0 });
    expect(test.clock.pending).toBe(0);
  });

  it('rejects with the reason of its signal, before and while it waits', async () => {
    await using test = await startQueue();
    const { queue } = test;
    const controller = new AbortController();
    const waiting = queue.dequeue('w', { signal: controller.signal });
    await test.rest();
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(queue.dequeue('w', { signal: controller.signal })).rejects.toThrow('enough');
    const { id } = await queue.enqueue('a', null);
    await test.rest();
    expect(await queue.getTask(id)).toMatchObject({ attempts: 0 });
  });

  it('waits for a claim that is under way when its time ends', async () => {
    const faulty = faultyStore();
    await using test = await startQueue({ store: faulty.store });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const commit = gate();
    faulty.next(async (write) => {
      await commit.promise;
      await write();
    });
    const waiting = queue.dequeue('w', { timeoutMs: 100 });
    await test.clock.advance(5_000);
    commit.open();

    expect(await waiting).toMatchObject({ id: 'x', attempt: 1 });
  });

  it('gives a claim back, uncharged, whose worker has gone while it was under way', async () => {
    const faulty = faultyStore();
    await using test = await startQueue({ store: faulty.store });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x', maxRetries: 0 });
    const commit = gate();
    faulty.next(async (write) => {
      await commit.promise;
      await write();
    });
    const controller = new AbortController();
    const waiting = queue.dequeue('w1', { signal: controller.signal });
    await test.clock.rest();
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    commit.open();
    const next = (await queue.dequeue('w2'))!;

    expect(next).toMatchObject({ id: 'x', attempt: 2 });
    expect(await queue.getStats()).toMatchObject({ lostLeases: 0, failedTasks: 0 });
    expect(await queue.complete(next)).toBe('completed');
  });

  it('keeps its place when the claim for it is refused by the store', async () => {
    const faulty = faultyStore();
    await using test = await startQueue({ store: faulty.store });
    const { queue } = test;
    const [first, second] = [queue.dequeue('w1'), queue.dequeue('w2')];
    await queue.enqueue('a', null, { id: 'x', startAfter: test.clock.now() + 100 });
    await test.rest();
    faulty.next(() => Promise.reject(new Error('full')));
    await test.advance(500);

    expect(await first).toMatchObject({ id: 'x', attempt: 1 });
    await queue.enqueue('a', null, { id: 'y' });
    expect(await second).toMatchObject({ id: 'y', workerId: 'w2' });
  });

  it('gives only tasks of the types that it is asked for, the others to whoever takes them', async () => {
    await using test = await startQueue();
    const { queue } = test;
    for (const [id, type] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['c1', 'c'],
      ['b2', 'b']
    ] as const) {
      await queue.enqueue(type, null, { id, priority: id === 'a2' ? 10 : 5 });
    }

    expect(await queue.dequeue('w', { types: ['b'], timeoutMs: 0 })).toMatchObject({ id: 'b1' });
    expect(await queue.dequeue('w', { types: ['d'], timeoutMs: 0 })).toBeNull();
    expect(await queue.dequeue('w', { types: ['c', 'a'], timeoutMs: 0 })).toMatchObject({ id: 'a2' });
    await queue.enqueue('a', null, { id: 'a3', priority: 7 });
    expect(await queue.dequeue('w', { types: ['a'], timeoutMs: 0 })).toMatchObject({ id: 'a3' });
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toMatchObject({ id: 'a1' });
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toMatchObject({ id: 'c1' });
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toMatchObject({ id: 'b2' });
    expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
  });

  it('finds a task behind cancelled ones of its type that nobody had wanted', async () => {
    await using test = await startQueue();
    const { queue } = test;
    for (const id of ['a1', 'a2', 'a3']) await queue.enqueue('a', null, { id });
    expect(await queue.dequeue('w', { types: ['b'], timeoutMs: 0 })).toBeNull();
    await queue.cancel('a1');
    await queue.cancel('a2');

    expect(await queue.dequeue('w', { types: ['a'], timeoutMs: 0 })).toMatchObject({ id: 'a3' });
  });

  it('is ended with null by a stop, and gives null while the queue drains', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w1'))!;
    const waiting = queue.dequeue('w2');
    const stopped = queue.stop({ timeoutMs: 900 });

    expect(await waiting).toBeNull();
    expect(await queue.dequeue('w2')).toBeNull();
    expect(await queue.complete(leased, 1)).toBe('completed');
    await stopped;
    await expect(queue.dequeue('w2')).rejects.toThrow(NotRunningError);
    await queue.start();
    expect(await queue.waitForTask('x')).toBe(1);
    await queue.enqueue('a', null, { id: 'y' });
    expect(await queue.dequeue('w2')).toMatchObject({ id: 'y' });
  });
});

describe('a lease', () => {
  it('ends unless it is extended: the task comes back, and the late worker is fenced', async () => {
    await using test = await startQueue();
    const { queue, clock } = test;
    await queue.enqueue('a', null, { id: 'x', maxRetries: 0 });
    const first = (await queue.dequeue('w1'))!;
    await test.advance(900);
    expect(await queue.extend(first)).toMatchObject({ attempt: 1, leaseExpiresAt: clock.now() + 1_000 });
    await test.advance(999);
    expect(first.signal.aborted).toBe(false);
    await test.advance(1);
    expect(first.signal.aborted).toBe(true);
    const second = (await queue.dequeue('w2', { timeoutMs: 0 }))!;

    expect(second).toMatchObject({ id: 'x', attempt: 2 });
    for (const late of [queue.complete(first), queue.fail(first, 'late'), queue.extend(first)]) {
      await expect(late).rejects.toThrow(FencedError);
    }
    expect(await queue.complete(second)).toBe('completed');
    expect(await queue.getStats()).toMatchObject({ lostLeases: 1, leasedTasks: 0, completedTasks: 1 });
  });

  it('is not ended by a process that stands still', async () => {
    await using test = await startQueue();
    const { queue, clock } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w1'))!;
    await clock.block(60_000);

    expect(await queue.complete(leased)).toBe('completed');
  });

  it('is told from others by its attempt', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w1'))!;

    await expect(queue.complete({ key: 'x', attempt: 2 })).rejects.toThrow(FencedError);
    await expect(queue.complete({ key: 'y', attempt: 1 })).rejects.toThrow(FencedError);
    expect(await queue.complete({ key: leased.key, attempt: leased.attempt })).toBe('completed');
    await expect(queue.complete(leased)).rejects.toMatchObject({ code: 'ERR_FENCED', key: 'x', attempt: 1 });
  });

  it('that is lost too often makes its task a dead letter', async () => {
    await using test = await startQueue({ maxRecoveries: 1 });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    for (let round = 0; round < 2; round++) {
      await queue.dequeue('w');
      await test.advance(1_000);
    }

    expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
    expect(await queue.listDeadLetters()).toMatchObject([{ id: 'x', status: 'failed', attempts: 2 }]);
  });

  it('leaves no timer when it has ended', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await queue.complete((await queue.dequeue('w'))!);
    await test.advance(10_000);

    expect(test.clock.pending).toBe(0);
  });
});

describe('complete and fail', () => {
  it('answer when it is durable, not before', async () => {
    const faulty = faultyStore();
    await using test = await startQueue({ store: faulty.store });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w'))!;
    await test.rest();
    const commit = gate();
    faulty.next(async (write) => {
      await commit.promise;
      await write();
    });
    let answer: unknown = null;
    const completed = queue.complete(leased).then((status) => (answer = status));
    await test.clock.rest();
    expect(answer).toBeNull();
    commit.open();
    await completed;

    expect(answer).toBe('completed');
  });

  it('answer once the store is back where a commit was refused', async () => {
    const faulty = faultyStore();
    await using test = await startQueue({ store: faulty.store });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w'))!;
    await test.rest();
    faulty.next(() => Promise.reject(new Error('full')));
    const completed = queue.complete(leased, 1);
    await test.advance(5_000);

    expect(await completed).toBe('completed');
    expect(await queue.waitForTask('x')).toBe(1);
  });

  it('fail retries with backoff up to maxRetries, then the task is a dead letter', async () => {
    await using test = await startQueue({ maxRetries: 2 });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x', priority: 9 });
    const statuses: unknown[] = [];
    for (const backoffMs of [100, 200, 0]) {
      statuses.push(await queue.fail((await queue.dequeue('w'))!, new Error('no luck')));
      if (backoffMs > 0) await test.advance(backoffMs - 1);
      expect(await queue.dequeue('w', { timeoutMs: 0 })).toBeNull();
      await test.advance(1);
    }

    expect(statuses).toEqual(['backingOff', 'backingOff', 'failed']);
    expect(await queue.listDeadLetters()).toMatchObject([{ id: 'x', error: 'no luck', attempts: 3 }]);
    await expect(queue.waitForTask('x')).rejects.toThrow(TaskFailedError);
    expect(await queue.getStats()).toMatchObject({ failedTasks: 1, retriedAttempts: 2 });
  });

  it.each([
    ['a NonRetryableError', new NonRetryableError('broken'), {}],
    ['retryable: false', 'broken', { retryable: false }]
  ])('fail with %s ends the task at once', async (_, error, options) => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });

    expect(await queue.fail((await queue.dequeue('w'))!, error, options)).toBe('failed');
    expect(await queue.getTask('x')).toMatchObject({ error: 'broken' });
  });

  it('say cancelled where a cancellation came in the same turn', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w'))!;
    const [isCancelled, status] = await Promise.all([queue.cancel('x'), queue.complete(leased, 'done')]);

    expect([isCancelled, status]).toEqual([true, 'cancelled']);
    await expect(queue.waitForTask('x')).rejects.toThrow(TaskCancelledError);
  });

  it('a result that cannot be stored is refused, and the lease goes on', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const leased = (await queue.dequeue('w'))!;

    await expect(queue.complete(leased, { size: 1n })).rejects.toThrow(ValidationError);
    expect(await queue.complete(leased, { size: 1 })).toBe('completed');
  });
});

describe('an attempt that takes longer than its limit', () => {
  it('is over, however often its lease was extended', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x', timeoutMs: 1_500, maxRetries: 0 });
    const leased = (await queue.dequeue('w'))!;
    await test.advance(900);
    await queue.extend(leased);
    await test.advance(600);

    expect(leased.signal.aborted).toBe(true);
    await expect(queue.complete(leased)).rejects.toThrow(FencedError);
    expect(await queue.listDeadLetters()).toMatchObject([{ id: 'x', status: 'timedOut' }]);
    await test.advance(60_000);
    expect(test.clock.pending).toBe(0);
  });
});

describe('a full queue', () => {
  it('has enqueue wait until a worker has taken a task', async () => {
    await using test = await startQueue({ maxQueueSize: 1 });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const waiting = queue.enqueue('a', null, { id: 'y' });
    await test.rest();
    await expect(queue.getTask('y')).rejects.toThrow(NotFoundError);
    await queue.dequeue('w');

    expect(await waiting).toMatchObject({ id: 'y', status: 'queued' });
  });

  it('forgets a task that is cancelled while it waits for room', async () => {
    await using test = await startQueue({ maxQueueSize: 1 });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const waiting = queue.enqueue('a', null, { id: 'y' });
    await test.rest();

    expect(await queue.cancel('y')).toBe(true);
    await expect(waiting).rejects.toThrow(ConflictError);
    await expect(queue.getTask('y')).rejects.toThrow(NotFoundError);
  });
});

describe('dead letters', () => {
  it('are listed in order of submission, in pages, and retried as copies', async () => {
    await using test = await startQueue({ maxRetries: 0 });
    const { queue } = test;
    for (let id = 0; id < 5; id++) {
      await queue.enqueue('a', id, { id: String(id), ...(id % 2 === 1 && { timeoutMs: 10 }) });
      const leased = (await queue.dequeue('w'))!;
      if (id % 2 === 0) await queue.fail(leased, 'no luck');
      else await test.advance(10);
    }
    const page = await queue.listDeadLetters({ limit: 3 });
    const rest = await queue.listDeadLetters({ after: page.at(-1)!.seq });

    expect([...page, ...rest].map(({ id, status }) => [id, status])).toEqual([
      ['0', 'failed'],
      ['1', 'timedOut'],
      ['2', 'failed'],
      ['3', 'timedOut'],
      ['4', 'failed']
    ]);
    const copy = await queue.retryDeadLetter('1', { id: 'copy' });
    expect(copy).toMatchObject({ id: 'copy', retryOf: '1', status: 'queued', data: 1 });
    expect(await queue.retryDeadLetter('1', { id: 'copy' })).toMatchObject({ id: 'copy' });
    expect(await queue.complete((await queue.dequeue('w'))!)).toBe('completed');
    await expect(queue.retryDeadLetter('none')).rejects.toThrow(NotFoundError);
    await expect(queue.retryDeadLetter('copy')).rejects.toThrow(ConflictError);
  });
});

describe('waitForTask', () => {
  it('leaves the task as it is when its time is over', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    const waiting = queue.waitForTask('x', { timeoutMs: 50 });
    await Promise.all([expect(waiting).rejects.toThrow(TimeoutError), test.advance(50)]);

    expect(await queue.getTask('x')).toMatchObject({ status: 'queued' });
    await expect(queue.waitForTask('none')).rejects.toThrow(NotFoundError);
  });
});

describe('start and stop', () => {
  it('are idempotent, and a queue that is not started takes nothing', async () => {
    const queue = new TaskQueue();
    await queue.stop();
    for (const call of [
      () => queue.enqueue('a', null),
      () => queue.dequeue('w'),
      () => queue.complete({ key: 'x', attempt: 1 }),
      () => queue.extend({ key: 'x', attempt: 1 }),
      () => queue.cancel('x'),
      () => queue.waitForTask('x')
    ]) {
      await expect(call()).rejects.toThrow(NotRunningError);
    }
    await Promise.all([queue.start(), queue.start()]);
    await queue.start();
    await queue.enqueue('a', null, { id: 'x' });
    await Promise.all([queue.stop(), queue.stop()]);
    await queue.start();
    expect(await queue.dequeue('w')).toMatchObject({ id: 'x' });
    await queue.stop({ graceful: false });
  });

  it('a graceful stop waits for leases no longer than they last', async () => {
    await using test = await startQueue();
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await queue.dequeue('vanished');
    const stopped = queue.stop({ timeoutMs: 60_000 });
    await test.advance(1_000);
    await stopped;
    await queue.start();

    expect(await queue.dequeue('w')).toMatchObject({ id: 'x', attempt: 2 });
  });
});

describe('bad input', () => {
  it.each<[TaskQueueOptions | null, string]>([
    [null, 'options is null'],
    [{ size: 3 } as TaskQueueOptions, 'options.size'],
    [{ name: '' }, 'options.name'],
    [{ leaseMs: 0 }, 'options.leaseMs is 0'],
    [{ leaseMs: Number.NaN }, 'options.leaseMs is NaN'],
    [{ timeoutMs: 0 }, 'options.timeoutMs is 0'],
    [{ maxQueueSize: 0 }, 'config.maxQueueSize is 0'],
    [{ onQueueFull: 'drop' as 'wait' }, 'config.onQueueFull'],
    [{ maxRetries: -1 }, 'config.maxRetries is -1'],
    [{ retry: { baseMs: -1 } }, 'config.retry.baseMs is -1'],
    [{ shouldRetry: 3 as unknown as () => boolean }, 'options.shouldRetry is 3']
  ])('in the options %j is refused by its name', (options, message) => {
    expect(() => new TaskQueue(options as TaskQueueOptions)).toThrow(ValidationError);
    expect(() => new TaskQueue(options as TaskQueueOptions)).toThrow(message);
  });

  it('in a call is refused by its name before anything is written', async () => {
    await using test = await startQueue();
    const { queue } = test;
    const dequeue = (options: unknown) => queue.dequeue('w', options as DequeueOptions);
    const refused: [Promise<unknown>, string][] = [
      [queue.enqueue('', null), 'type'],
      [queue.enqueue('a', 1n), 'data'],
      [queue.enqueue('a', null, { priority: Number.NaN }), 'priority is NaN'],
      [queue.enqueue('a', null, { retries: 3 } as object), 'retries'],
      [queue.dequeue(''), 'workerId'],
      [dequeue({ timeoutMs: -1 }), 'timeoutMs is -1'],
      [dequeue({ timeout: 1 }), 'timeout'],
      [dequeue({ types: 'a' }), 'types'],
      [dequeue({ types: [] }), 'types'],
      [dequeue({ types: ['a', 3] }), 'types[1] is 3'],
      [dequeue({ signal: {} }), 'signal'],
      [queue.complete(null as unknown as LeaseRef), 'leased is null'],
      [queue.complete({ key: 'x', attempt: 0 }), 'leased.attempt is 0'],
      [queue.complete({ key: 'x' } as LeaseRef), 'leased.attempt is undefined'],
      [queue.fail({ key: 'x', attempt: 1 }, 'e', { retryable: 1 } as object), 'retryable is 1'],
      [queue.extend({ key: '', attempt: 1 }), 'leased.key'],
      [queue.cancel(''), 'task'],
      [queue.listDeadLetters({ limit: 0 }), 'limit is 0'],
      [queue.listDeadLetters({ after: -1 }), 'after is -1'],
      [queue.stop({ timeoutMs: -1 }), 'timeoutMs is -1']
    ];
    for (const [call, message] of refused) {
      await expect(call).rejects.toThrow(ValidationError);
      await expect(call).rejects.toThrow(message);
    }
    expect(await queue.getStats()).toMatchObject({ totalTasks: 0, waitingWorkers: 0 });
  });
});

describe('toSeedStatus', () => {
  it('has a word of the originals for every status', () => {
    expect(Object.fromEntries(taskStatuses.map((status) => [status, toSeedStatus(status)]))).toMatchObject({
      scheduled: 'pending',
      queued: 'queued',
      dispatched: 'running',
      running: 'running',
      backingOff: 'pending',
      cancelling: 'running',
      completed: 'completed',
      failed: 'failed',
      timedOut: 'timeout',
      cancelled: 'cancelled'
    });
  });
});

it('has no word for what is no status', () => {
  expect(() => toSeedStatus('done' as never)).toThrow(/status is "done"; it must be one of scheduled/);
});

it('takes no tags, which nobody who fetches could obey', async () => {
  await using test = await startQueue();
  const enqueued = test.queue.enqueue('a', null, { tags: ['gpu'] } as object);
  await expect(enqueued).rejects.toMatchObject({ code: 'ERR_VALIDATION', argument: 'options.tags' });
  expect(await test.queue.getStats()).toMatchObject({ totalTasks: 0 });
});

describe('QueueFullError', () => {
  it('is what enqueue throws where it is to reject, and nothing is saved', async () => {
    await using test = await startQueue({ maxQueueSize: 1, onQueueFull: 'reject' });
    const { queue } = test;
    await queue.enqueue('a', null, { id: 'x' });
    await expect(queue.enqueue('a', null, { id: 'y' })).rejects.toThrow(QueueFullError);
    await expect(queue.getTask('y')).rejects.toThrow(NotFoundError);
    expect(await queue.getStats()).toMatchObject({ totalTasks: 1, queueSize: 1 });
  });
});

function startQueueOn(store: Store) {
  return startQueue({ store });
}
