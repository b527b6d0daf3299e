import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { InspectionEvent } from 'xstate';
import { FleetManager, memoryStore, NotRunningError, StoreError, type Store } from '../../src/index.ts';
import { faultyStore, gate, settled, startFleet } from '../harness.ts';

const tasks = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: String(index), type: 'work' as const, data: index }));

/** The same, from when `until` has resolved. */
async function* after<T>(until: Promise<void>, items: AsyncIterable<T>): AsyncGenerator<T> {
  await until;
  yield* items;
}

describe('stop', () => {
  it('of a fleet that could not be started says nothing', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    onTestFinished(() => warn.mockRestore());
    const failure = new Error('no');
    const fleet = new FleetManager({ store: { ...memoryStore(), open: () => Promise.reject(failure) } });
    await expect(fleet.start()).rejects.toBe(failure);

    await fleet.stop();
    expect(warn).not.toHaveBeenCalled();
  });

  it('of a fleet that has not read all of its store yet leaves that as it is, and to whoever starts next', async () => {
    const first = await startFleet({ handlers: { work: (n: number) => n } });
    await first.fleet.pause();
    await first.fleet.coordinator.updateMetadata({ team: 'red' });
    const batchId = await first.fleet.submitBatch(tasks(1));
    await first.fleet.stop();
    const reading = gate();
    const slow: Store = {
      ...first.store,
      async open(scope, owner) {
        const found = await first.store.open(scope, owner);
        return { ...found, tasks: after(reading.promise, found.tasks) };
      }
    };
    const fleet = new FleetManager({ name: 'test', store: slow, handlers: { work: (n: number) => n } });
    const ended = fleet.start().catch((error: unknown) => error);
    await settled();
    expect(fleet.state).toBe('recovering');
    const stopped = fleet.stop({ graceful: false });
    const again = fleet.start();
    await settled();
    reading.open();
    expect(await ended).toBeInstanceOf(NotRunningError);
    await Promise.all([stopped, again]);

    expect(fleet.state).toBe('paused');
    expect(await fleet.coordinator.getMetadata()).toEqual({ team: 'red' });
    await fleet.resume();
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed' });
    await fleet.stop();
  });

  it('ends the actor of each worker, and of all else that the fleet has', async () => {
    const { fleet } = await startFleet({
      handlers: { work: (n: number) => n },
      config: { maxConcurrentWorkers: 50 }
    });
    const { actor } = fleet;
    const batchId = await fleet.submitBatch(tasks(100));
    await fleet.waitForBatch(batchId);
    const children = Object.values(actor.getSnapshot().children);
    await fleet.stop();

    expect(children.length).toBeGreaterThan(50);
    expect(children.map((child) => child?.getSnapshot().status)).toEqual(children.map(() => 'stopped'));
    expect(actor.getSnapshot().status).toBe('done');
  });

  it('of one whose actor is stopped ends those of its workers', async () => {
    const { fleet } = await startFleet({ handlers: { work: (n: number) => n } });
    const { actor } = fleet;
    const children = Object.values(actor.getSnapshot().children);
    actor.stop();

    expect(children.length).toBeGreaterThan(10);
    expect(children.map((child) => child?.getSnapshot().status)).toEqual(children.map(() => 'stopped'));
    expect(actor.getSnapshot().status).toBe('stopped');
  });

  it('lets running tasks finish, starts no other, and keeps them for the next start', async () => {
    const held = gate();
    const first = await startFleet({
      handlers: { work: (n: number) => held.promise.then(() => n) },
      config: { maxConcurrentWorkers: 2 }
    });
    const batchId = await first.fleet.submitBatch(tasks(5));
    await settled();
    const stopped = first.fleet.stop();
    held.open();
    await stopped;

    const { fleet } = await first.restart({ handlers: { work: async (n: number) => n } });
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ completedTasks: 2 });
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed', completedTasks: 5 });
    expect((await fleet.getBatchResults(batchId)).map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 1]);
  });

  it('aborts at its timeout, without charging the attempt', async () => {
    let signal: AbortSignal | undefined;
    const first = await startFleet({
      handlers: {
        work: (_: number, context) => {
          signal = context.signal;
          return new Promise(() => {});
        }
      },
      config: { maxRetries: 0, maxRecoveries: 0 }
    });
    const batchId = await first.fleet.submitBatch(tasks(1));
    await settled();
    const stopped = first.fleet.stop({ timeoutMs: 1_000 });
    await first.clock.advance(1_000);
    await stopped;
    expect(signal?.aborted).toBe(true);

    const { fleet } = await first.restart({ handlers: { work: () => 'done' } });
    await fleet.waitForBatch(batchId);
    expect(await fleet.getBatchResults(batchId)).toMatchObject([{ success: true, attempts: 2 }]);
    expect(await fleet.getStats()).toMatchObject({ lostAttempts: 0, retriedAttempts: 0 });
  });

  it('tells an actor that has ended nothing, for which XState would warn', async () => {
    const events: string[] = [];
    const inspect = (seen: InspectionEvent) => seen.type === '@xstate.event' && events.push(seen.event.type);
    const { fleet: stopped } = await startFleet({ inspect });
    await stopped.stop();
    const { fleet: halted } = await startFleet({ inspect });
    halted.actor.stop();
    const store = { ...memoryStore(), open: () => Promise.reject(new Error('no disk')) };
    const failed = new FleetManager({ inspect, store });
    await expect(failed.start()).rejects.toThrow('no disk');
    await settled();
    events.length = 0;
    for (const fleet of [stopped, halted, failed]) {
      for (const graceful of [false, true, false]) await fleet.stop({ graceful });
    }
    expect(events).toEqual([]);
  });

  it('keeps a pause that was acknowledged while it began', async () => {
    const first = await startFleet({ handlers: { work: () => null } });
    const paused = first.fleet.pause();
    await Promise.all([first.fleet.stop(), paused]);

    const { fleet } = await first.restart();
    expect(fleet.actor.getSnapshot().value).toMatchObject({ operation: 'paused' });
  });

  it('keeps a resumption that was acknowledged while it began', async () => {
    const first = await startFleet({ handlers: { work: () => null } });
    await first.fleet.pause();
    // The last thing that was written of the fleet.
    await first.fleet.pause();
    const resumed = first.fleet.resume();
    await Promise.all([first.fleet.stop(), resumed]);

    const { fleet } = await first.restart();
    expect(fleet.actor.getSnapshot().value).toMatchObject({ operation: 'running' });
  });

  it('keeps a pause whatever changed in it', async () => {
    const first = await startFleet({ handlers: { work: () => null } });
    await first.fleet.pause();
    await first.fleet.scaleWorkers(20);
    await first.fleet.stop();

    const { fleet } = await first.restart();
    expect(fleet.actor.getSnapshot().value).toMatchObject({ operation: 'paused' });
  });

  it('that is not graceful aborts at once', async () => {
    const { fleet } = await startFleet({ handlers: { work: () => new Promise(() => {}) } });
    await fleet.submitBatch(tasks(3));
    await settled();
    await fleet.stop({ graceful: false });

    await expect(fleet.submitBatch(tasks(1))).rejects.toThrow(NotRunningError);
  });

  it('becomes hard when it is called again so', async () => {
    const { fleet } = await startFleet({ handlers: { work: () => new Promise(() => {}) } });
    await fleet.submitBatch(tasks(1));
    await settled();
    const graceful = fleet.stop();
    await fleet.stop({ graceful: false });

    await expect(graceful).resolves.toBeUndefined();
  });

  it('is idempotent, and so is start', async () => {
    const { fleet } = await startFleet({ handlers: { work: () => 'done' } });
    await Promise.all([fleet.start(), fleet.start()]);
    await Promise.all([fleet.stop(), fleet.stop()]);
    await fleet.stop();
    await fleet.start();

    expect(await fleet.submit('work', 1)).toBe('done');
  });

  it('that nobody asked for is made good by the next start', async () => {
    const { fleet } = await startFleet({ handlers: { work: (n: number) => n } });
    fleet.actor.stop();
    await expect(fleet.pause()).rejects.toThrow(NotRunningError);

    await Promise.all([fleet.start(), fleet.start()]);
    await fleet.start();
    expect(fleet.actor.getSnapshot().value.operation).toBe('running');
    const batchId = await fleet.submitBatch(tasks(1));
    expect(await fleet.waitForBatch(batchId)).toMatchObject({ completedTasks: 1 });
    await fleet.stop();
  });

  it('answers those who still wait', async () => {
    const { fleet } = await startFleet({ handlers: { work: () => new Promise(() => {}) } });
    const batchId = await fleet.submitBatch(tasks(1));
    const waiting = [fleet.waitForBatch(batchId), fleet.waitFor({ batchId, id: '0' })].map((wait) =>
      wait.catch((error: unknown) => error)
    );
    await settled();
    await fleet.stop({ graceful: false });

    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(NotRunningError);
  });

  it('happens at the end of an `await using` block', async () => {
    const store = memoryStore();
    let fleet;
    {
      await using inner = (await startFleet({ handlers: { work: () => 'done' }, store })).fleet;
      fleet = inner;
    }
    await expect(fleet.submit('work', 1)).rejects.toThrow(NotRunningError);
  });
});

describe('pause', () => {
  it('starts nothing new, also after a restart, until resume', async () => {
    const started: number[] = [];
    const handlers = { work: (n: number) => void started.push(n) };
    const first = await startFleet({ handlers });
    await first.fleet.pause();
    await first.fleet.submitBatch(tasks(2));
    await settled();
    await first.fleet.stop();

    const { fleet } = await first.restart();
    await settled();
    expect(started).toEqual([]);
    await fleet.resume();
    await settled();
    expect(started).toEqual([0, 1]);
  });

  it('leaves no alarm of a stream whose source is silent', async () => {
    const { fleet, clock } = await startFleet({ handlers: { work: async (n: number) => n } });
    const streamed = fleet.submitBatch(silentAfter(1), { batchId: 'stream' });
    await settled();
    await Promise.all([
      expect(streamed).rejects.toBeInstanceOf(NotRunningError),
      fleet.stop({ graceful: false })
    ]);

    expect(clock.pending).toBe(0);
  });

  it('leaves no alarm of a store that is waited for', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: async (n: number) => n }, store });
    await settled();
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused')));
    await expect(fleet.submitBatch(tasks(1))).rejects.toBeInstanceOf(StoreError);
    await fleet.stop({ graceful: false });

    expect(clock.pending).toBe(0);
  });
});

async function* silentAfter(count: number) {
  yield* tasks(count);
  await new Promise(() => {});
}
