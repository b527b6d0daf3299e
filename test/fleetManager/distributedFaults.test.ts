// Rows of section G that need no network: what reaches the fleet from elsewhere, in every order that a network makes of it.
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../machines/task.ts';
import {
  memoryStore,
  type Attempt,
  type Executor,
  type ExecutorReports,
  type FleetConfig
} from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

const day = 86_400_000;

const completed = (value: string): Outcome => ({ status: 'completed', result: JSON.stringify(value) });
const failed: Outcome = {
  status: 'failed',
  error: { name: 'Error', message: 'late', retryable: true }
};

describe('G3: a rescue that races a completion', () => {
  it('of one turn leaves what came first: completed stays completed', async () => {
    const { fleet, reports, dispatched } = await startRemote();
    const { key } = await fleet.submitAsync('work', null);
    const [attempt] = dispatched;
    reports().settled(attempt!, completed('done'));
    reports().workerLost(attempt!.workerId, 'cable');
    reports().lost(attempt!, 'cable');
    expect(await fleet.waitFor(key)).toBe('done');
    await settled();
    expect(await fleet.getTask(key)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 1, lostAttempts: 0, lateOutcomes: 0 });
  });

  it('while the completion is being committed changes nothing of it', async () => {
    const { store, next } = faultyStore();
    const { fleet, reports, dispatched } = await startRemote({}, store);
    const { key } = await fleet.submitAsync('work', null);
    const commit = gate();
    next((write) => commit.promise.then(write));
    reports().settled(dispatched[0]!, completed('done'));
    await settled();
    reports().workerLost(dispatched[0]!.workerId, 'cable');
    reports().lost(dispatched[0]!, 'cable');
    await settled();
    commit.open();
    expect(await fleet.waitFor(key)).toBe('done');
    await settled();
    expect(await fleet.getTask(key)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(dispatched).toHaveLength(1);
  });

  it('and comes first fences the completion, which the next attempt makes up for', async () => {
    const { fleet, reports, dispatched } = await startRemote();
    const { key } = await fleet.submitAsync('work', null);
    reports().lost(dispatched[0]!, 'cable');
    reports().settled(dispatched[0]!, completed('first'));
    await settled();
    expect(dispatched.map(({ attempt }) => attempt)).toEqual([1, 2]);
    reports().settled(dispatched[1]!, completed('second'));
    expect(await fleet.waitFor(key)).toBe('second');
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 1, lateOutcomes: 1 });
  });
});

describe('G5: messages that come twice, in another order, or a day late', () => {
  it('settle a task once, by what came first of the attempt that holds it', async () => {
    const { fleet, reports, dispatched } = await startRemote();
    const { key } = await fleet.submitAsync('work', null);
    const [attempt] = dispatched;
    for (const outcome of [completed('one'), completed('two'), failed]) reports().settled(attempt!, outcome);
    expect(await fleet.waitFor(key)).toBe('one');
    reports().settled(attempt!, completed('three'));
    reports().lost(attempt!, 'said again');
    await settled();
    expect(await fleet.getTask(key)).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await fleet.getStats()).toMatchObject({ completedTasks: 1, failedTasks: 0 });
    expect(dispatched).toHaveLength(1);
  });

  it('of an attempt that was given up say nothing of the next one: outcome, progress and log', async () => {
    const { fleet, clock, reports, dispatched } = await startRemote({
      workerTimeout: 2 * day,
      heartbeatMs: day / 8,
      heartbeatTimeoutMs: day
    });
    const { key } = await fleet.submitAsync('work', null);
    reports().lost(dispatched[0]!, 'cable');
    await settled();
    const facts: string[] = [];
    fleet.on('task.progress', () => facts.push('progress'));
    fleet.on('task.log', () => facts.push('log'));
    await clock.advance(day);
    reports().progress(dispatched[0]!, 0.5);
    reports().log(dispatched[0]!, 'a day ago');
    reports().settled(dispatched[0]!, failed);
    await settled();
    expect([facts, (await fleet.getTask(key)).progress]).toEqual([[], undefined]);
    reports().progress(dispatched[1]!, 0.9);
    reports().settled(dispatched[1]!, completed('second'));
    expect(await fleet.waitFor(key)).toBe('second');
    expect(await fleet.getTask(key)).toMatchObject({ status: 'completed', attempts: 2 });
  });

  it('of submissions and cancellations change nothing the second time', async () => {
    const { fleet, dispatched } = await startRemote();
    const tasks = [{ id: 'a', type: 'work', data: null }];
    await Promise.all([1, 2, 3].map(() => fleet.submitBatch(tasks, { batchId: 'b' })));
    expect(dispatched).toHaveLength(1);
    expect(await fleet.cancelBatch('b')).toBe(true);
    await fleet.cancelBatch('b');
    expect(await fleet.submitBatch(tasks, { batchId: 'b' })).toBe('b');
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 1, totalBatches: 1 });
  });
});

describe('G7: a task that takes its worker down each time', () => {
  it('is given up after three recoveries, and costs others nothing', async () => {
    const { fleet, reports, dispatched } = await startRemote({ maxRecoveries: 3, maxConcurrentWorkers: 2 });
    const poison = await fleet.submitAsync('poison', null);
    const healthy = await fleet.submitAsync('work', null);
    for (let round = 0; round < 4; round++) {
      const attempt = dispatched.findLast(({ type }) => type === 'poison')!;
      reports().lost(attempt, 'its worker died');
      reports().workerLost(attempt.workerId, 'died');
      await settled();
    }
    expect(await fleet.getTask(poison.key)).toMatchObject({ status: 'failed', attempts: 4 });
    await expect(fleet.waitFor(poison.key)).rejects.toMatchObject({
      result: { failure: { name: 'PoisonTaskError' } }
    });
    const other = dispatched.filter(({ type }) => type === 'work');
    expect(other).toHaveLength(1);
    reports().settled(other[0]!, completed('done'));
    expect(await fleet.waitFor(healthy.key)).toBe('done');
  });
});

describe('G9: a task of a type that no worker here runs', () => {
  it('is given to none, is told of, and passed by others', async () => {
    const first = await startFleet({ executor: remoteExecutor(new Set(['new', 'old'])).executor });
    await first.fleet.pause();
    const parked = await first.fleet.submitAsync('new', null);
    await first.fleet.submitAsync('old', null);
    await first.crash();

    const older = remoteExecutor(new Set(['old']));
    const { fleet } = await first.restart({ executor: older.executor });
    const missing: string[] = [];
    fleet.on('handler.missing', ({ taskType }) => missing.push(taskType));
    await fleet.resume();
    await settled();
    expect(older.dispatched.map(({ type }) => type)).toEqual(['old']);
    expect(await fleet.getTask(parked.key)).toMatchObject({ status: 'queued', attempts: 0 });
    expect(missing).toEqual(['new']);
  });
});

describe('G12: a worker that answers while its handler hangs', () => {
  it('keeps its place, and its attempt ends at its own limit', async () => {
    const { fleet, clock, reports, dispatched, probed } = await startRemote({
      heartbeatMs: 100,
      heartbeatTimeoutMs: 1_000,
      workerTimeout: 5_000,
      cancelGraceMs: 10,
      maxRetries: 1
    });
    const { key } = await fleet.submitAsync('work', null);
    const lost: string[] = [];
    fleet.on('worker.lost', ({ workerId }) => lost.push(workerId));
    await clock.advance(4_999);
    expect(probed.length).toBeGreaterThan(10);
    expect([lost, dispatched.length]).toEqual([[], 1]);
    await clock.advance(1_200);
    reports().settled(dispatched[0]!, completed('too late'));
    await clock.advance(1_000);
    expect(dispatched).toHaveLength(2);
    reports().settled(dispatched[1]!, completed('second'));
    expect(await fleet.waitFor(key)).toBe('second');
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0, retriedAttempts: 1 });
  });
});

describe('G14: slots', () => {
  // Each commit is one place between taking a slot and giving it back.
  it.each([1, 2, 3, 4, 5, 6])('are all there after the process ended in its commit %i', async (last) => {
    const inner = memoryStore();
    const { store, next } = faultyStore(inner);
    let running = 0;
    let most = 0;
    const handlers = {
      work: async () => {
        most = Math.max(most, ++running);
        await settled();
        running -= 1;
      }
    };
    const config = { maxConcurrentWorkers: 2 };
    const first = await startFleet({ store, handlers, config });
    for (let commit = 1; commit < last; commit++) next((write) => write());
    const reached = gate();
    // Half of them are written by then, the others are not.
    next(async (write) => {
      if (last % 2 === 0) await write();
      reached.open();
      return new Promise(() => {});
    });
    const tasks = Array.from({ length: 8 }, (_, n) => ({ id: String(n), type: 'work' as const, data: null }));
    const submitted = first.fleet.submitBatch(tasks, { batchId: 'b' }).catch(() => {});
    await reached.promise;
    await first.crash();
    void submitted;
    await settled();
    running = 0;

    const { fleet } = await first.restart({ store: inner });
    await fleet.submitBatch(tasks, { batchId: 'b' });
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed', completedTasks: 8 });
    expect(most).toBe(2);
    const workers = await fleet.getWorkers();
    expect(workers.map(({ status }) => status)).toEqual(['idle', 'idle']);
    expect(await fleet.getStats()).toMatchObject({ runningTasks: 0, queuedTasks: 0 });
  });
});

/** A fleet whose workers are elsewhere: attempts reach them, and what they report is in the hands of the test. */
async function startRemote(config: Partial<FleetConfig> = {}, store = memoryStore()) {
  const remote = remoteExecutor(null);
  return { ...(await startFleet({ executor: remote.executor, config, store })), ...remote };
}

function remoteExecutor(types: Set<string> | null) {
  const dispatched: Attempt[] = [];
  const probed: string[] = [];
  let reports: ExecutorReports;
  const executor: Executor = {
    types,
    start: async (given) => void (reports = given),
    startWorker: async () => {},
    stopWorker: async () => {},
    dispatch: (attempts) => void dispatched.push(...attempts),
    abort: () => {},
    reattach: async (attempts) => attempts.map(() => ({ status: 'lost' }) as const),
    probe(workerId) {
      probed.push(workerId);
      reports.heartbeat(workerId);
    },
    stop: async () => {}
  };
  return { executor, dispatched, probed, reports: () => reports };
}
