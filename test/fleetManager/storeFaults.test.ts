import { describe, expect, it } from 'vitest';
import { StoreError, type FleetFact } from '../../src/index.ts';
import { faultyStore, gate, settled, SimulatedClock, startFleet } from '../harness.ts';

const oneTask = [{ id: 'a', type: 'work' as const, data: null }];
const full = () => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused'));
const lostAnswer = async (write: () => Promise<void>) => {
  await write();
  throw new StoreError('ERR_STORE_IO', 'fsync failed', 'unknown');
};
const lostWrite = () => Promise.reject(new StoreError('ERR_STORE_IO', 'fsync failed', 'unknown'));

describe('a commit that the store refuses', () => {
  it('rejects its submissions, of which nothing is seen afterwards', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await settled();
    next(full);

    await expect(fleet.submitBatch(oneTask, { batchId: 'b' })).rejects.toMatchObject({
      code: 'ERR_STORE_FULL'
    });
    await clock.advance(1_000);
    await expect(fleet.getBatchStatus('b')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 0, totalBatches: 0, queuedTasks: 0 });
    expect(await fleet.submit('work', null)).toBe('done');
  });

  it('is taken again with the rest: an outcome is not lost', async () => {
    const { store, next } = faultyStore();
    const held = gate<string>();
    const { fleet, clock } = await startFleet({ handlers: { work: () => held.promise }, store });
    const batchId = await fleet.submitBatch(oneTask);
    await settled();
    next(full);
    next(full);
    held.open('done');
    await settled();
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ completedTasks: 0, runningTasks: 1 });
    await clock.advance(1_000);

    expect(await fleet.getBatchResults(batchId)).toMatchObject([
      { success: true, result: 'done', attempts: 1 }
    ]);
  });

  it('starts no handler', async () => {
    const { store, next } = faultyStore();
    let starts = 0;
    const { fleet, clock } = await startFleet({ handlers: { work: () => (starts += 1) }, store });
    await fleet.pause();
    await fleet.submitBatch(oneTask);
    next(full);
    const resumed = fleet.resume();
    await settled();
    expect(starts).toBe(0);
    await clock.advance(1_000);
    await resumed;

    expect(starts).toBe(1);
  });

  it('is told: the journal is unavailable until a commit succeeds', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await settled();
    const facts: FleetFact[] = [];
    fleet.on('store.unavailable', (fact) => facts.push(fact));
    fleet.on('store.recovered', (fact) => facts.push(fact));
    next(full);
    await fleet.submit('work', null).catch(() => {});
    expect(fleet.actor.getSnapshot().value.journal).toBe('storeUnavailable');
    await clock.advance(1_000);

    expect(fleet.actor.getSnapshot().value.journal).toBe('clean');
    expect(facts).toEqual([
      { type: 'store.unavailable', code: 'ERR_STORE_FULL', message: 'The disk is full' },
      { type: 'store.recovered' }
    ]);
  });

  it('does not keep the fleet from stopping', async () => {
    const { store, next } = faultyStore();
    const first = await startFleet({ handlers: { work: () => new Promise(() => {}) }, store });
    const batchId = await first.fleet.submitBatch(oneTask);
    await settled();
    for (let commits = 0; commits < 100; commits++) next(full);
    await first.fleet.submit('work', null).catch(() => {});
    const stopped = first.fleet.stop({ timeoutMs: 1_000 });
    await first.clock.advance(10_000);
    await stopped;

    const { fleet } = await first.restart({
      store: faultyStore(first.store).store,
      handlers: { work: () => 'done' }
    });
    await expect(fleet.getBatchStatus(batchId)).resolves.toMatchObject({ totalTasks: 1 });
  });

  it('leaves no alarm behind when the fleet stops before the store is tried again', async () => {
    const clock = new CountedClock();
    const { store, next } = faultyStore();
    const { fleet } = await startFleet({ handlers: { work: () => 'done' }, store, clock });
    for (let commits = 0; commits < 100; commits++) next(full);
    await fleet.submit('work', null).catch(() => {});
    await settled();

    await fleet.stop({ graceful: false });

    expect(clock.alarms).toBe(0);
  });
});

/** Knows how many alarms are set. */
class CountedClock extends SimulatedClock {
  alarms = 0;

  override setAlarm(callback: () => void, delayMs: number): Disposable {
    this.alarms += 1;
    let isSet = true;
    const done = (): void => {
      if (isSet) this.alarms -= 1;
      isSet = false;
    };
    const ring = (): void => {
      done();
      callback();
    };
    const alarm = super.setAlarm(ring, delayMs);
    return {
      [Symbol.dispose]() {
        done();
        alarm[Symbol.dispose]();
      }
    };
  }
}

describe('a commit whose outcome is unknown', () => {
  it('that took effect is found, and its effects leave once', async () => {
    const { store, next } = faultyStore();
    let starts = 0;
    const { fleet, clock } = await startFleet({ handlers: { work: () => (starts += 1) }, store });
    await settled();
    next(lostAnswer);
    const submitted = fleet.submitBatch(oneTask);
    await clock.advance(1_000);
    const batchId = await submitted;

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ completedTasks: 1 });
    expect(starts).toBe(1);
  });

  it('that did not is refused', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock } = await startFleet({ handlers: { work: () => 'done' }, store });
    await settled();
    next(lostWrite);
    const submitted = fleet.submitBatch(oneTask).catch((error: unknown) => error);
    await clock.advance(1_000);

    expect(await submitted).toMatchObject({ code: 'ERR_STORE_IO', outcome: 'refused' });
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 0 });
  });
});

describe('a slow commit', () => {
  it('lets handlers go on, and what comes in meanwhile is one turn', async () => {
    const { store, next } = faultyStore();
    const slow = gate();
    const { fleet } = await startFleet({ handlers: { work: () => 'done' }, store });
    await settled();
    next(async (write) => {
      await slow.promise;
      await write();
    });
    const submissions = Array.from({ length: 50 }, (_, index) => fleet.submit('work', index));
    await settled();
    expect(await fleet.getStats()).toMatchObject({ totalTasks: 0 });
    slow.open();

    expect(await Promise.all(submissions)).toHaveLength(50);
  });
});
