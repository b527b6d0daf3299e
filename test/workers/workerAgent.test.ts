import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { NonRetryableError, WorkerAgent, type TaskResult } from '../../src/index.ts';
import { gate, settled } from '../harness.ts';
import { RecordingWorker, task } from './recordingWorker.ts';

const workers: RecordingWorker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceful: false })));
});

describe('executeTask', () => {
  it('gives the result, and calls the hooks in order', async () => {
    const worker = await started(new RecordingWorker((data) => ({ doubled: (data as number) * 2 })));
    expect(await worker.executeTask(task(21))).toEqual({
      taskId: 'a',
      key: 'a',
      batchId: null,
      type: 'work',
      success: true,
      status: 'completed',
      result: { doubled: 42 },
      duration: 0,
      timestamp: worker.clock.now(),
      attempts: 1,
      workerId: 'w',
      settledSeq: 1
    });
    await settled();
    expect(worker.calls).toEqual([
      'prepare',
      'onBeforeTask a',
      'processTask',
      'onAfterTask a',
      'reportResult a'
    ]);
  });

  it.each<[string, () => unknown, Partial<TaskResult>]>([
    [
      'a throw',
      () => {
        throw new TypeError('no');
      },
      { error: 'no', failure: expect.objectContaining({ name: 'TypeError', retryable: true }) as never }
    ],
    ['a rejection', () => Promise.reject(new Error('no')), { error: 'no' }],
    ['a returned failure', () => ({ success: false, error: 'no' }), { error: 'no' }],
    [
      'a NonRetryableError',
      () => {
        throw new NonRetryableError('no');
      },
      { failure: expect.objectContaining({ retryable: false }) as never }
    ],
    [
      'a result that is no JSON',
      () => 1n,
      { failure: expect.objectContaining({ code: 'ERR_RESULT_NOT_SERIALIZABLE' }) as never }
    ]
  ])('makes %s a failed result, reported once', async (_, work, expected) => {
    const worker = await started(new RecordingWorker(work));
    expect(await worker.executeTask(task())).toMatchObject({ success: false, status: 'failed', ...expected });
    await settled();
    expect(worker.calls.slice(3)).toEqual([expect.stringMatching(/^onError a \w+/), 'reportResult a']);
    expect(worker.info).toMatchObject({ totalCompleted: 0, totalFailed: 1, currentTasks: 0 });
  });

  it('gives the code its own copy of the data', async () => {
    const data = { list: [1] };
    const worker = await started(new RecordingWorker((own) => (own as { list: number[] }).list.push(2)));
    expect(await worker.executeTask(task(data))).toMatchObject({ result: 2 });
    expect(data).toEqual({ list: [1] });
  });

  it('refuses a task beyond its concurrency and starts nothing of it', async () => {
    const work = gate<string>();
    const worker = await started(new RecordingWorker(() => work.promise, { concurrency: 2 }));
    const first = [worker.executeTask(task(1, 'a')), worker.executeTask(task(2, 'b'))];
    await expect(worker.executeTask(task(3, 'c'))).rejects.toMatchObject({
      code: 'ERR_WORKER_UNAVAILABLE',
      workerId: 'w',
      state: 'busy'
    });
    expect(worker.info).toMatchObject({ status: 'busy', currentTasks: 2, isAvailable: false });
    work.open('done');
    expect(await Promise.all(first)).toMatchObject([{ result: 'done' }, { result: 'done' }]);
    expect(worker.info).toMatchObject({
      status: 'idle',
      currentTasks: 0,
      isAvailable: true,
      totalCompleted: 2
    });
    expect(worker.results.map(({ taskId }) => taskId)).not.toContain('c');
  });

  it('times out after the limit of the task, aborts it, and keeps the place until its code has ended', async () => {
    const work = gate<string>();
    let signal: AbortSignal | undefined;
    const worker = await started(
      new RecordingWorker((_, context) => {
        signal = context.signal;
        return work.promise;
      })
    );
    const result = worker.executeTask({ ...task(), timeoutMs: 100 });
    await settled();
    await worker.clock.advance(100);
    expect(await result).toMatchObject({
      status: 'timedOut',
      duration: 100,
      failure: { code: 'ERR_TASK_TIMEOUT' }
    });
    expect(signal?.aborted).toBe(true);
    expect(worker.info).toMatchObject({ status: 'busy', isAvailable: false, totalFailed: 1 });

    work.open('late');
    await settled();
    expect(worker.info).toMatchObject({ status: 'idle', totalCompleted: 0, totalFailed: 1 });
    expect(worker.results).toHaveLength(1);
  });

  it('tells progress and lines', async () => {
    const worker = await started(
      new RecordingWorker((_, { progress, log, task: { type } }) => {
        progress({ of: type });
        log('half');
      })
    );
    await worker.executeTask(task());
    expect(worker.calls).toContain('onProgress {"of":"work"}');
    expect(worker.calls).toContain('onLog half');
  });

  it('tells what code that a task left behind threw', async () => {
    const later = gate();
    const worker = await started(
      new RecordingWorker(() => {
        void later.promise.then(() => {
          throw new Error('forgotten');
        });
        return 'done';
      })
    );
    expect(await worker.executeTask(task())).toMatchObject({ success: true });
    later.open();
    await settled();
    expect(worker.hookErrors).toMatchObject([{ message: 'forgotten' }]);
    expect(worker.results).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ['no object', null, 'task'],
    ['no id', { type: 'work', data: 1 }, 'task.id'],
    ['no type', { id: 'a', data: 1 }, 'task.type'],
    ['data that is no JSON', { id: 'a', type: 'work', data: 1n }, 'task.data'],
    ['a timeout of 0', { ...task(), timeoutMs: 0 }, 'task.timeoutMs'],
    ['a key that is none', { ...task(), key: '' }, 'task.key']
  ])('refuses %s and starts nothing', async (_, given, argument) => {
    const worker = await started(new RecordingWorker());
    await expect(worker.executeTask(given as never)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
    expect(worker.calls).toEqual(['prepare']);
    expect(worker.info).toMatchObject({ status: 'idle', currentTasks: 0 });
  });
});

describe('a hook', () => {
  it.each(['onBeforeTask', 'onAfterTask', 'reportResult'])(
    'that throws changes no result and reports nothing twice: %s',
    async (hook) => {
      const fault = new Error(hook);
      const worker = await started(
        new RecordingWorker(
          () => 'done',
          {},
          {
            [hook]: () => {
              throw fault;
            }
          }
        )
      );
      expect(await worker.executeTask(task())).toMatchObject({ success: true, result: 'done' });
      await settled();
      expect(worker.results).toHaveLength(1);
      expect(worker.calls).not.toContain('onError a Error');
      expect(worker.hookErrors).toEqual([fault]);
      expect(worker.info).toMatchObject({ totalCompleted: 1, totalFailed: 0 });
    }
  );

  it('that hangs after a task delays no result, and is told', async () => {
    const worker = await started(
      new RecordingWorker(() => 'done', {}, { onAfterTask: () => new Promise(() => {}) })
    );
    expect(await worker.executeTask(task())).toMatchObject({ success: true });
    expect(worker.results).toHaveLength(0);
    await worker.clock.advance(5_000);
    await settled();
    expect(worker.hookErrors).toMatchObject([{ code: 'ERR_TIMEOUT', subject: 'The hook onAfterTask' }]);
    expect(worker.results).toHaveLength(1);
  });

  it('that throws where nobody takes it is a warning of the process', async () => {
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const worker = await started(
      new RecordingWorker(
        () => 'done',
        {
          onHookError: () => {
            throw new Error('sink');
          }
        },
        {
          reportResult: () => {
            throw new Error('hook');
          }
        }
      )
    );
    await worker.executeTask(task());
    expect(await warned).toMatchObject({ message: expect.stringContaining('sink') as string });
  });
});

describe('its life', () => {
  it('begins with start: before that it takes nothing', async () => {
    const worker = new RecordingWorker();
    expect(worker.info).toEqual({
      id: 'w',
      status: 'stopped',
      tags: [],
      currentTasks: 0,
      totalCompleted: 0,
      totalFailed: 0,
      uptime: 0,
      isAvailable: false
    });
    await expect(worker.executeTask(task())).rejects.toMatchObject({ state: 'stopped' });
    await Promise.all([started(worker), started(worker)]);
    await worker.clock.advance(1_500);
    expect(worker.getStatus()).toBe('idle');
    expect(worker.info).toMatchObject({ uptime: 1_500, isAvailable: true });
    expect(worker.calls).toEqual(['prepare']);
  });

  it('stops gracefully: what runs finishes, nothing new begins, then it is cleaned up once', async () => {
    const work = gate<string>();
    const worker = await started(new RecordingWorker(() => work.promise, { concurrency: 5 }));
    const result = worker.executeTask(task());
    await settled();
    const stopped = Promise.all([worker.stop(), worker.drain()]);
    expect(worker.getStatus()).toBe('draining');
    await expect(worker.executeTask(task())).rejects.toMatchObject({ state: 'draining' });
    work.open('done');
    expect(await result).toMatchObject({ result: 'done' });
    await stopped;
    await worker.stop();
    expect(worker.getStatus()).toBe('stopped');
    expect(worker.calls.slice(-2)).toEqual(['reportResult a', 'cleanup']);
    expect(worker.calls.filter((call) => call === 'cleanup')).toHaveLength(1);
  });

  it.each([
    ['hard', { graceful: false }, 0],
    ['gracefully, when the time for that is over', { timeoutMs: 1_000 }, 1_000]
  ])('stops %s: signals are aborted, and what runs is cancelled', async (_, options, waitMs) => {
    let signal: AbortSignal | undefined;
    const worker = await started(
      new RecordingWorker((__, context) => {
        signal = context.signal;
        return new Promise(() => {});
      })
    );
    const result = worker.executeTask(task());
    await settled();
    const stopped = worker.stop(options);
    await settled();
    await worker.clock.advance(waitMs);
    await stopped;
    expect(signal?.aborted).toBe(true);
    expect(await result).toMatchObject({ success: false, status: 'cancelled', error: 'The worker stopped' });
    expect(worker.results).toHaveLength(1);
    expect(worker.info).toMatchObject({ status: 'stopped', currentTasks: 0, totalFailed: 0 });
  });

  it('begins anew after a stop, with its totals and handlers', async () => {
    const worker = new (class extends WorkerAgent {})({ id: 'w' });
    worker.handler('work', (data) => data);
    await worker.start();
    await worker.executeTask(task());
    await worker.stop();
    await worker.start();
    expect(await worker.executeTask(task(7))).toMatchObject({ success: true, result: 7, workerId: 'w' });
    expect(worker.info).toMatchObject({ status: 'idle', totalCompleted: 2 });
    await worker.stop();
  });

  it('waits with a start for the end of a stop', async () => {
    const cleaned = gate();
    const worker = await started(new RecordingWorker(() => 1, {}, { cleanup: () => cleaned.promise }));
    const stopped = worker.stop();
    const startedAgain = worker.start();
    cleaned.open();
    await Promise.all([stopped, startedAgain]);
    expect(worker.getStatus()).toBe('idle');
  });

  it('ends in error when it cannot be prepared, and may be started again', async () => {
    let isBroken = true;
    const problem = new Error('no disk');
    const worker = new RecordingWorker(
      () => 1,
      {},
      {
        prepare: () => {
          if (isBroken) throw problem;
        }
      }
    );
    workers.push(worker);
    await expect(worker.start()).rejects.toBe(problem);
    expect(worker.getStatus()).toBe('error');
    await expect(worker.executeTask(task())).rejects.toMatchObject({ state: 'error' });
    isBroken = false;
    await worker.start();
    expect(worker.getStatus()).toBe('idle');
  });

  it('refuses a start that was stopped', async () => {
    const ready = gate();
    const worker = new RecordingWorker(() => 1, {}, { prepare: () => ready.promise });
    const starting = worker.start();
    await settled();
    await worker.stop();
    await expect(starting).rejects.toMatchObject({ code: 'ERR_WORKER_UNAVAILABLE' });
  });

  it('leaves no listener of the process behind', async () => {
    const listeners = (): number => process.listenerCount('unhandledRejection');
    const before = listeners();
    const worker = await started(new RecordingWorker());
    expect(listeners()).toBeGreaterThan(before);
    await worker.stop();
    expect(listeners()).toBe(before);

    const broken = new RecordingWorker(() => 1, {}, { prepare: () => Promise.reject(new Error('no disk')) });
    await expect(broken.start()).rejects.toThrow('no disk');
    expect(listeners()).toBe(before);
  });
});

describe('handler', () => {
  it('does the work of its type; a type without one fails for good', async () => {
    await using worker = new (class extends WorkerAgent<number, number> {})({ id: 'w' });
    worker.handler('double', (data) => data * 2);
    await worker.start();
    const result = await worker.executeTask({ id: 'a', type: 'double', data: 21 });
    expect(result.result).toBe(42);
    expectTypeOf(result).toEqualTypeOf<TaskResult<number>>();
    expect(await worker.executeTask({ id: 'b', type: 'other', data: 1 })).toMatchObject({
      error: 'Worker "w" has no handler for tasks of type "other"',
      failure: { retryable: false }
    });
    expect(() => worker.handler('double', () => 1)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFLICT' })
    );
    // @ts-expect-error -- the data is a number
    void worker.executeTask({ id: 'c', type: 'double', data: 'text' });
  });
});

describe('options', () => {
  it.each<[string, Record<string, unknown>, string]>([
    ['no id', {}, 'options.id'],
    ['a concurrency of 0', { id: 'w', concurrency: 0 }, 'options.concurrency'],
    ['a concurrency of null', { id: 'w', concurrency: null }, 'options.concurrency'],
    ['a timeout of 0', { id: 'w', timeoutMs: 0 }, 'options.timeoutMs'],
    ['tags that are no array', { id: 'w', tags: 'gpu' }, 'options.tags'],
    ['an empty tag', { id: 'w', tags: [''] }, 'options.tags[0]'],
    ['a misspelt option', { id: 'w', tag: [] }, 'options.tag'],
    ['a hook that is no function', { id: 'w', onHookError: 1 }, 'options.onHookError']
  ])('refuse %s', (_, options, argument) => {
    expect(() => new (class extends WorkerAgent {})(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_VALIDATION', argument })
    );
  });
});

async function started(worker: RecordingWorker): Promise<RecordingWorker> {
  workers.push(worker);
  await worker.start();
  return worker;
}
