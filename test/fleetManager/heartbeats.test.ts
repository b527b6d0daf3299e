import { describe, expect, it } from 'vitest';
import {
  inProcess,
  type Executor,
  type ExecutorReports,
  type FleetConfig,
  type FleetFact,
  type Handlers
} from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

const hang = (): Promise<never> => new Promise(() => {});
/** The first attempt hangs. */
const hangOnce = (_: null, { attempt }: { attempt: number }): unknown => (attempt === 1 ? hang() : 'done');

describe('heartbeats', () => {
  it('are asked for at once, and then every heartbeatMs, of each worker', async () => {
    const { clock, asked } = await startBeating({});
    await clock.advance(0);
    expect(asked).toEqual(['worker-1', 'worker-2']);
    await clock.advance(1_000);
    expect(asked).toHaveLength(22);
  });

  it('that stay away for two of them make a worker unresponsive: it takes nothing new', async () => {
    const { fleet, clock, silence, facts } = await startBeating({ handlers: { where } });
    silence('worker-1');
    await clock.advance(299);
    expect(facts()).toEqual([]);
    await clock.advance(1);
    expect(facts()).toEqual([{ type: 'worker.unresponsive', workerId: 'worker-1' }]);

    const workers = [await fleet.submit('where', null), await fleet.submit('where', null)];
    expect(workers).toEqual(['worker-2', 'worker-2']);
  });

  it('that come after all give an idle worker its work back', async () => {
    const { fleet, clock, silence, speak, facts } = await startBeating({
      handlers: { where },
      config: { maxConcurrentWorkers: 1 }
    });
    silence('worker-1');
    await clock.advance(900);
    const waiting = fleet.submit('where', null);
    await settled();
    speak('worker-1');

    expect(await waiting).toBe('worker-1');
    await clock.advance(5_000);
    expect(facts()).toEqual([{ type: 'worker.unresponsive', workerId: 'worker-1' }]);
  });

  it('that come after all let a busy worker finish what it holds', async () => {
    const held = gate<string>();
    const { fleet, clock, silence, speak, facts } = await startBeating({
      handlers: { work: () => held.promise },
      config: { maxConcurrentWorkers: 1 }
    });
    const { key } = await fleet.submitAsync('work', null);
    silence('worker-1');
    await clock.advance(1_000);
    speak('worker-1');
    await clock.advance(1_000);
    held.open('done');

    expect(await fleet.waitFor(key)).toBe('done');
    expect(await fleet.submit('work', null)).toBe('done');
    expect(await fleet.getTask(key)).toMatchObject({ attempts: 1 });
    expect(facts()).toEqual([{ type: 'worker.unresponsive', workerId: 'worker-1' }]);
  });

  it('that never come replace the worker and queue its task again at once; its late result counts for nothing', async () => {
    const late = gate<string>();
    const { fleet, clock, silence, stopped, facts } = await startBeating({
      handlers: { work: (_: null, { attempt }) => (attempt === 1 ? late.promise : 'second') },
      config: { maxConcurrentWorkers: 1 }
    });
    const { key } = await fleet.submitAsync('work', null);
    silence('worker-1');
    // Asked at 100, for the first time in vain.
    await clock.advance(1_099);
    expect(stopped).toEqual([]);
    await clock.advance(1);

    expect(await fleet.waitFor(key)).toBe('second');
    expect(await fleet.getTask(key)).toMatchObject({ attempts: 2, workerId: 'worker-1.2' });
    expect(stopped).toEqual(['worker-1']);
    expect(facts()).toMatchObject([
      { type: 'worker.unresponsive', workerId: 'worker-1' },
      { type: 'worker.lost', workerId: 'worker-1', problem: 'Worker worker-1 has not answered for 1000 ms' },
      { type: 'worker.stopped', workerId: 'worker-1' },
      { type: 'worker.spawned', workerId: 'worker-1.2' }
    ]);
    late.open('first');
    await settled();
    expect(await fleet.getTask(key)).toMatchObject({ status: 'completed' });
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1, lateOutcomes: 1, retriedAttempts: 0 });
  });

  it('that never come replace a worker that holds nothing, too', async () => {
    const { fleet, clock, silence, stopped } = await startBeating({
      handlers: { where },
      config: { maxConcurrentWorkers: 1 }
    });
    silence('worker-1');
    await clock.advance(1_100);
    expect(stopped).toEqual(['worker-1']);
    expect(await fleet.submit('where', null)).toBe('worker-1.2');
  });

  it('never come from a worker that is poison: its task is given up', async () => {
    const { fleet, clock, silence } = await startBeating({
      handlers: { hang },
      config: { maxConcurrentWorkers: 1, maxRecoveries: 1 }
    });
    const { key } = await fleet.submitAsync('hang', null);
    for (const workerId of ['worker-1', 'worker-1.2']) silence(workerId);
    await clock.advance(3_000);
    await expect(fleet.waitFor(key)).rejects.toMatchObject({
      result: { attempts: 2, failure: { name: 'PoisonTaskError' } }
    });
  });

  it('are not missed while this process stands still', async () => {
    const { clock, silence, facts } = await startBeating({
      config: { heartbeatMs: 5_000, heartbeatTimeoutMs: 30_000 }
    });
    silence('worker-1');
    await clock.advance(5_100);
    await clock.block(600_000);
    expect(facts()).toEqual([]);
    await clock.advance(10_000);
    expect(facts().map(({ type }) => type)).toEqual(['worker.unresponsive']);
  });

  it('are not missed while the store is away: nobody asks for them', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, facts } = await startBeating({ handlers: { where }, store });
    await clock.advance(150);
    for (let failures = 0; failures < 5; failures++) next(() => Promise.reject(new Error('away')));
    const submitted = fleet.submit('where', null).catch((error: unknown) => (error as Error).message);
    await clock.advance(20_000);
    expect(await submitted).toBe('away');
    expect(facts()).toEqual([]);
  });

  it('follow a change of the config', async () => {
    const { fleet, clock, asked } = await startBeating({ config: { maxConcurrentWorkers: 1 } });
    await fleet.updateConfig({ heartbeatMs: 10 });
    await clock.advance(200);
    expect(asked.length).toBeGreaterThan(15);
  });

  it('that are missed while an attempt is over end its worker without waiting for the grace', async () => {
    const { fleet, clock, silence, stopped } = await startBeating({
      handlers: { hangOnce },
      config: { maxConcurrentWorkers: 1, cancelGraceMs: 60_000 }
    });
    const { key } = await fleet.submitAsync('hangOnce', null, { timeoutMs: 500 });
    silence('worker-1');
    await clock.advance(499);
    expect(stopped).toEqual([]);
    await clock.advance(1);
    expect(stopped).toEqual(['worker-1']);
    await clock.advance(100);

    expect(await fleet.waitFor(key)).toBe('done');
    expect(await fleet.getStats()).toMatchObject({ retriedAttempts: 1, lostAttempts: 0, stuckWorkers: 0 });
  });

  it('of a worker that is lost rescue all that it holds', async () => {
    const { fleet, clock, silence } = await startBeating({
      handlers: { hangOnce },
      config: { maxConcurrentWorkers: 1, workerConcurrency: 3 }
    });
    const batchId = await fleet.submitBatch(
      ['a', 'b', 'c'].map((id) => ({ id, type: 'hangOnce' as const, data: null }))
    );
    silence('worker-1');
    await clock.advance(2_000);
    expect(await fleet.getBatchResults(batchId)).toMatchObject(
      ['a', 'b', 'c'].map((taskId) => ({ taskId, success: true, attempts: 2 }))
    );
  });

  it('decide nothing about a worker that is scaled away while it is unresponsive and idle', async () => {
    const { fleet, clock, silence, stopped, facts } = await startBeating({});
    silence('worker-2');
    await clock.advance(400);
    await fleet.scaleWorkers(1);
    await clock.advance(5_000);
    expect(stopped).toEqual(['worker-2']);
    expect(facts().map(({ type }) => type)).toEqual(['worker.unresponsive', 'worker.stopped']);
  });

  it('decide anew about a worker that is wanted again while it is silent', async () => {
    const { fleet, clock, silence, facts } = await startBeating({ handlers: { hangOnce } });
    await Promise.all([fleet.submitAsync('hangOnce', null), fleet.submitAsync('hangOnce', null)]);
    silence('worker-2');
    await clock.advance(400);
    await fleet.scaleWorkers(1);
    await fleet.scaleWorkers(2);
    await clock.advance(10);
    expect(facts()).toEqual([
      { type: 'worker.unresponsive', workerId: 'worker-2' },
      { type: 'worker.unresponsive', workerId: 'worker-2' }
    ]);
  });

  it('that never come end a worker that drains', async () => {
    const { fleet, clock, silence, stopped } = await startBeating({ handlers: { hangOnce } });
    const keys = [await fleet.submitAsync('hangOnce', null), await fleet.submitAsync('hangOnce', null)];
    await fleet.scaleWorkers(1);
    silence('worker-2');
    await clock.advance(5_000);
    expect(stopped).toEqual(['worker-2']);
    const tasks = await Promise.all(keys.map(({ key }) => fleet.getTask(key)));
    expect(tasks.map(({ status }) => status).toSorted()).toEqual(['queued', 'running']);
  });

  it('are neither asked for nor waited for in this process', async () => {
    const { clock } = await startFleet({ handlers: { where } });
    await clock.advance(100_000);
    expect(clock.pending).toBe(0);
  });
});

describe('an attempt that is reported lost', () => {
  it('after its handler was given up is stuck no more', async () => {
    const { fleet, clock, reports } = await startBeating({
      handlers: { hang },
      config: { maxConcurrentWorkers: 1, maxRetries: 0, maxStuck: 0, cancelGraceMs: 50 }
    });
    const { seq } = await fleet.submitAsync('hang', null, { timeoutMs: 100 });
    await clock.advance(149);
    expect(await fleet.getStats()).toMatchObject({ timedOutTasks: 1, stuckWorkers: 0 });
    await clock.advance(1);
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 1 });
    reports().lost({ seq, attempt: 1 }, 'ended');
    await clock.advance(0);
    expect(await fleet.getStats()).toMatchObject({ stuckWorkers: 0, lostAttempts: 0, lateOutcomes: 0 });
  });
});

describe('a worker that is reported lost', () => {
  it('is replaced at once, and what it holds is queued again', async () => {
    const { fleet, clock, reports, facts } = await startBeating({
      handlers: { hangOnce },
      config: { maxConcurrentWorkers: 1 }
    });
    const { key } = await fleet.submitAsync('hangOnce', null);
    await clock.advance(10);
    reports().workerLost('worker-1', 'burnt down');
    await clock.advance(0);

    expect(await fleet.waitFor(key)).toBe('done');
    expect(facts()[0]).toEqual({ type: 'worker.lost', workerId: 'worker-1', problem: 'burnt down' });
    expect(await fleet.getTask(key)).toMatchObject({ attempts: 2 });
  });

  it('and reported again, with its attempts, is lost once', async () => {
    const { fleet, clock, reports, facts } = await startBeating({
      handlers: { hangOnce },
      config: { maxConcurrentWorkers: 1, maxRecoveries: 1 }
    });
    const { key, seq } = await fleet.submitAsync('hangOnce', null);
    await clock.advance(10);
    for (let times = 0; times < 2; times++) {
      reports().lost({ seq, attempt: 1 }, 'burnt down');
      reports().workerLost('worker-1', 'burnt down');
    }
    await clock.advance(0);

    expect(await fleet.waitFor(key)).toBe('done');
    expect(facts().filter(({ type }) => type === 'worker.lost')).toHaveLength(1);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 1 });
  });

  it('while a task is being claimed for it loses that task to nobody', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, reports } = await startBeating({
      handlers: { where, hangOnce },
      store,
      config: { maxConcurrentWorkers: 1 }
    });
    await clock.advance(10);
    const slow = gate();
    next(async (write) => {
      await slow.promise;
      await write();
    });
    const submitted = fleet.submit('hangOnce', null);
    await settled();
    reports().workerLost('worker-1', 'burnt down');
    slow.open();
    await clock.advance(1_500);

    expect(await submitted).toBe('done');
  });

  it('while it is idle is made again after a pause', async () => {
    const { fleet, clock, reports, facts } = await startBeating({
      handlers: { where },
      config: { maxConcurrentWorkers: 1 }
    });
    reports().workerLost('worker-1', 'burnt down');
    const submitted = fleet.submit('where', null);
    await clock.advance(999);
    expect(facts()).toEqual([{ type: 'worker.lost', workerId: 'worker-1', problem: 'burnt down' }]);
    await clock.advance(1);
    expect(await submitted).toBe('worker-1.2');
  });
});

const where = (_: null, { workerId }: { workerId: string }): string => workerId;

interface BeatingOptions<THandlers extends Handlers> {
  readonly handlers?: THandlers;
  readonly config?: Partial<FleetConfig>;
  readonly store?: ReturnType<typeof faultyStore>['store'];
}

/** Two workers that answer when they are asked, every 100 ms, until the test silences them. */
async function startBeating<THandlers extends Handlers>({
  handlers = {} as THandlers,
  config,
  store
}: BeatingOptions<THandlers>) {
  let reports: ExecutorReports | null = null;
  const silent = new Set<string>();
  const asked: string[] = [];
  const stopped: string[] = [];
  const inner = inProcess(handlers);
  const executor: Executor = {
    types: inner.types,
    start: (given) => {
      reports = given;
      return inner.start(given);
    },
    startWorker: (workerId) => inner.startWorker(workerId),
    stopWorker: (workerId) => {
      stopped.push(workerId);
      return inner.stopWorker(workerId);
    },
    dispatch: (attempts) => inner.dispatch(attempts),
    abort: (attempt, cause) => inner.abort(attempt, cause),
    reattach: (attempts) => inner.reattach(attempts),
    probe: (workerId) => {
      asked.push(workerId);
      if (!silent.has(workerId)) queueMicrotask(() => reports!.heartbeat(workerId));
    },
    stop: () => inner.stop()
  };
  const told: FleetFact[] = [];
  const { fleet, clock } = await startFleet<THandlers>({
    executor,
    config: { maxConcurrentWorkers: 2, heartbeatMs: 100, heartbeatTimeoutMs: 1_000, ...config },
    ...(store && { store })
  } as never);
  await clock.advance(0);
  fleet.on('*', (fact) => {
    if (fact.type.startsWith('worker.')) told.push(fact);
  });
  return {
    fleet,
    clock,
    asked,
    stopped,
    reports: () => reports!,
    facts: () => told,
    silence: (workerId: string) => void silent.add(workerId),
    speak(workerId: string) {
      silent.delete(workerId);
      reports!.heartbeat(workerId);
    }
  };
}
