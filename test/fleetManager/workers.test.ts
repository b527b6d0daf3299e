import { describe, expect, it } from 'vitest';
import { inProcess, WorkerAgent, FleetManager, type Handlers, type WorkerFilter } from '../../src/index.ts';
import { gate, settled, SimulatedClock, startFleet } from '../harness.ts';

describe('getWorkers', () => {
  it('lists idle workers too, with what they did', async () => {
    const work = gate();
    const { fleet, clock } = await startFleet<Handlers>({
      handlers: { work: () => 1, bad: () => Promise.reject(new Error('no')), wait: () => work.promise },
      config: { maxConcurrentWorkers: 2, maxRetries: 0 }
    });
    const spawnedAt = clock.now();
    await fleet.submit('work', null);
    await fleet.submit('bad', null).catch(() => {});
    await fleet.submit('work', null);
    await fleet.submitAsync('wait', null, { id: 'held' });
    await settled();
    expect(await fleet.getWorkers()).toEqual([
      {
        id: 'worker-1',
        taskId: '',
        taskIds: [],
        status: 'idle',
        spawnedAt,
        tags: [],
        concurrency: 1,
        completed: 2,
        failed: 0,
        lastHeartbeatAt: null
      },
      {
        id: 'worker-2',
        taskId: 'held',
        taskIds: ['held'],
        status: 'active',
        spawnedAt,
        tags: [],
        concurrency: 1,
        completed: 0,
        failed: 1,
        lastHeartbeatAt: null
      }
    ]);
    expect((await fleet.getActiveWorkers()).map(({ id }) => id)).toEqual(['worker-2']);
    work.open();
  });

  it('tells those that are being made, drain, have ended and could not be made', async () => {
    const work = gate();
    const inner = inProcess({ wait: () => work.promise });
    const executor = Object.assign(Object.create(inner) as typeof inner, {
      types: inner.types,
      schemaOf: () => undefined,
      startWorker: (id: string) => startOf(id),
      start: inner.start.bind(inner),
      dispatch: inner.dispatch.bind(inner),
      stopWorker: inner.stopWorker.bind(inner),
      stop: inner.stop.bind(inner)
    });
    const { fleet, clock } = await startFleet<Handlers>({ executor, config: { maxConcurrentWorkers: 4 } });
    const result = fleet.submitBatch(
      [1, 2].map((id) => ({ id: `${id}`, type: 'wait', data: null })),
      {
        batchId: 'b'
      }
    );
    await result;
    await settled();
    expect(await statuses(fleet)).toEqual(['worker-1 active', 'worker-2 spawning', 'worker-4 active']);

    const endedAt = await clock.advance(500).then(() => clock.now());
    await fleet.scaleWorkers(1);
    await settled();
    expect(await statuses(fleet)).toEqual(['worker-1 active', 'worker-4 draining']);
    work.open();
    await fleet.waitForBatch('b');
    await settled();
    expect(await statuses(fleet, { status: 'completed' })).toEqual([
      'worker-2 completed',
      'worker-4 completed'
    ]);
    expect(await statuses(fleet, { status: ['failed'] })).toContain('worker-3 failed');
    const [last] = (await fleet.getWorkers({ status: 'completed' })).slice(-1);
    expect(last).toMatchObject({ completed: 1, completedAt: endedAt, spawnedAt: endedAt - 500 });
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 2 });
  });

  it('forgets the oldest of more than 1,000 workers that ended, and no figure of theirs', async () => {
    const { fleet } = await startFleet<Handlers>({
      handlers: { work: () => 1 },
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
    });
    await fleet.submitBatch(
      Array.from({ length: 1_005 }, (_, id) => ({ id: `${id}`, type: 'work', data: null })),
      {
        batchId: 'b'
      }
    );
    await fleet.waitForBatch('b');
    await settled();
    const ended = await fleet.getWorkers({ status: 'completed' });
    expect(ended).toHaveLength(1_000);
    expect(ended.at(-1)).toMatchObject({ id: 'worker-1.1005', completed: 1 });
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 1_005 });
  });

  it.each([
    ['asks for the first one only where workers are ids', true, ['worker-1']],
    ['asks for each one otherwise', undefined, ['worker-1', 'worker-1.2', 'worker-1.3']]
  ])('tells of each that takes one task, and %s', async (_, workersAreIds, asked) => {
    const started: string[] = [];
    const startWorker = (workerId: string) => Promise.resolve(void started.push(workerId));
    const executor = Object.assign(inProcess({ work: () => 1 }), { startWorker, workersAreIds });
    const { fleet } = await startFleet<Handlers>({
      executor,
      config: { maxConcurrentWorkers: 1, tasksPerWorker: 1 }
    });
    const told: string[] = [];
    fleet.on('task.settled', ({ key, workerId }) => told.push(`${key} by ${workerId}`));
    fleet.on('worker.spawned', ({ workerId }) => told.push(`spawned ${workerId}`));
    fleet.on('worker.stopped', ({ workerId }) => told.push(`stopped ${workerId}`));
    for (const id of ['a', 'b']) await fleet.submit('work', null, { id });
    await settled();

    expect(told).toEqual([
      'a by worker-1',
      'stopped worker-1',
      'spawned worker-1.2',
      'b by worker-1.2',
      'stopped worker-1.2',
      'spawned worker-1.3'
    ]);
    expect(started).toEqual(asked);
    expect(await statuses(fleet, { status: ['completed'] })).toHaveLength(2);
  });

  it('finds workers by their tags', async () => {
    class Tagged extends FleetManager {
      protected override getWorkerInstance(id: string) {
        return new (class extends WorkerAgent {})({
          id,
          tags: id === 'worker-2' ? ['fast', 'gpu'] : ['fast']
        });
      }
    }
    const fleet = new Tagged({ clock: new SimulatedClock(), config: { maxConcurrentWorkers: 3 } });
    await fleet.start();
    await settled();
    expect(await statuses(fleet, { tags: ['gpu', 'fast'] })).toEqual(['worker-2 idle']);
    expect(await statuses(fleet, { tags: ['fast'] })).toHaveLength(3);
    expect(await statuses(fleet, { tags: ['slow'] })).toEqual([]);
    await fleet.stop();
  });

  it.each<[string, unknown, string]>([
    ['an unknown status', { status: 'asleep' }, 'filter.status'],
    ['an unknown status among others', { status: ['idle', 'asleep'] }, 'filter.status'],
    ['tags that are no array', { tags: 'gpu' }, 'filter.tags'],
    ['an unknown field', { tag: [] }, 'filter.tag']
  ])('refuses %s', async (_, filter, argument) => {
    const { fleet } = await startFleet<Handlers>({ handlers: {} });
    await expect(fleet.getWorkers(filter as WorkerFilter)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument
    });
  });
});

describe('what a running handler tells', () => {
  it('can be read until it has ended: the last progress and the last 20 lines', async () => {
    const work = gate();
    const { fleet } = await startFleet<Handlers>({
      handlers: {
        work: async (_: null, { progress, log }) => {
          for (let step = 0; step < 25; step++) {
            progress({ step });
            log(`line ${step}`);
          }
          await work.promise;
        }
      }
    });
    await fleet.submitAsync('work', null, { id: 'a' });
    await settled();
    const { progress, log } = await fleet.getTask('a');
    expect(progress).toEqual({ step: 24 });
    expect(log).toHaveLength(20);
    expect(log?.[0]).toBe('line 5');
    work.open();
    await fleet.waitFor('a');
    expect(await fleet.getTask('a')).not.toHaveProperty('progress');
    expect(await fleet.getTask('a')).not.toHaveProperty('log');
  });

  it('is that of the attempt that runs now', async () => {
    let attempts = 0;
    const { fleet, clock } = await startFleet<Handlers>({
      handlers: {
        work: (_: null, { progress, log }) => {
          attempts += 1;
          log(`attempt ${attempts}`);
          if (attempts === 1) progress('first');
          return new Promise(() => {});
        }
      }
    });
    await fleet.submitAsync('work', null, { id: 'a', timeoutMs: 100 });
    await settled();
    expect(await fleet.getTask('a')).toMatchObject({ progress: 'first', log: ['attempt 1'] });
    await clock.advance(100);
    await settled();
    await clock.advance(100);
    await settled();
    expect(attempts).toBe(2);
    const task = await fleet.getTask('a');
    expect(task).toMatchObject({ log: ['attempt 2'] });
    expect(task).not.toHaveProperty('progress');

    await fleet.cancelTask('a');
    await settled();
    expect(await fleet.getTask('a')).toMatchObject({ status: 'cancelling', log: ['attempt 2'] });
    await clock.advance(5_000);
    await settled();
    expect(await fleet.getTask('a')).not.toHaveProperty('log');
  });

  it('is told to subscribers 1,000 times a second at most; beyond that it is only kept', async () => {
    const work = gate();
    const { fleet, clock } = await startFleet<Handlers>({
      handlers: {
        work: async (_: null, { progress }) => {
          for (let step = 0; step < 1_500; step++) progress(step);
          await work.promise;
          progress('again');
          await new Promise(() => {});
        }
      }
    });
    const told: unknown[] = [];
    fleet.on('task.progress', ({ value }) => told.push(value));
    await fleet.submitAsync('work', null, { id: 'a' });
    await settled();
    expect(told).toHaveLength(1_000);
    expect(await fleet.getTask('a')).toMatchObject({ progress: 1_499 });
    await clock.advance(1_000);
    work.open();
    await settled();
    expect(told.at(-1)).toBe('again');
  });
});

/** One that hangs, one that fails whenever it is tried, and others that succeed. */
function startOf(workerId: string): Promise<void> {
  if (workerId.startsWith('worker-3')) return Promise.reject(new Error('no room'));
  return workerId === 'worker-2' ? new Promise(() => {}) : Promise.resolve();
}

async function statuses(fleet: FleetManager, filter?: WorkerFilter): Promise<string[]> {
  return (await fleet.getWorkers(filter)).map(({ id, status }) => `${id} ${status}`);
}
