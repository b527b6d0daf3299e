import { createActor } from 'xstate';
import { describe, expect, it } from 'vitest';
import {
  taskMachine,
  taskStatuses,
  type BatchStatus,
  type TaskStatus,
  type TaskView
} from '../../src/index.ts';
import { gate, settled, startFleet } from '../harness.ts';

describe('listBatches', () => {
  it('lists batches in order of creation, whatever has become of them', async () => {
    const { fleet } = await workFleet();
    await fleet.submitBatch([waiting('a')], { batchId: 'z' });
    await fleet.submitBatch([], { batchId: '10' });
    await fleet.submitBatch([echoing('a')], { batchId: '9' });
    await fleet.submitBatch([failing('a')], { batchId: 'a' });
    await settled();

    expect((await fleet.listBatches()).map(({ id, status }) => [id, status])).toEqual([
      ['z', 'processing'],
      ['10', 'completed'],
      ['9', 'completed'],
      ['a', 'failed']
    ]);
    expect((await fleet.listBatches())[2]).toEqual(await fleet.getBatchStatus('9'));
  });

  it('lists 100 unless it is told how many, and goes on after the last one', async () => {
    const { fleet } = await workFleet();
    const ids = Array.from({ length: 250 }, (_, index) => `batch-${index}`);
    for (const batchId of ids) await fleet.submitBatch([], { batchId });

    expect(await fleet.listBatches()).toHaveLength(100);
    expect(
      await pages<BatchStatus>((last) =>
        fleet.listBatches({ limit: 100, ...(last !== undefined && { after: last.id }) })
      )
    ).toEqual([100, 100, 50]);
    const second = await fleet.listBatches({ limit: 3, after: 'batch-99' });
    expect(second.map(({ id }) => id)).toEqual(['batch-100', 'batch-101', 'batch-102']);
    expect(await fleet.listBatches({ after: 'batch-249' })).toEqual([]);
    expect(await fleet.listBatches({ limit: 1_000 })).toHaveLength(250);
  });

  it('with a status lists only those, page by page', async () => {
    const { fleet } = await workFleet();
    for (let index = 0; index < 6; index++) {
      await fleet.submitBatch([index % 2 === 0 ? echoing('a') : failing('a')], { batchId: String(index) });
    }
    await settled();

    expect((await fleet.listBatches({ status: 'failed' })).map(({ id }) => id)).toEqual(['1', '3', '5']);
    expect((await fleet.listBatches({ status: 'failed', limit: 1, after: '1' })).map(({ id }) => id)).toEqual(
      ['3']
    );
    expect((await fleet.listBatches({ status: 'completed', after: '3' })).map(({ id }) => id)).toEqual(['4']);
    expect(await fleet.listBatches({ status: 'paused' })).toEqual([]);
  });
});

describe('listTasks', () => {
  it('lists tasks in order of submission, single ones too', async () => {
    const { fleet } = await workFleet();
    await fleet.submitBatch([failing('z'), echoing('a')], { batchId: 'b' });
    await fleet.submitAsync('echo', 1, { id: 'single' });
    await settled();

    const tasks = await fleet.listTasks();
    expect(tasks.map(({ key, batchId, status, seq }) => [key, batchId, status, seq])).toEqual([
      ['b/z', 'b', 'failed', 1],
      ['b/a', 'b', 'completed', 2],
      ['single', null, 'completed', 3]
    ]);
    expect(tasks[0]).toEqual(await fleet.getTask('b/z'));
  });

  it('goes on after the last one', async () => {
    const { fleet } = await workFleet();
    await fleet.submitBatch(Array.from({ length: 250 }, (_, index) => echoing(String(index))));

    expect(await fleet.listTasks()).toHaveLength(100);
    expect(
      await pages<TaskView>((last) =>
        fleet.listTasks({ limit: 100, ...(last !== undefined && { after: last.seq }) })
      )
    ).toEqual([100, 100, 50]);
    expect((await fleet.listTasks({ limit: 2, after: 99 })).map(({ id }) => id)).toEqual(['99', '100']);
    expect(await fleet.listTasks({ after: 250 })).toEqual([]);
  });

  it.each<[filter: NonNullable<Parameters<WorkFleet['listTasks']>[0]>, keys: string[]]>([
    [{ batchId: '1' }, ['1/a', '1/x', '1/w']],
    [{ batchId: 'nope' }, []],
    [{ type: 'fail' }, ['1/x', '2/x']],
    [{ type: 'nope' }, []],
    [{ status: 'completed' }, ['1/a', 'single']],
    [{ status: 'running' }, ['1/w']],
    [{ status: 'failed', batchId: '2' }, ['2/x']],
    [{ status: 'failed', type: 'echo' }, []],
    [{ type: 'echo', limit: 1 }, ['1/a']],
    [{ type: 'echo', limit: 1, after: 1 }, ['single']],
    [{ batchId: '1', after: 2 }, ['1/w']]
  ])('with %j lists only what passes', async (filter, keys) => {
    const { fleet } = await workFleet();
    await fleet.submitBatch([echoing('a'), failing('x'), waiting('w')], { batchId: '1' });
    await fleet.submitBatch([failing('x')], { batchId: '2' });
    await fleet.submitAsync('echo', 1, { id: 'single' });
    await settled();

    expect((await fleet.listTasks(filter)).map(({ key }) => key)).toEqual(keys);
  });

  it('shows what a task was submitted with, and what has become of it', async () => {
    const { fleet, clock } = await workFleet();
    const createdAt = clock.now();
    await fleet.submitBatch(
      [{ ...failing('x'), priority: 7, timeoutMs: 9_000, maxRetries: 1, metadata: [1], delayMs: 1_000 }],
      { batchId: 'b' }
    );
    const submitted = {
      id: 'x',
      key: 'b/x',
      batchId: 'b',
      type: 'fail',
      priority: 7,
      timeoutMs: 9_000,
      maxRetries: 1,
      data: 'x',
      metadata: [1],
      createdAt,
      seq: 1
    };
    expect(await fleet.listTasks()).toEqual([
      { ...submitted, status: 'scheduled', attempts: 0, workerId: null, dueAt: createdAt + 1_000 }
    ]);
    await clock.advance(1_000);
    expect(await fleet.listTasks()).toEqual([
      {
        ...submitted,
        status: 'backingOff',
        attempts: 1,
        workerId: expect.stringContaining('worker') as unknown,
        startedAt: createdAt + 1_000,
        dueAt: createdAt + 1_100,
        error: 'no luck'
      }
    ]);
    await clock.advance(100);
    expect(await fleet.listTasks()).toEqual([
      {
        ...submitted,
        status: 'failed',
        attempts: 2,
        workerId: expect.stringContaining('worker') as unknown,
        startedAt: createdAt + 1_100,
        settledAt: createdAt + 1_100,
        error: 'no luck'
      }
    ]);
  });
});

describe('getTaskSnapshot', () => {
  const reached: [status: TaskStatus, reach: (fleet: Started) => Promise<string>][] = [
    [
      'blocked',
      async ({ fleet }) => {
        const batchId = await fleet.submitBatch([
          { id: 'last', type: 'echo', data: 1, dependsOn: ['first'] },
          { id: 'first', type: 'wait', data: 1 }
        ]);
        return `${batchId}/last`;
      }
    ],
    ['scheduled', ({ fleet }) => keyOf(fleet.submitAsync('echo', 1, { delayMs: 60_000 }))],
    [
      'queued',
      async ({ fleet }) => {
        await fleet.pause();
        return keyOf(fleet.submitAsync('echo', 1));
      }
    ],
    ['running', ({ fleet }) => keyOf(fleet.submitAsync('wait', 1))],
    ['backingOff', ({ fleet }) => keyOf(fleet.submitAsync('fail', 1, { maxRetries: 1 }))],
    [
      'cancelling',
      async ({ fleet }) => {
        const key = await keyOf(fleet.submitAsync('wait', 1));
        await settled();
        await fleet.cancelTask(key);
        return key;
      }
    ],
    ['completed', ({ fleet }) => keyOf(fleet.submitAsync('echo', 1))],
    ['failed', ({ fleet }) => keyOf(fleet.submitAsync('fail', 1))],
    [
      'timedOut',
      async ({ fleet, clock }) => {
        const key = await keyOf(fleet.submitAsync('wait', 1, { timeoutMs: 1_000 }));
        await clock.advance(1_000);
        return key;
      }
    ],
    [
      'cancelled',
      async ({ fleet }) => {
        const key = await keyOf(fleet.submitAsync('echo', 1, { delayMs: 60_000 }));
        await fleet.cancelTask(key);
        return key;
      }
    ]
  ];

  it.each(reached)(
    'of a task that is %s is one that an actor of the machine starts from',
    async (status, reach) => {
      const started = await workFleet();
      const key = await reach(started);
      await settled();

      const snapshot = await started.fleet.getTaskSnapshot(key);

      const actor = createActor(taskMachine, { snapshot });
      actor.start();
      expect(actor.getSnapshot()).toMatchObject({
        value: status,
        status: ['completed', 'failed', 'timedOut', 'cancelled'].includes(status) ? 'done' : 'active',
        context: { key }
      });
      expect(JSON.parse(JSON.stringify(snapshot))).toMatchObject({ value: status, context: { key } });
      expect(await started.fleet.getTask(key)).toMatchObject({ status });
    }
  );

  it('covers every status but the one that an executor of this process passes through at once', () => {
    const covered = new Set(reached.map(([status]) => status));
    expect(taskStatuses.filter((status) => !covered.has(status))).toEqual(['dispatched']);
  });

  it('goes on as the fleet would', async () => {
    const { fleet, clock } = await workFleet();
    const { key } = await fleet.submitAsync('fail', 1, { maxRetries: 1 });
    await settled();
    const actor = createActor(taskMachine, { snapshot: await fleet.getTaskSnapshot(key) });
    actor.start();
    actor.send({ type: 'task.due', at: clock.now() + 99 });
    expect(actor.getSnapshot().value).toBe('backingOff');
    actor.send({ type: 'task.due', at: clock.now() + 100 });

    expect(actor.getSnapshot()).toMatchObject({ value: 'queued', context: { failures: 1, dueAt: null } });
    expect(await fleet.getTask(key)).toMatchObject({ status: 'backingOff' });
  });
});

type Started = Awaited<ReturnType<typeof workFleet>>;
type WorkFleet = Started['fleet'];

function workFleet() {
  const held = gate();
  return startFleet({
    handlers: {
      echo: (data: unknown) => data,
      fail: (_: unknown) => {
        throw new Error('no luck');
      },
      wait: (_: unknown) => held.promise
    },
    config: { maxRetries: 0 }
  });
}

function echoing(id: string) {
  return { id, type: 'echo' as const, data: id };
}

function failing(id: string) {
  return { id, type: 'fail' as const, data: id };
}

function waiting(id: string) {
  return { id, type: 'wait' as const, data: id };
}

async function keyOf(submitted: Promise<{ readonly key: string }>): Promise<string> {
  return (await submitted).key;
}

/** Lengths of all pages. */
async function pages<T>(read: (last: T | undefined) => Promise<T[]>): Promise<number[]> {
  const lengths: number[] = [];
  for (let page = await read(undefined); page.length > 0; page = await read(page.at(-1)))
    lengths.push(page.length);
  return lengths;
}
