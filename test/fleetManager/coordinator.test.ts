import { describe, expect, it } from 'vitest';
import { ValidationError, type SubmittedTaskResult } from '../../src/index.ts';
import { settled, startFleet } from '../harness.ts';

const done: SubmittedTaskResult = { taskId: 'a', success: true, result: 1, duration: 10, timestamp: 5 };
const failed: SubmittedTaskResult = {
  taskId: 'x',
  success: false,
  error: 'no luck',
  duration: 20,
  timestamp: 7
};

describe('results of the fleet', () => {
  it('arrive by themselves, under the ids of its workers', async () => {
    const { fleet, clock } = await workFleet();
    const startedAt = clock.now();
    await fleet.submitBatch(
      [
        { id: 'a', type: 'echo', data: 1 },
        { id: 'x', type: 'fail', data: null }
      ],
      { batchId: 'b' }
    );
    await fleet.waitForBatch('b');
    await clock.advance(1_000);
    await fleet.submit('echo', 2, { id: 'single' });

    expect(await fleet.coordinator.getSummary()).toEqual({
      totalResults: 3,
      successCount: 2,
      failureCount: 1,
      averageDuration: 0,
      oldestResult: startedAt,
      newestResult: startedAt + 1_000
    });
    const entries = await fleet.coordinator.getResults();
    expect(entries).toMatchObject([
      { receivedAt: startedAt, result: { key: 'b/a', success: true, result: 1 } },
      { receivedAt: startedAt, result: { key: 'b/x', success: false, error: 'no luck' } },
      { receivedAt: startedAt + 1_000, result: { key: 'single', success: true, result: 2 } }
    ]);
    expect(entries.every(({ workerId, result }) => workerId !== null && workerId === result.workerId)).toBe(
      true
    );
  });

  it('of cancelled tasks count as failures, without a worker where none had begun', async () => {
    const { fleet } = await workFleet();
    await fleet.submitAsync('echo', 1, { id: 'a', delayMs: 1_000 });
    await fleet.cancelTask('a');

    expect(await fleet.coordinator.getSummary()).toMatchObject({ totalResults: 1, failureCount: 1 });
    expect(await fleet.coordinator.getResults()).toMatchObject([
      { workerId: null, result: { taskId: 'a', status: 'cancelled', success: false } }
    ]);
  });

  it('are counted once each, whatever their attempts', async () => {
    const { fleet, clock } = await workFleet();
    await fleet.submitBatch([{ id: 'x', type: 'fail', data: null, maxRetries: 3 }]);
    await clock.advance(10_000);

    expect(await fleet.coordinator.getCount()).toBe(1);
    expect(await fleet.coordinator.getResults()).toMatchObject([{ result: { attempts: 4 } }]);
  });

  it('stay counted when their batch is removed', async () => {
    const { fleet } = await workFleet();
    await fleet.submitBatch([{ id: 'a', type: 'echo', data: 1 }], { batchId: 'b' });
    await fleet.waitForBatch('b');
    await fleet.removeBatch('b');

    expect(await fleet.coordinator.getCount()).toBe(1);
    expect(await fleet.coordinator.getResults()).toEqual([]);
  });

  it('have the average of their durations', async () => {
    const { fleet, clock } = await workFleet();
    for (const durationMs of [100, 300]) {
      const submitted = fleet.submit('sleep', durationMs);
      await clock.advance(durationMs);
      await submitted;
    }

    expect(await fleet.coordinator.getSummary()).toMatchObject({ totalResults: 2, averageDuration: 200 });
  });
});

describe('submitResult', () => {
  it('takes in the result of a worker outside the fleet, with all that it has', async () => {
    const { fleet, clock } = await workFleet();

    expect(await fleet.coordinator.submitResult('outside', { ...done, type: 'scan', attempts: 2 })).toBe(
      true
    );
    expect(await fleet.coordinator.submitResult('outside', failed)).toBe(true);
    expect(await fleet.coordinator.getResults()).toEqual([
      {
        workerId: 'outside',
        receivedAt: clock.now(),
        result: expect.objectContaining({
          taskId: 'a',
          batchId: null,
          type: 'scan',
          success: true,
          status: 'completed',
          result: 1,
          duration: 10,
          timestamp: 5,
          attempts: 2,
          workerId: 'outside'
        }) as unknown
      },
      {
        workerId: 'outside',
        receivedAt: clock.now(),
        result: expect.objectContaining({
          taskId: 'x',
          type: 'external',
          success: false,
          status: 'failed',
          error: 'no luck',
          attempts: 1
        }) as unknown
      }
    ]);
    expect(await fleet.coordinator.getSummary()).toEqual({
      totalResults: 2,
      successCount: 1,
      failureCount: 1,
      averageDuration: 15,
      oldestResult: 5,
      newestResult: 7
    });
  });

  it.each<[what: string, twice: (submit: () => Promise<boolean>) => Promise<boolean[]>]>([
    ['one after the other', async (submit) => [await submit(), await submit()]],
    ['in the same breath', (submit) => Promise.all([submit(), submit()])]
  ])('counts the same worker, task and attempt once, %s', async (_, twice) => {
    const { fleet } = await workFleet();

    expect(await twice(() => fleet.coordinator.submitResult('w', done))).toEqual([true, false]);
    expect(await fleet.coordinator.getCount()).toBe(1);
    expect(await fleet.coordinator.getResults()).toHaveLength(1);
  });

  it('takes the whole result of a worker or of another fleet, and tells tasks of two batches apart', async () => {
    const other = await startFleet({
      handlers: { fail: (): never => throwIt(Object.assign(new RangeError('no'), { code: 'E_NO' })) },
      config: { maxRetries: 0 }
    });
    const { fleet } = await workFleet();
    for (const batchId of ['b1', 'b2']) {
      await other.fleet.submitBatch([{ id: 'a', type: 'fail', data: null }], { batchId });
      await other.fleet.waitForBatch(batchId);
      const [result] = await other.fleet.getBatchResults(batchId);
      expect(await fleet.coordinator.submitResult('w', result!)).toBe(true);
      expect(await fleet.coordinator.submitResult('w', result!)).toBe(false);
    }
    const timedOut = { ...done, success: false, status: 'timedOut', error: 'late' } as const;
    await fleet.coordinator.submitResult('w', timedOut);

    expect((await fleet.coordinator.getFailedResults()).map(({ result }) => result)).toMatchObject([
      { taskId: 'a', type: 'fail', status: 'failed', failure: { name: 'RangeError', code: 'E_NO' } },
      { taskId: 'a', type: 'fail', status: 'failed', error: 'no' },
      { status: 'timedOut', error: 'late' }
    ]);
  });

  it.each([
    ['status', { ...done, status: 'failed' }],
    ['key', { ...done, key: '' }],
    ['failure', { ...done, success: false, failure: 'no' }]
  ])('refuses a %s that does not fit', async (field, result) => {
    const { fleet } = await workFleet();
    const submitted = fleet.coordinator.submitResult('w', result as SubmittedTaskResult);
    await expect(submitted).rejects.toThrow(new RegExp(`result\\.${field}`));
  });

  it('counts it once across a restart', async () => {
    const first = await workFleet();
    await first.fleet.coordinator.submitResult('w', done);
    await first.fleet.stop();
    const { fleet } = await first.restart();

    expect(await fleet.coordinator.submitResult('w', done)).toBe(false);
    expect(await fleet.coordinator.getCount()).toBe(1);
  });

  it.each<[what: string, workerId: string, result: SubmittedTaskResult]>([
    ['worker', 'w2', done],
    ['task', 'w', { ...done, taskId: 'b' }],
    ['attempt', 'w', { ...done, attempts: 2 }]
  ])('counts another %s', async (_, workerId, result) => {
    const { fleet } = await workFleet();
    await fleet.coordinator.submitResult('w', done);

    expect(await fleet.coordinator.submitResult(workerId, result)).toBe(true);
    expect(await fleet.coordinator.getCount()).toBe(2);
  });

  it.each([',', '/', ':', '","', ' '])(
    'tells workers and tasks apart that read alike with %j between them',
    async (sign) => {
      const { fleet } = await workFleet();
      const left = () => fleet.coordinator.submitResult(`w${sign}a`, { ...done, taskId: 'b' });
      const right = () => fleet.coordinator.submitResult('w', { ...done, taskId: `a${sign}b` });

      expect(await left()).toBe(true);
      expect(await Promise.all([left(), right()])).toEqual([false, true]);
      expect(await fleet.coordinator.getResults({ workerId: 'w' })).toHaveLength(1);
      expect(await fleet.coordinator.getCount()).toBe(2);
    }
  );

  it('does not touch the tasks of the fleet', async () => {
    const { fleet } = await workFleet();
    await fleet.submitBatch([{ id: 'a', type: 'echo', data: 1, delayMs: 1_000 }], { batchId: 'b' });
    await fleet.coordinator.submitResult('outside', { ...done, taskId: 'b/a' });
    await settled();

    expect(await fleet.getTask('b/a')).toMatchObject({ status: 'scheduled' });
    expect(await fleet.getBatchResults('b')).toEqual([]);
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 0, totalTasks: 1 });
  });

  it.each<[what: string, workerId: unknown, result: unknown, argument: string]>([
    ['no worker', '', done, 'workerId'],
    ['a number as worker', 5, done, 'workerId'],
    ['no result', 'w', undefined, 'result'],
    ['null', 'w', null, 'result'],
    ['an unknown field', 'w', { ...done, taskID: 'a' }, 'result.taskID'],
    ['no task', 'w', { ...done, taskId: undefined }, 'result.taskId'],
    ['a blank task', 'w', { ...done, taskId: ' ' }, 'result.taskId'],
    ['success as text', 'w', { ...done, success: 'yes' }, 'result.success'],
    ['a negative duration', 'w', { ...done, duration: -1 }, 'result.duration'],
    ['a duration of NaN', 'w', { ...done, duration: NaN }, 'result.duration'],
    ['a Date as timestamp', 'w', { ...done, timestamp: new Date() }, 'result.timestamp'],
    ['a negative timestamp', 'w', { ...done, timestamp: -1 }, 'result.timestamp'],
    ['attempt 0', 'w', { ...done, attempts: 0 }, 'result.attempts'],
    ['half an attempt', 'w', { ...done, attempts: 1.5 }, 'result.attempts'],
    ['a number as type', 'w', { ...done, type: 5 }, 'result.type'],
    ['a number as error', 'w', { ...failed, error: 5 }, 'result.error'],
    ['a result that is no JSON', 'w', { ...done, result: { at: 1n } }, 'result.result.at']
  ])('refuses %s', async (_, workerId, result, argument) => {
    const { fleet } = await workFleet();

    const error = await fleet.coordinator
      .submitResult(workerId as never, result as never)
      .catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', argument });
    expect(await fleet.coordinator.getCount()).toBe(0);
    expect(await fleet.coordinator.getResults()).toEqual([]);
  });
});

describe('getResults', () => {
  it.each<[filter: NonNullable<Parameters<Coordinator['getResults']>[0]>, taskIds: string[]]>([
    [{}, ['1', '2', '3', '4', '5', '6']],
    [{ limit: 2 }, ['5', '6']],
    [{ limit: 2, offset: 1 }, ['4', '5']],
    [{ offset: 5 }, ['1']],
    [{ offset: 6 }, []],
    [{ workerId: 'odd' }, ['1', '3', '5']],
    [{ workerId: 'nobody' }, []],
    [{ success: true }, ['1', '2', '4', '5']],
    [{ success: false }, ['3', '6']],
    [{ success: false, workerId: 'odd' }, ['3']],
    [{ success: true, limit: 1, offset: 1 }, ['4']],
    [{ since: 3 }, ['4', '5', '6']],
    [{ since: 5, success: true }, []]
  ])('with %j gives the newest that pass, oldest first', async (filter, taskIds) => {
    const { fleet, clock } = await workFleet();
    const start = clock.now();
    for (let number = 1; number <= 6; number++) {
      await fleet.coordinator.submitResult(number % 2 === 1 ? 'odd' : 'even', {
        ...(number % 3 === 0 ? failed : done),
        taskId: String(number)
      });
      await clock.advance(1);
    }
    // `since` of a row counts ms from the first result.
    const since = filter.since === undefined ? {} : { since: start + filter.since };
    const entries = await fleet.coordinator.getResults({ ...filter, ...since });

    expect(entries.map(({ result }) => result.taskId)).toEqual(taskIds);
  });

  it.each<[what: string, filter: unknown, argument: string]>([
    ['a limit of 0, which is not all', { limit: 0 }, 'filter.limit'],
    ['a negative limit', { limit: -1 }, 'filter.limit'],
    ['half a limit', { limit: 1.5 }, 'filter.limit'],
    ['no limit', { limit: Infinity }, 'filter.limit'],
    ['a limit of 1,001', { limit: 1_001 }, 'filter.limit'],
    ['a negative offset', { offset: -1 }, 'filter.offset'],
    ['text as success', { success: 'yes' }, 'filter.success'],
    ['a number as worker', { workerId: 5 }, 'filter.workerId'],
    ['a time of NaN', { since: NaN }, 'filter.since'],
    ['an unknown field', { worker: 'w' }, 'filter.worker'],
    ['a number', 5, 'filter'],
    ['null', null, 'filter']
  ])('refuses %s', async (_, filter, argument) => {
    const { fleet } = await workFleet();
    await fleet.coordinator.submitResult('w', done);

    await expect(fleet.coordinator.getResults(filter as never)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
  });
});

describe('the summary', () => {
  it('is empty before the first result', async () => {
    const { fleet } = await workFleet();

    expect(await fleet.coordinator.getSummary()).toEqual({
      totalResults: 0,
      successCount: 0,
      failureCount: 0,
      averageDuration: 0,
      oldestResult: null,
      newestResult: null
    });
    expect(await fleet.coordinator.getCount()).toBe(0);
    expect(await fleet.coordinator.getSuccessRate()).toBe(0);
    expect(await fleet.coordinator.getResults()).toEqual([]);
  });

  it.each<[successes: number, failures: number, rate: number]>([
    [1, 0, 100],
    [0, 3, 0],
    [3, 1, 75],
    [1, 2, 100 / 3]
  ])('of %d successes and %d failures has a success rate of %d', async (successes, failures, rate) => {
    const { fleet } = await workFleet();
    for (let id = 0; id < successes; id++)
      await fleet.coordinator.submitResult('w', { ...done, taskId: `a${id}` });
    for (let id = 0; id < failures; id++)
      await fleet.coordinator.submitResult('w', { ...failed, taskId: `x${id}` });

    expect(await fleet.coordinator.getSuccessRate()).toBeCloseTo(rate, 10);
    expect(await fleet.coordinator.getCount()).toBe(successes + failures);
  });

  it('is up to date when the wait for a task ends', async () => {
    const { fleet } = await workFleet();
    for (let number = 1; number <= 20; number++) {
      await fleet.submit('echo', number);
      expect(await fleet.coordinator.getCount()).toBe(number);
    }
  });

  it('holds what it counted after a restart', async () => {
    const first = await workFleet();
    await first.fleet.submit('echo', 1);
    await first.fleet.coordinator.submitResult('w', failed);
    const before = await first.fleet.coordinator.getSummary();
    await first.crash();
    const { fleet } = await first.restart();

    expect(await fleet.coordinator.getSummary()).toEqual(before);
    await fleet.submit('echo', 2);
    expect(await fleet.coordinator.getCount()).toBe(3);
  });

  it('rejects on a fleet that is not running', async () => {
    const { fleet } = await workFleet();
    await fleet.stop();

    const calls = [
      () => fleet.coordinator.getSummary(),
      () => fleet.coordinator.getCount(),
      () => fleet.coordinator.getSuccessRate(),
      () => fleet.coordinator.submitResult('w', done)
    ];
    for (const call of calls) {
      // It rejects; it does not throw before there is a promise.
      const promise = call();
      await expect(promise).rejects.toMatchObject({ code: 'ERR_NOT_RUNNING' });
    }
  });
});

type Coordinator = Awaited<ReturnType<typeof workFleet>>['fleet']['coordinator'];

async function workFleet() {
  const started = await startFleet({
    handlers: {
      echo: (data: unknown) => data,
      fail: (_: unknown) => {
        throw new Error('no luck');
      },
      sleep: (ms: number): Promise<void> =>
        new Promise((resolve) => {
          started.clock.setAlarm(resolve, ms);
        })
    },
    config: { maxRetries: 0 }
  });
  return started;
}

function throwIt(error: unknown): never {
  throw error;
}
