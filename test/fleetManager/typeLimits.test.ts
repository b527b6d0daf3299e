import { describe, expect, it } from 'vitest';
import { StoreError, type ConfigPatch } from '../../src/index.ts';
import { faultyStore, settled, SimulatedClock, startFleet } from '../harness.ts';

describe('the concurrency of a type', () => {
  it('holds its tasks back, and lets others pass that came later', async () => {
    const { fleet, running, end } = await limitedFleet({ slow: { concurrency: 2 } });
    await fleet.submitBatch([...tasks('slow', 4), ...tasks('fast', 3)], { batchId: 'b' });
    await settled();
    expect(running()).toEqual(['slow0', 'slow1', 'fast0', 'fast1', 'fast2']);
    await end('slow0');
    expect(running()).toEqual(['slow1', 'fast0', 'fast1', 'fast2', 'slow2']);
  });

  it('goes to the first in order, whichever workers can take it', async () => {
    const workerGroups = [{ tags: ['gpu'], workers: 1 }];
    const { fleet, running } = await limitedFleet({ slow: { concurrency: 1 } }, { workerGroups });
    const [low, high] = tasks('slow', 2);
    await fleet.submitBatch([low!, { ...high!, tags: ['gpu'], priority: 10 }], { batchId: 'b' });
    await settled();
    expect(running()).toEqual(['slow1']);
  });

  it('is obeyed as soon as the config changes it, in both directions', async () => {
    const { fleet, running, end } = await limitedFleet({});
    await fleet.pause();
    await fleet.submitBatch(tasks('slow', 6), { batchId: 'b' });
    await fleet.updateConfig({ typeLimits: { slow: { concurrency: 1 } } });
    await fleet.resume();
    await settled();
    expect(running()).toEqual(['slow0']);
    await fleet.updateConfig({ typeLimits: { slow: { concurrency: 3 } } });
    await settled();
    expect(running()).toEqual(['slow0', 'slow1', 'slow2']);
    await fleet.updateConfig({ typeLimits: { slow: { concurrency: 2 } } });
    await end('slow0');
    expect(running()).toEqual(['slow1', 'slow2']);
    await fleet.updateConfig({ typeLimits: {} });
    await settled();
    expect(running()).toEqual(['slow1', 'slow2', 'slow3', 'slow4', 'slow5']);
  });

  it('counts a handler that ignores its abort, until it ends or is given up', async () => {
    const { fleet, clock, running } = await limitedFleet(
      { slow: { concurrency: 1 } },
      { cancelGraceMs: 500 }
    );
    const late = { ...tasks('slow', 1)[0]!, timeoutMs: 100, maxRetries: 0 };
    await fleet.submitBatch([late, { ...late, id: 'next' }], { batchId: 'b' });
    await clock.advance(599);
    expect(running()).toEqual(['slow0']);
    await clock.advance(1);
    expect(running()).toEqual(['slow0', 'next']);
  });

  it('holds after a crash, and for tasks of a paused batch', async () => {
    const first = await limitedFleet({ slow: { concurrency: 1 } });
    await first.fleet.submitBatch(tasks('slow', 3), { batchId: 'b' });
    await settled();
    await first.crash();
    const second = await first.again();
    expect(second.running()).toEqual(['slow0']);
    await second.fleet.pauseBatch('b');
    await second.end('slow0');
    expect(second.running()).toEqual([]);
    await second.fleet.resumeBatch('b');
    await settled();
    expect(second.running()).toEqual(['slow1']);
  });

  it('is right after a commit that was refused', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, running } = await limitedFleet({ slow: { concurrency: 1 } }, {}, store);
    await fleet.pause();
    await fleet.submitBatch(tasks('slow', 3), { batchId: 'b' });
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'no space', 'refused')));
    void fleet.resume();
    await clock.advance(1_000);
    expect(running()).toEqual(['slow0']);
  });
});

describe('the rate of a type', () => {
  const rate = { limit: 2, intervalMs: 1_000 };

  it('starts so many in an interval, and the next ones when it is over, by an alarm', async () => {
    const { fleet, clock, startedAt } = await limitedFleet({ quick: { rate } });
    await fleet.submitBatch([...tasks('quick', 5), ...tasks('fast', 2)], { batchId: 'b' });
    await clock.advance(2_500);
    expect(startedAt()).toEqual({
      quick0: 0,
      quick1: 0,
      fast0: 0,
      fast1: 0,
      quick2: 1_000,
      quick3: 1_000,
      quick4: 2_000
    });
  });

  it('counts a start from when its commit was done', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, startedAt } = await limitedFleet(
      { quick: { rate: { limit: 1, intervalMs: 1_000 } } },
      {},
      store
    );
    await fleet.pause();
    await fleet.submitBatch(tasks('quick', 2), { batchId: 'b' });
    next(async (write) => {
      await new Promise<void>((resolve) => void clock.setAlarm(resolve, 700));
      await write();
    });
    void fleet.resume();
    await clock.advance(3_000);
    expect(startedAt()).toEqual({ quick0: 700, quick1: 1_700 });
  });

  it('is not used up by a commit that was refused', async () => {
    const { store, next } = faultyStore();
    const { fleet, clock, startedAt } = await limitedFleet({ quick: { rate } }, {}, store);
    await fleet.pause();
    await fleet.submitBatch(tasks('quick', 2), { batchId: 'b' });
    next(() => Promise.reject(new StoreError('ERR_STORE_FULL', 'no space', 'refused')));
    void fleet.resume();
    await clock.advance(500);
    expect(startedAt()).toEqual({ quick0: 100, quick1: 100 });
  });

  it('counts as used up after a crash while tasks ran', async () => {
    const first = await limitedFleet({ quick: { rate } });
    await first.fleet.submitBatch(tasks('quick', 3), { batchId: 'b' });
    await first.clock.advance(400);
    await first.crash();
    const { clock, startedAt } = await first.again();
    await clock.advance(5_000);
    expect(startedAt()).toEqual({ quick0: 1_400, quick1: 1_400, quick2: 2_400 });
  });

  it('goes on after a stop from its last result', async () => {
    const first = await limitedFleet({ quick: { rate } });
    await first.fleet.submitBatch(tasks('quick', 2), { batchId: 'b' });
    await settled();
    await first.end('quick0');
    await first.end('quick1');
    await first.fleet.stop();
    await first.clock.advance(700);
    const { fleet, clock, startedAt } = await first.again();
    await fleet.submitBatch(tasks('quick', 1), { batchId: 'c' });
    await clock.advance(5_000);
    expect(startedAt()).toMatchObject({ quick0: 1_000 });
  });

  it('holds after a restart, whether the coordinator has forgotten the results or not', async () => {
    const first = await limitedFleet({ quick: { rate } });
    await first.fleet.submitBatch(tasks('quick', 2), { batchId: 'b' });
    await settled();
    await first.end('quick0');
    await first.end('quick1');
    await first.fleet.coordinator.clear();
    await first.crash();
    const { fleet, clock, startedAt } = await first.again();
    await fleet.submitBatch(tasks('quick', 1), { batchId: 'c' });
    await clock.advance(5_000);
    expect(startedAt()).toMatchObject({ quick0: 1_000 });
  });

  it('sets no alarm for a fleet that is paused, and goes on when it is resumed', async () => {
    const { fleet, clock, startedAt } = await limitedFleet({ quick: { rate } });
    await fleet.submitBatch(tasks('quick', 3), { batchId: 'b' });
    await settled();
    await fleet.pause();
    await clock.advance(5_000);
    expect(Object.keys(startedAt())).toHaveLength(2);
    await fleet.resume();
    await settled();
    expect(startedAt()).toMatchObject({ quick2: 5_000 });
  });
});

function tasks(type: 'slow' | 'fast' | 'quick', count: number) {
  return Array.from({ length: count }, (_, index) => ({ id: `${type}${index}`, type, data: null }));
}

/** A fleet whose handlers end when they are told to, whatever they are aborted for. */
async function limitedFleet(
  typeLimits: NonNullable<ConfigPatch['typeLimits']>,
  config: ConfigPatch = {},
  store?: Parameters<typeof startFleet>[0]['store'],
  clock = new SimulatedClock(),
  begunAt = clock.now()
) {
  const held = new Map<string, () => void>();
  const starts: Record<string, number> = {};
  const work = (_: null, { task }: { readonly task: { readonly id: string } }): Promise<void> => {
    starts[task.id] = clock.now() - begunAt;
    return new Promise((resolve) => held.set(task.id, resolve));
  };
  const started = await startFleet({
    clock,
    ...(store && { store }),
    handlers: { slow: work, fast: work, quick: work },
    config: { maxConcurrentWorkers: 10, typeLimits, ...config }
  });
  await settled();
  return {
    ...started,
    /** Ids, in the order of their starts. */
    running: () => [...held.keys()],
    startedAt: () => starts,
    async end(id: string): Promise<void> {
      held.get(id)!();
      held.delete(id);
      await settled();
    },
    /** The next process on the same store. */
    again: () => limitedFleet(typeLimits, config, started.store, clock, begunAt)
  };
}
