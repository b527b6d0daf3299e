import { describe, expect, it } from 'vitest';
import {
  FencedError,
  FleetManager,
  LockedError,
  memoryStore,
  NotRunningError,
  StoreError,
  type FleetFact,
  type FleetManagerOptions,
  type Handlers,
  type Store
} from '../../src/index.ts';
import { countingIds, gate, settled, SimulatedClock } from '../harness.ts';
import { leasedPlace, leaseMs } from '../leasedStores.ts';

const work = { work: () => Promise.resolve('done') };

function fleetOn<THandlers extends Handlers>(store: Store, options: FleetManagerOptions<THandlers>) {
  const facts: FleetFact[] = [];
  const fleet = new FleetManager<THandlers>({
    name: 'test',
    random: () => 0,
    newId: countingIds(),
    clock: new SimulatedClock(),
    store,
    ...options
  });
  fleet.on('*', (fact) => facts.push(fact));
  return { fleet, told: (prefix: string) => facts.filter(({ type }) => type.startsWith(prefix)) };
}

describe('a fleet that stands by', () => {
  it('starts at once where nobody owns the store', async () => {
    const { fleet, told } = fleetOn(memoryStore(), { handlers: work, standby: true });
    await fleet.start();
    expect(fleet.state).toBe('running');
    expect(await fleet.submit('work', null)).toBe('done');
    expect(told('standby.')).toEqual([]);
    await fleet.stop();
  });

  it('waits while another one owns the store, takes over when that has stopped, and resumes everything', async () => {
    const store = memoryStore();
    const running = gate();
    const { fleet: owner } = fleetOn(store, {
      handlers: { work: () => (running.open(), new Promise<string>(() => {})) }
    });
    await owner.start();
    await owner.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' });
    await running.promise;
    const clock = new SimulatedClock();
    const { fleet, told } = fleetOn(store, { handlers: work, standby: true, clock });
    expect(fleet.state).toBe('stopped');

    const started = fleet.start();
    await settled();
    await clock.advance(5_000);

    expect(fleet.state).toBe('standby');
    expect(told('standby.')).toEqual([
      { type: 'standby.began', owner: expect.stringContaining('"test"') as string }
    ]);

    await owner.stop({ graceful: false });
    await clock.advance(1_000);
    await started;

    expect(fleet.state).toBe('running');
    expect(told('standby.').at(-1)).toEqual({ type: 'standby.ended' });
    expect(await fleet.waitForBatch('b')).toMatchObject({ status: 'completed' });
    await fleet.stop();
  });

  it('tries again when the store says, and a little later', async () => {
    const tries: number[] = [];
    const clock = new SimulatedClock();
    const store: Store = {
      ...memoryStore(),
      open: async () => {
        tries.push(clock.monotonic());
        throw new LockedError('x', 'somebody', 200);
      }
    };
    const { fleet } = fleetOn(store, { handlers: work, standby: true, clock, random: () => 0.8 });
    const started = fleet.start();
    started.catch(() => {});
    await settled();
    for (let n = 0; n < 3; n++) await clock.advance(240);
    expect(tries.map((at) => at - tries[0]!)).toEqual([0, 240, 480, 720]);
    await fleet.stop();
    await expect(started).rejects.toThrow(NotRunningError);
    expect(clock.pending).toBe(0);
  });

  it('reads what the owner commits, and refuses what needs the ledger, with a way to its owner', async () => {
    const store = memoryStore();
    const { fleet: owner } = fleetOn(store, { handlers: work });
    await owner.start();
    const { fleet } = fleetOn(store, { handlers: work, standby: true });
    const started = fleet.start();
    started.catch(() => {});
    await settled();
    await owner.submitBatch([{ id: 'a', type: 'work', data: 1 }], { batchId: 'b' });
    await owner.waitForBatch('b');

    expect(await fleet.getBatchStatus('b')).toMatchObject({ status: 'completed' });
    expect(await fleet.getBatchResults('b')).toHaveLength(1);
    expect(await fleet.getTask('b/a')).toMatchObject({ status: 'completed' });

    const refusal: unknown = expect.objectContaining({
      code: 'ERR_NOT_RUNNING',
      state: 'standby',
      message: expect.stringContaining('connectFleet()') as string
    });
    for (const call of [
      () => fleet.submit('work', 1),
      () => fleet.submitBatch([]),
      () => fleet.cancelBatch('b'),
      () => fleet.pause(),
      () => fleet.scaleWorkers(3),
      () => fleet.updateConfig({ maxRetries: 1 }),
      () => fleet.waitForBatch('b'),
      () => fleet.waitFor('b/a'),
      () => fleet.streamBatchResults('b').next(),
      () => fleet.getStats(),
      () => fleet.coordinator.getSummary()
    ]) {
      await expect(call()).rejects.toEqual(refusal);
    }
    await Promise.all([fleet.stop(), owner.stop()]);
  });

  it('is ended by its signal, and can be started again', async () => {
    const store = memoryStore();
    const { fleet: owner } = fleetOn(store, { handlers: work });
    await owner.start();
    const { fleet } = fleetOn(store, { handlers: work, standby: true });
    const leaving = new AbortController();
    const started = fleet.start({ signal: leaving.signal });
    await settled();
    leaving.abort(new Error('enough'));

    await expect(started).rejects.toThrow('enough');
    await fleet.stop();
    expect(fleet.state).toBe('stopped');

    await owner.stop();
    await fleet.start();
    expect(fleet.state).toBe('running');
    await fleet.stop();
  });

  it('gives back what it has taken in the very moment of its stop', async () => {
    const inner = memoryStore();
    const opening = gate();
    const store: Store = {
      ...inner,
      open: async (scope, owner) => {
        await opening.promise;
        return inner.open(scope, owner);
      }
    };
    const { fleet } = fleetOn(store, { handlers: work, standby: true });
    const started = fleet.start();
    started.catch(() => {});
    await settled();
    const stopped = fleet.stop();
    opening.open();
    await stopped;
    expect(await inner.readOwner('test')).toBe(null);
  });

  it('fails with what keeps the store from being opened at first, and outlives it later', async () => {
    const inner = memoryStore();
    const failures: Error[] = [new StoreError('ERR_STORE_IO', 'no such host', 'refused')];
    const store: Store = {
      ...inner,
      open: async (scope, owner) => {
        const failure = failures.shift();
        if (failure) throw failure;
        return inner.open(scope, owner);
      }
    };
    const clock = new SimulatedClock();
    const { fleet } = fleetOn(store, { handlers: work, standby: true, clock });
    await expect(fleet.start()).rejects.toThrow('no such host');

    failures.push(
      new LockedError('x', 'somebody'),
      new StoreError('ERR_STORE_IO', 'it restarts', 'refused'),
      new LockedError('x', 'somebody')
    );
    const started = fleet.start();
    await settled();
    for (let n = 0; n < 3; n++) await clock.advance(1_000);
    await started;
    expect(fleet.state).toBe('running');
    await fleet.stop();
  });

  it('is no option of any other kind', () => {
    expect(() => fleetOn(memoryStore(), { handlers: work, standby: 1 as unknown as boolean })).toThrow(
      'options.standby'
    );
  });
});

/** An owner that is paused while a handler runs, and a fleet that stood by and has taken over. */
async function takenOver({ standby = false, recovered = gate<string>() } = {}) {
  const time = new SimulatedClock();
  const place = leasedPlace(time);
  const clocks = { old: new SimulatedClock(), next: new SimulatedClock() };
  const results = { old: gate<string>(), next: recovered };
  const signals: AbortSignal[] = [];
  const running = gate();
  const old = fleetOn(place.storeOf(clocks.old), {
    handlers: {
      work: (_: unknown, { signal }: { signal: AbortSignal }) => {
        signals.push(signal);
        running.open();
        return results.old.promise;
      }
    },
    clock: clocks.old,
    standby
  });
  const next = fleetOn(place.storeOf(clocks.next), {
    handlers: { work: () => results.next.promise },
    clock: clocks.next,
    newId: countingIds('next'),
    standby: true
  });
  await old.fleet.start();
  await old.fleet.submitBatch([{ id: 'a', type: 'work', data: null }], { batchId: 'b' });
  await running.promise;
  const started = next.fleet.start();
  await settled();
  for (let n = 0; n < leaseMs / 500; n++) {
    await Promise.all([time.advance(500), clocks.next.advance(500)]);
    await settled();
  }
  await started;
  const commitsOf = () => place.commits.map(({ turn }) => turn);
  return { old, next, place, time, clocks, results, signals, commitsOf };
}

describe('an owner that was paused while another one took over', () => {
  it('has its late result refused, aborts its handlers and fails, and nothing is settled twice', async () => {
    const { old, next, results, place, commitsOf } = await takenOver();
    const waiting = old.fleet.waitForBatch('b');
    const ended = waiting.catch((error: unknown) => error);

    results.old.open('late');
    await settled();
    expect(await ended).toMatchObject({ code: 'ERR_FENCED', fleet: 'test' });
    expect(old.fleet.state).toBe('failed');
    expect(old.told('ownership.')).toMatchObject([{ type: 'ownership.lost', code: 'ERR_FENCED' }]);
    expect(old.told('task.settled')).toEqual([]);
    expect(await place.shared.readResult('test', 'b/a')).toBe(null);

    results.next.open('right');
    await next.fleet.waitForBatch('b');
    expect(await next.fleet.getBatchResults('b')).toMatchObject([{ result: 'right', attempts: 2 }]);
    expect(commitsOf()).toEqual([...new Set(commitsOf())].sort((a, b) => a - b));
    await expect(old.fleet.submit('work', null)).rejects.toThrow(NotRunningError);
    await Promise.all([next.fleet.stop(), old.fleet.stop()]);
  });

  it('learns it from its lease too, and its handlers hear why', async () => {
    const { old, next, clocks, signals, results } = await takenOver();
    await clocks.old.advance(leaseMs);
    await settled();
    expect(old.fleet.state).toBe('failed');
    expect(signals[0]!.aborted).toBe(true);
    expect(signals[0]!.reason).toMatchObject({
      message: expect.stringContaining('another owner has it') as string
    });
    results.next.open('right');
    await next.fleet.waitForBatch('b');
    await Promise.all([next.fleet.stop(), old.fleet.stop()]);
  });

  it('tells a submitter whose tasks were not written', async () => {
    const { old, next, results } = await takenOver();
    await expect(old.fleet.submitBatch([{ id: 'x', type: 'work', data: 1 }])).rejects.toThrow(FencedError);
    results.next.open('right');
    await next.fleet.waitForBatch('b');
    expect(await next.fleet.listBatches()).toHaveLength(1);
    await Promise.all([next.fleet.stop(), old.fleet.stop()]);
  });

  it('becomes the new standby where it is one, and takes over in its turn', async () => {
    const { old, next, time, clocks, results } = await takenOver({ standby: true });
    await clocks.old.advance(leaseMs);
    await settled();
    expect(old.fleet.state).toBe('standby');
    expect(old.told('standby.')).toMatchObject([{ type: 'standby.began' }]);

    await next.fleet.stop({ graceful: false });
    await Promise.all([time.advance(1_000), clocks.old.advance(1_000)]);
    await settled();
    expect(old.fleet.state).toBe('running');
    results.old.open('mine again');
    expect(await old.fleet.waitForBatch('b')).toMatchObject({ status: 'completed' });
    await old.fleet.stop();
  });

  it('does not stand by again once it was stopped', async () => {
    const { old, next, clocks, results } = await takenOver({ standby: true });
    const woken = clocks.old.advance(leaseMs);
    const stopped = old.fleet.stop({ graceful: false });
    await Promise.all([woken, stopped]);
    await settled();
    expect(['failed', 'stopped']).toContain(old.fleet.state);
    results.next.open('right');
    await next.fleet.stop();
  });

  it('does not take the turn of the new owner for its own where it cannot know how its commit ended', async () => {
    const inner = memoryStore();
    const old: Store = {
      ...inner,
      async commit(commit) {
        if (commit.newTasks.length === 0) return inner.commit(commit);
        // Another owner has taken over, with a turn of the same number.
        const { head } = commit;
        await inner.commit({ ...commit, newTasks: [], batches: [], head: { ...head, settledSeq: 7 } });
        throw new StoreError('ERR_STORE_IO', 'connection lost', 'unknown');
      }
    };
    const clock = new SimulatedClock();
    const { fleet } = fleetOn(old, { handlers: work, clock });
    await fleet.start();
    const submitted = fleet.submitBatch([{ id: 'a', type: 'work', data: null }]);
    const ended = submitted.catch((error: unknown) => error);
    await settled();
    await clock.advance(5_000);
    expect(await ended).toBeInstanceOf(FencedError);
    expect(fleet.state).toBe('failed');
    await fleet.stop();
  });
});
