import { getEventListeners } from 'node:events';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  ConflictError,
  NotFoundError,
  TaskCancelledError,
  TaskFailedError,
  TimeoutError,
  memoryStore,
  type Store
} from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

describe('submit', () => {
  it('resolves with what the handler returned', async () => {
    const { fleet } = await workFleet();
    const result = await fleet.submit('double', { n: 21 });

    expectTypeOf(result).toEqualTypeOf<{ twice: number }>();
    expect(result).toEqual({ twice: 42 });
  });

  it('reads nothing from the store for a task that is new', async () => {
    const inner = memoryStore();
    const reads: string[] = [];
    const store: Store = {
      ...inner,
      readResult: (scope, key) => (reads.push('readResult'), inner.readResult(scope, key)),
      readTasks: (scope, keys) => (reads.push('readTasks'), inner.readTasks(scope, keys))
    };
    const { fleet } = await startFleet({ store, handlers: { nothing: () => {} } });

    await fleet.submit('nothing', null);
    expect(reads).toEqual([]);
    await fleet.submit('nothing', null, { id: 'a' });
    expect(reads).not.toEqual([]);
  });

  it('resolves with undefined where the handler returned nothing', async () => {
    const { fleet } = await startFleet({ handlers: { nothing: () => {} } });
    expect(await fleet.submit('nothing', null)).toBeUndefined();
  });

  it.each<[what: string, type: 'fail' | 'hang', message: RegExp, status: string]>([
    ['failed', 'fail', /^Task "a" failed: no luck$/, 'failed'],
    ['timed out', 'hang', /^Task "a" timed out: .*1000 ms/, 'timedOut']
  ])('rejects with a TaskFailedError that says why, when it %s', async (_, type, message, status) => {
    const { fleet, clock } = await workFleet();
    const submitted = fleet
      .submit(type, null, { id: 'a', maxRetries: 0, timeoutMs: 1_000 })
      .catch((error: unknown) => error);
    await clock.advance(1_000);

    const error = await submitted;
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({
      code: 'ERR_TASK_FAILED',
      message: expect.stringMatching(message) as unknown,
      result: { key: 'a', taskId: 'a', batchId: null, success: false, status, attempts: 1 }
    });
  });

  it('rejects only when the last retry has failed', async () => {
    const { fleet, clock } = await workFleet();
    let error: unknown;
    void fleet.submit('fail', null, { maxRetries: 2 }).catch((thrown: unknown) => (error = thrown));
    await clock.advance(299);
    expect(error).toBeUndefined();
    await clock.advance(1);

    expect(error).toMatchObject({ result: { attempts: 3 } });
  });

  it('rejects with a TaskCancelledError when it was cancelled', async () => {
    const { fleet } = await workFleet();
    const submitted = fleet.submit('echo', 1, { id: 'a', delayMs: 1_000 }).catch((error: unknown) => error);
    await settled();
    await fleet.cancelTask('a');

    expect(await submitted).toBeInstanceOf(TaskCancelledError);
    expect(await submitted).toMatchObject({ result: { status: 'cancelled', attempts: 0, workerId: null } });
  });

  it('stops waiting with the signal’s reason, and leaves the task running', async () => {
    const { fleet, held } = await workFleet();
    const aborting = new AbortController();
    const submitted = fleet.submit('hang', null, { id: 'a', signal: aborting.signal });
    await settled();
    aborting.abort(new Error('enough'));

    await expect(submitted).rejects.toThrow('enough');
    expect(await fleet.getTask('a')).toMatchObject({ status: 'running' });
    expect(getEventListeners(aborting.signal, 'abort')).toHaveLength(0);
    held.open('done');
    expect(await fleet.waitFor('a')).toBe('done');
  });

  it('of 1,000 tasks at once gives each its own result', async () => {
    const { fleet } = await workFleet();
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);

    expect(await Promise.all(numbers.map((number) => fleet.submit('echo', number)))).toEqual(numbers);
  });
});

describe('submitAsync', () => {
  it('resolves with the task as soon as it is durable', async () => {
    const { fleet, clock, store } = await workFleet();
    const task = await fleet.submitAsync(
      'hang',
      { n: 1 },
      { priority: 7, timeoutMs: 9_000, metadata: { m: 1 } }
    );

    expect(task).toMatchObject({
      id: task.key,
      batchId: null,
      type: 'hang',
      data: { n: 1 },
      metadata: { m: 1 },
      priority: 7,
      timeoutMs: 9_000,
      createdAt: clock.now(),
      seq: 1
    });
    expect(task).not.toHaveProperty('maxRetries');
    expect(await store.readTasks('test', [task.key])).toHaveLength(1);
  });

  it('takes the default priority', async () => {
    const { fleet } = await workFleet();
    expect(await fleet.submitAsync('echo', 1)).toMatchObject({
      priority: 5,
      attempts: expect.any(Number) as unknown
    });
  });
});

describe('a task under its own id', () => {
  it.each<[when: string, until: () => Promise<unknown>]>([
    ['in the same breath', () => Promise.resolve()],
    ['while it runs', () => settled()]
  ])('submitted again %s runs once and gives both its result', async (_, until) => {
    const { fleet, held, runs } = await workFleet();
    const first = fleet.submit('hang', 1, { id: 'a' });
    await until();
    const second = fleet.submit('hang', 1, { id: 'a' });
    await settled();
    held.open('done');

    expect(await Promise.all([first, second])).toEqual(['done', 'done']);
    expect(runs).toEqual(['a']);
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 1 });
  });

  it('submitted again after it has settled gives its result, and runs no more', async () => {
    const { fleet, runs } = await workFleet();
    await fleet.submit('echo', 1, { id: 'a' });

    expect(await fleet.submit('echo', 1, { id: 'a' })).toBe(1);
    expect(runs).toEqual(['a']);
  });

  it('submitted again after a restart gives its result', async () => {
    const first = await workFleet();
    await first.fleet.submit('echo', 1, { id: 'a' });
    await first.fleet.stop();
    const { fleet } = await first.restart();

    expect(await fleet.submit('echo', 1, { id: 'a' })).toBe(1);
    expect(first.runs).toEqual(['a']);
  });

  it.each<[what: string, submit: (fleet: WorkFleet) => Promise<unknown>]>([
    ['of another type', (fleet) => fleet.submitAsync('hang', 1, { id: 'a' })],
    ['with other data', (fleet) => fleet.submitAsync('echo', 2, { id: 'a' })],
    ['with another priority', (fleet) => fleet.submitAsync('echo', 1, { id: 'a', priority: 6 })],
    ['with another timeout', (fleet) => fleet.submitAsync('echo', 1, { id: 'a', timeoutMs: 6 })],
    ['with other retries', (fleet) => fleet.submitAsync('echo', 1, { id: 'a', maxRetries: 6 })],
    ['with metadata', (fleet) => fleet.submitAsync('echo', 1, { id: 'a', metadata: 6 })]
  ])('is a conflict %s', async (_, submit) => {
    const { fleet } = await workFleet();
    await fleet.submit('echo', 1, { id: 'a' });

    const error = await submit(fleet).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ConflictError);
    expect(error).toMatchObject({ code: 'ERR_CONFLICT', kind: 'task', id: 'a' });
    expect(await fleet.getTask('a')).toMatchObject({ type: 'echo', data: 1, priority: 5 });
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 1 });
  });

  it('is not the task of a batch that has the same id', async () => {
    const { fleet } = await workFleet();
    await fleet.submitBatch([{ id: 'a', type: 'echo', data: 'in a batch' }], { batchId: 'b' });

    expect(await fleet.submit('echo', 'single', { id: 'a' })).toBe('single');
    expect(await fleet.waitFor('b/a')).toBe('in a batch');
    expect(await fleet.waitFor('a')).toBe('single');
  });
});

describe('waitFor', () => {
  it.each<[what: string, ref: string | { batchId: string; id: string }]>([
    ['its key', 'b/a'],
    ['its batch and its id', { batchId: 'b', id: 'a' }]
  ])('finds a task by %s, before it has settled and after', async (_, ref) => {
    const { fleet, held } = await workFleet();
    await fleet.submitBatch([{ id: 'a', type: 'hang', data: null }], { batchId: 'b' });
    const before = fleet.waitFor(ref);
    await settled();
    held.open('done');

    expect(await before).toBe('done');
    expect(await fleet.waitFor(ref)).toBe('done');
    expect(await fleet.getTask(ref)).toMatchObject({
      key: 'b/a',
      status: 'completed',
      settledAt: expect.any(Number) as unknown
    });
  });

  it.each([0, 1_000])(
    'gives up after %d ms with a TimeoutError, and leaves the task running',
    async (timeoutMs) => {
      const { fleet, clock, held } = await workFleet();
      await fleet.submitAsync('hang', null, { id: 'a' });
      const waiting = fleet.waitFor('a', { timeoutMs }).catch((error: unknown) => error);
      await clock.advance(timeoutMs);

      expect(await waiting).toBeInstanceOf(TimeoutError);
      expect(await waiting).toMatchObject({ code: 'ERR_TIMEOUT', subject: 'Task a', timeoutMs });
      held.open('done');
      expect(await fleet.waitFor('a', { timeoutMs: 0 })).toBe('done');
    }
  );

  it('gives up with the signal’s reason', async () => {
    const { fleet } = await workFleet();
    await fleet.submitAsync('hang', null, { id: 'a' });

    await expect(fleet.waitFor('a', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough'
    );
    expect(await fleet.getTask('a')).toMatchObject({ status: 'running' });
  });

  it.each(['nope', 'b/nope', { batchId: 'b', id: 'nope' }])(
    'rejects for %j, which is unknown',
    async (ref) => {
      const { fleet } = await workFleet();
      await fleet.submitBatch([{ id: 'a', type: 'echo', data: null }], { batchId: 'b' });
      const id = typeof ref === 'string' ? ref : 'b/nope';

      for (const call of [
        fleet.waitFor(ref),
        fleet.getTask(ref),
        fleet.getTaskSnapshot(ref),
        fleet.retryTask(ref)
      ]) {
        const error = await call.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(NotFoundError);
        expect(error).toMatchObject({ code: 'ERR_NOT_FOUND', kind: 'task', id });
      }
      expect(await fleet.cancelTask(ref)).toBe(false);
    }
  );

  it('is not answered by a result that somebody else submits under the task’s name', async () => {
    const { fleet, held } = await workFleet();
    await fleet.submitAsync('hang', null, { id: 'a' });
    const waiting = fleet.waitFor('a');
    await settled();
    await fleet.coordinator.submitResult('somebody', {
      taskId: 'a',
      success: true,
      result: 'forged',
      duration: 0,
      timestamp: 0
    });
    held.open('real');

    expect(await waiting).toBe('real');
    expect(await fleet.waitFor('a')).toBe('real');
  });
});

type WorkFleet = Awaited<ReturnType<typeof workFleet>>['fleet'];

async function workFleet() {
  const held = gate<unknown>();
  const runs: string[] = [];
  const started = await startFleet({
    handlers: {
      echo: (data: unknown, { key }) => {
        runs.push(key);
        return data;
      },
      double: ({ n }: { n: number }) => Promise.resolve({ twice: n * 2 }),
      fail: (_: unknown) => {
        throw new Error('no luck');
      },
      hang: (_: unknown, { key }) => {
        runs.push(key);
        return held.promise;
      }
    }
  });
  return { ...started, held, runs };
}
