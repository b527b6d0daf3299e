import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore, StoreError, type ConfigPatch, type Store } from '../../src/index.ts';
import { gate, settled, SimulatedClock, startFleet } from '../harness.ts';
import { collect, echo, echoes, heldFleet, held } from './batchFleets.ts';

const minute = 60_000;
const hour = 60 * minute;
/** Its removal takes more than two slices. */
const manyTasks = 5_000;

const full = () => Promise.reject(new StoreError('ERR_STORE_FULL', 'The disk is full', 'refused'));
const lostAnswer = async (slice: () => Promise<boolean>) => {
  await slice();
  throw new StoreError('ERR_STORE_IO', 'fsync failed', 'unknown');
};

describe('retention by age', () => {
  it('removes what settled longer ago, and nothing else', async () => {
    const { fleet, clock, store, release } = await heldFleet({ retention: { maxAgeMs: hour } });
    await fleet.submitBatch(echoes(3), { batchId: 'old' });
    await fleet.submitBatch([...echoes(1), { id: 'w', type: 'wait', data: null }], { batchId: 'live' });
    await fleet.submit('echo', 1, { id: 'single' });
    await fleet.coordinator.submitResult('outside', external(clock));
    await clock.block(hour - minute);
    await fleet.submitBatch(echoes(2), { batchId: 'young' });
    await fleet.submit('echo', 1, { id: 'young single' });
    expect(await idsOf(fleet)).toEqual(['old', 'live', 'young']);
    await clock.advance(3 * minute);

    expect(await idsOf(fleet)).toEqual(['live', 'young']);
    expect((await store.listTasks('test', { limit: 99 })).map(({ row }) => row.context.key)).toEqual([
      'live/0',
      'live/w',
      'young/0',
      'young/1',
      'young single'
    ]);
    expect((await store.readResults('test', { limit: 99 })).map(({ key }) => key)).toEqual([
      'live/0',
      'young/0',
      'young/1',
      'young single'
    ]);
    expect(fleet.store.getSnapshot().context.batches.map(({ id }) => id)).toEqual(['live', 'young']);
    await release('at last');
    expect(await fleet.getBatchResults('live')).toHaveLength(2);
  });

  it('never touches what has not settled, however old it is', async () => {
    const { fleet, clock } = await heldFleet({ retention: { maxAgeMs: 0, maxBatches: 0 } });
    await fleet.submitBatch(held(1), { batchId: 'held' });
    await fleet.submitAsync('wait', null, { id: 'single' });
    await fleet.submitAsync('echo', null, { id: 'later', delayMs: 100 * hour });
    await clock.block(2 * minute);
    await clock.advance(2 * minute);

    expect(await idsOf(fleet)).toEqual(['held']);
    expect((await fleet.listTasks()).map(({ key }) => key)).toEqual(['held/0', 'single', 'later']);
  });

  it('looks once a minute, no more often', async () => {
    const looks: string[] = [];
    const store = storeWith({ onLook: (what) => looks.push(what) });
    const { fleet, clock } = await startFleet({ ...echo, store, config: { retention: { maxAgeMs: hour } } });
    for (let tasks = 0; tasks < 20; tasks++) {
      await fleet.submit('echo', tasks);
      await clock.advance(1_000);
    }
    expect(looks).toEqual(['results', 'batches']);
    await clock.advance(2 * minute);

    expect(looks).toEqual(['results', 'batches', 'results', 'batches', 'results', 'batches']);
  });

  it('goes by the wall clock: forward it lets go, back it loses nothing and goes on', async () => {
    const clock = new WallClock();
    const { fleet } = await startFleet({ ...echo, clock, config: { retention: { maxAgeMs: hour } } });
    await fleet.waitForBatch(await fleet.submitBatch(echoes(1), { batchId: 'a' }));
    clock.shiftMs = -10 * hour;
    await fleet.waitForBatch(await fleet.submitBatch(echoes(1), { batchId: 'b' }));
    await clock.advance(2 * minute);
    expect(await idsOf(fleet)).toEqual(['a', 'b']);

    clock.shiftMs = -8 * hour;
    await clock.advance(2 * minute);
    expect(await idsOf(fleet)).toEqual(['a']);
    clock.shiftMs = 2 * hour;
    await clock.advance(2 * minute);
    expect(await idsOf(fleet)).toEqual([]);
  });
});

describe('retention by number', () => {
  it('removes, as soon as one settles, those that settled first beyond it', async () => {
    const { fleet, release, clock } = await heldFleet({ retention: { maxBatches: 2 } });
    await fleet.submitBatch(held(1), { batchId: 'first' });
    for (const batchId of ['a', 'b', 'c']) {
      await fleet.submitBatch(echoes(1), { batchId });
      await clock.advance(10);
    }
    expect(await idsOf(fleet)).toEqual(['first', 'b', 'c']);
    await release('done');
    await settled();

    expect(await idsOf(fleet)).toEqual(['first', 'c']);
    expect(await fleet.getBatchStatus('first')).toMatchObject({ status: 'completed' });
  });

  it('does not count single tasks', async () => {
    const { fleet, clock } = await startFleet({ ...echo, config: { retention: { maxBatches: 0 } } });
    await fleet.submit('echo', 1, { id: 'single' });
    await clock.advance(2 * minute);

    expect(await fleet.getTask('single')).toMatchObject({ status: 'completed' });
  });

  it('tells whoever waited for the batch how it ended before it goes', async () => {
    const { fleet } = await startFleet({ ...echo, config: { retention: { maxBatches: 0 } } });
    const batchId = await fleet.submitBatch(echoes(3));

    expect(await fleet.waitForBatch(batchId)).toMatchObject({ status: 'completed', completedTasks: 3 });
    await settled();
    expect(await idsOf(fleet)).toEqual([]);
  });

  it('removes more batches than go at once', async () => {
    const { fleet } = await startFleet({ ...echo });
    for (let index = 0; index < 50; index++) await fleet.submitBatch([], { batchId: `b${index}` });
    await fleet.updateConfig({ retention: { maxBatches: 3 } });
    await settled();
    await settled();

    expect(await idsOf(fleet)).toEqual(['b47', 'b48', 'b49']);
  });
});

describe('the retention of a fleet', () => {
  it('is none by default', async () => {
    const { fleet, clock } = await startFleet({ ...echo });
    await fleet.submitBatch(echoes(1), { batchId: 'b' });
    await clock.block(1_000_000 * hour);
    await fleet.submit('echo', 'a turn');
    await settled();

    expect(await idsOf(fleet)).toEqual(['b']);
  });

  it('can be changed, at once and durably, each limit by itself', async () => {
    const { fleet, clock, crash, restart } = await startFleet({ ...echo });
    for (const batchId of ['a', 'b', 'c']) await fleet.submitBatch(echoes(1), { batchId });
    await clock.advance(10);
    await fleet.updateConfig({ retention: { maxBatches: 2 } });
    await settled();
    expect(await idsOf(fleet)).toEqual(['b', 'c']);
    await fleet.updateConfig({ retention: { maxAgeMs: hour } });
    await crash();

    const next = await restart();
    const { config } = next.fleet.actor.getSnapshot().context;
    expect(config.retention).toEqual({ maxAgeMs: hour, maxBatches: 2, maxResults: null });
    await clock.block(2 * hour);
    expect(await idsOf(next.fleet)).toEqual([]);
  });

  it('is taken up by the next start', async () => {
    const first = await startFleet({ ...echo });
    await first.fleet.submitBatch(echoes(1), { batchId: 'b' });
    await first.clock.advance(10);
    await first.crash();
    const { fleet, clock } = await first.restart({ config: { retention: { maxAgeMs: minute } } });
    await clock.block(3 * minute);

    expect(await idsOf(fleet)).toEqual([]);
  });

  it.each<[retention: object, argument: string]>([
    [{ maxAgeMs: -1 }, 'config.retention.maxAgeMs'],
    [{ maxBatches: 1.5 }, 'config.retention.maxBatches'],
    [{ maxAge: 1 }, 'config.retention']
  ])('refuses %j', async (retention, argument) => {
    const { fleet } = await startFleet({ ...echo });
    await expect(fleet.updateConfig({ retention } as ConfigPatch)).rejects.toMatchObject({
      code: 'ERR_VALIDATION',
      argument: expect.stringContaining(argument) as string
    });
  });

  it('lets the sums stand, also when the process is lost right after', async () => {
    const first = await startFleet({ ...echo, config: { retention: { maxBatches: 0, maxAgeMs: 0 } } });
    await first.fleet.submitBatch(echoes(5), { batchId: 'b' });
    await first.fleet.submit('echo', 1, { id: 'single' });
    await settled();
    await first.clock.advance(2 * minute);
    expect(await first.store.readResults('test', { limit: 9 })).toEqual([]);
    const stats = await first.fleet.getStats();
    await first.crash();
    const { fleet } = await first.restart();

    expect(await fleet.getStats()).toMatchObject({ ...stats, workerCount: expect.any(Number) as number });
    expect(stats).toMatchObject({ totalBatches: 1, totalTasks: 6, completedTasks: 6 });
    expect(await fleet.coordinator.getSummary()).toMatchObject({ totalResults: 6, successCount: 6 });
  });

  it('removes a batch only when the results of its last turn are counted durably', async () => {
    const lost = gate<never>();
    let removals = 0;
    const store = storeWith({
      onSlice: (slice) => {
        removals += 1;
        return slice();
      }
    });
    const commits: number[] = [];
    const counting: Store = {
      ...store,
      commit: async (commit) => {
        // The commit after the one with the results is the last one of the process.
        if (commits.length > 0 && removals > 0) return lost.promise;
        if (commit.results.length > 0) commits.push(commit.head.turn);
        return store.commit(commit);
      }
    };
    const first = await startFleet({ ...echo, store: counting, config: { retention: { maxBatches: 0 } } });
    await first.fleet.submitBatch(echoes(4), { batchId: 'b' });
    await settled();
    await first.crash();
    const { fleet } = await first.restart({ store });

    expect(await idsOf(fleet)).toEqual([]);
    expect(await fleet.coordinator.getCount()).toBe(4);
  });

  it('frees the ids: the same batch is a new one', async () => {
    const { fleet, clock } = await startFleet({ ...echo, config: { retention: { maxAgeMs: 0 } } });
    await fleet.submitBatch(echoes(2), { batchId: 'b' });
    await clock.advance(3 * minute);
    await fleet.submitBatch(echoes(3), { batchId: 'b' });
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ totalTasks: 3, completedTasks: 3 });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 2, totalTasks: 5 });
  });

  it('disturbs nothing when the store fails it, and is tried again', async () => {
    const faults = { slices: 1, looks: 1 };
    const store = storeWith({
      onSlice: (slice) => (faults.slices-- > 0 ? full() : slice()),
      onLook: () => {
        if (faults.looks-- > 0) throw new StoreError('ERR_STORE_IO', 'no luck', 'refused');
      }
    });
    const { fleet, clock } = await startFleet({
      ...echo,
      store,
      config: { retention: { maxAgeMs: minute } }
    });
    await fleet.submitBatch(echoes(3), { batchId: 'b' });
    await clock.advance(2 * minute);
    expect(await fleet.submit('echo', 'works')).toBe('works');
    await settled();
    expect(fleet.actor.getSnapshot().value.journal).toBe('clean');
    await clock.advance(3 * minute);

    expect(faults).toEqual({ slices: -1, looks: expect.any(Number) as number });
    expect(await idsOf(fleet)).toEqual([]);
  });
});

describe('a removal', () => {
  it('lets turns and commits through between its slices', async () => {
    const slices = gatedSlices();
    const { fleet } = await bigBatch(slices.store);
    const removed = fleet.removeBatch('big');
    await slices.next();

    expect(await fleet.submit('echo', 'meanwhile')).toBe('meanwhile');
    await expect(fleet.getBatchStatus('big')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    slices.openAll();
    await removed;
    expect((await fleet.listTasks()).map(({ data }) => data)).toEqual(['meanwhile']);
  });

  it('has a submission under the id wait for its end, and mixes nothing', async () => {
    const slices = gatedSlices();
    const { fleet } = await bigBatch(slices.store);
    const removed = fleet.removeBatch('big');
    await slices.next();
    let isSubmitted = false;
    const submitted = fleet.submitBatch(echoes(3), { batchId: 'big' }).finally(() => (isSubmitted = true));
    await settled();
    expect(isSubmitted).toBe(false);
    slices.openAll();
    await removed;
    await submitted;
    await settled();

    expect(await fleet.getBatchStatus('big')).toMatchObject({ totalTasks: 3, completedTasks: 3 });
    expect(await fleet.getBatchResults('big')).toHaveLength(3);
    expect(await fleet.listTasks({ batchId: 'big' })).toHaveLength(3);
  });

  it('that is asked for twice ends for both', async () => {
    const slices = gatedSlices();
    const { fleet } = await bigBatch(slices.store);
    const first = fleet.removeBatch('big');
    await slices.next();
    const second = fleet.removeBatch('big');
    await settled();
    slices.openAll();

    await Promise.all([first, second]);
    await expect(fleet.removeBatch('big')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('that is cut by the end of the process goes on after the next start, and nobody sees a half', async () => {
    const slices = gatedSlices();
    const first = await bigBatch(slices.store);
    void first.fleet.removeBatch('big').catch(() => {});
    await slices.next();
    await first.crash();
    slices.openAll();
    const again = gatedSlices(slices.inner);
    const { fleet } = await first.restart({ store: again.store });

    expect(await idsOf(fleet)).toEqual([]);
    expect(await fleet.listTasks()).toEqual([]);
    expect(await slices.inner.readResults('test', { limit: 9 })).toEqual([]);
    const submitted = fleet.submitBatch(echoes(1), { batchId: 'big' });
    await settled();
    expect(await idsOf(fleet)).toEqual([]);
    again.openAll();
    await submitted;
    await settled();
    expect(await fleet.getBatchResults('big')).toHaveLength(1);
  });

  it('that is cut by a stop tells the caller, and goes on after the next start', async () => {
    const slices = gatedSlices();
    const first = await bigBatch(slices.store);
    const removed = first.fleet.removeBatch('big').catch((error: unknown) => error);
    await slices.next();
    const stopped = first.fleet.stop();
    await settled();
    slices.openAll();
    await stopped;
    expect(await removed).toMatchObject({ code: 'ERR_NOT_RUNNING' });

    const { fleet } = await first.restart();
    await settled();
    await fleet.submitBatch(echoes(1), { batchId: 'big' });
    expect(await fleet.listTasks()).toHaveLength(1);
  });

  it('whose first slice is refused leaves the batch whole, and can be asked for again', async () => {
    const faults = [full];
    const { fleet, clock } = await bigBatch(storeWith({ onSlice: (slice) => (faults.pop() ?? slice)() }));
    await expect(fleet.removeBatch('big')).rejects.toMatchObject({ code: 'ERR_STORE_FULL' });
    await clock.advance(3 * minute);
    expect(await fleet.getBatchStatus('big')).toMatchObject({ completedTasks: manyTasks });
    expect(await fleet.submitBatch(echoes(manyTasks), { batchId: 'big' })).toBe('big');
    await fleet.removeBatch('big');

    expect(await fleet.listTasks()).toEqual([]);
  });

  it('whose second slice is refused tells the caller, refuses the id, and can be asked for again', async () => {
    const slice = (write: () => Promise<boolean>) => write();
    const faults = [full, slice];
    const { fleet } = await bigBatch(storeWith({ onSlice: (write) => (faults.pop() ?? slice)(write) }));
    await expect(fleet.removeBatch('big')).rejects.toMatchObject({ code: 'ERR_STORE_FULL' });
    await expect(fleet.getBatchStatus('big')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await expect(fleet.submitBatch(echoes(1), { batchId: 'big' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      id: 'big'
    });
    await fleet.removeBatch('big');
    await fleet.submitBatch(echoes(1), { batchId: 'big' });

    expect(await fleet.listTasks()).toHaveLength(1);
  });

  it('that is asked for again while the store fails it is answered', async () => {
    const inner = memoryStore();
    const look = gate();
    const faults = [full];
    let isFailing = false;
    const slices = storeWith({ onSlice: (slice) => (faults.pop() ?? slice)() }, inner);
    const store: Store = {
      ...slices,
      async readBatch(scope, id) {
        // The look whether it is there still, after the slice that failed.
        if (faults.length > 0 || isFailing) return inner.readBatch(scope, id);
        isFailing = true;
        await look.promise;
        throw new StoreError('ERR_STORE_IO', 'no luck', 'refused');
      }
    };
    const { fleet } = await bigBatch(store);
    const first = fleet.removeBatch('big').catch((error: unknown) => error);
    await settled();
    const second = fleet.removeBatch('big');
    await settled();
    look.open();
    let isAnswered = false;
    void second.finally(() => (isAnswered = true));
    await settled();

    expect(await first).toMatchObject({ code: 'ERR_STORE_FULL' });
    expect(isAnswered).toBe(true);
    expect(await fleet.listTasks()).toEqual([]);
  });

  it('that ends while a submission under its id is looked up lets nothing of the old batch count', async () => {
    const inner = memoryStore();
    const slice = gate();
    const read = gate();
    let isReading = false;
    const slices = storeWith(
      {
        onSlice: async (write) => {
          await slice.promise;
          return write();
        }
      },
      inner
    );
    const store: Store = {
      ...slices,
      async readBatch(scope, id) {
        const row = await inner.readBatch(scope, id);
        if (isReading) await read.promise;
        return row;
      }
    };
    const { fleet } = await startFleet({ ...echo, store });
    await fleet.submitBatch(echoes(2), { batchId: 'b' });
    await fleet.waitForBatch('b');
    const removed = fleet.removeBatch('b');
    await settled();
    isReading = true;
    const submitted = fleet.submitBatch(echoes(2), { batchId: 'b' });
    await settled();
    slice.open();
    await removed;
    read.open();
    await submitted;
    await settled();

    expect(await fleet.getBatchStatus('b')).toMatchObject({ totalTasks: 2, completedTasks: 2 });
    expect(await fleet.getStats()).toMatchObject({ totalBatches: 2 });
  });

  it('that the store interrupted is ended within a minute, though nobody asks', async () => {
    const faults = [lostAnswer];
    const { fleet, clock } = await bigBatch(
      storeWith({ onSlice: (slice) => (faults.pop() ?? ((write) => write()))(slice) })
    );
    await expect(fleet.removeBatch('big')).rejects.toMatchObject({
      code: 'ERR_STORE_IO',
      outcome: 'unknown'
    });
    await expect(fleet.submitBatch([], { batchId: 'big' })).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    await clock.advance(2 * minute);
    await fleet.submitBatch(echoes(1), { batchId: 'big' });

    expect(await fleet.listTasks()).toHaveLength(1);
  });

  it('ends a stream of results with an error, never as if it were whole', async () => {
    const { fleet } = await bigBatch(memoryStore());
    const read: unknown[] = [];
    const reading = (async () => {
      for await (const result of fleet.streamBatchResults('big')) {
        read.push(result);
        if (read.length === 1_500) await fleet.removeBatch('big');
      }
    })();

    await expect(reading).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', id: 'big' });
    expect(read.length).toBeLessThan(manyTasks);
  });

  it.each(['getBatchResults', 'streamBatchResults'] as const)(
    'ends %s with an error when it comes just before a page is read',
    async (method) => {
      const inner = memoryStore();
      let pages = 0;
      const store: Store = {
        ...inner,
        async readResults(scope, query) {
          if (query.batchId === 'big' && (pages += 1) === 2) await inner.removeBatch('test', 'big');
          return inner.readResults(scope, query);
        }
      };
      const { fleet } = await bigBatch(store);
      const read = method === 'getBatchResults' ? fleet[method]('big') : collect(fleet[method]('big'));

      await expect(read).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', id: 'big' });
    }
  );

  it('leaves a stream that was read to its end as it was', async () => {
    const { fleet } = await bigBatch(memoryStore());
    expect(await collect(fleet.streamBatchResults('big'))).toHaveLength(manyTasks);
    await fleet.removeBatch('big');
  });
});

describe('whatever settles, is removed and expires', () => {
  type Step =
    | { readonly type: 'settle'; readonly id: number; readonly hours: number }
    | { readonly type: 'single' | 'hold' | 'remove'; readonly id: number; readonly hours: number }
    | {
        readonly type: 'retain';
        readonly maxAgeHours: number | null;
        readonly maxBatches: number | null;
        readonly hours: number;
      };
  const hours = fc.nat(4);
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('settle' as const), id: fc.nat(5), hours }) },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constantFrom('single', 'hold', 'remove'), id: fc.nat(5), hours })
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('retain' as const),
        maxAgeHours: fc.option(fc.nat(8)),
        maxBatches: fc.option(fc.nat(3)),
        hours
      })
    }
  );

  it('leaves exactly what a plain list keeps', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const { fleet, clock } = await heldFleet({ workerTimeout: 1_000 * hour });
        const model = new RetentionModel();
        for (const next of steps) {
          if (next.type === 'retain') {
            // Half an hour more, so that the minutes that the steps take decide nothing.
            const maxAgeMs = next.maxAgeHours === null ? null : (next.maxAgeHours + 0.5) * hour;
            await fleet.updateConfig({ retention: { maxAgeMs, maxBatches: next.maxBatches } });
            model.retain(maxAgeMs, next.maxBatches);
          } else if (next.type === 'remove') {
            await fleet.removeBatch(`b${next.id}`).catch(() => {});
            model.remove(`b${next.id}`);
          } else if (next.type === 'single') {
            await fleet.submit('echo', 1, { id: `s${next.id}` });
            model.single(`s${next.id}`, clock.now());
          } else {
            const tasks = next.type === 'hold' ? held(1) : echoes(2);
            await fleet.submitBatch(tasks, { batchId: `b${next.id}` }).catch(() => {});
            model.batch(`b${next.id}`, next.type === 'hold' ? null : clock.now());
          }
          await settled();
          await clock.block(next.hours * hour);
          await clock.advance(minute);
          model.look(clock.now());
          expect({
            batches: (await idsOf(fleet)).sort(),
            singles: (await fleet.listTasks()).flatMap(({ key }) => (key.includes('/') ? [] : [key])).sort()
          }).toEqual(model.left());
        }
        await fleet.stop({ graceful: false });
      }),
      { numRuns: 40 }
    );
  });
});

/** What is kept, as a list that is filtered. */
class RetentionModel {
  #batches: { readonly id: string; readonly settledAt: number | null }[] = [];
  #singles: { readonly id: string; readonly settledAt: number }[] = [];
  #maxAgeMs: number | null = null;
  #maxBatches: number | null = null;

  retain(maxAgeMs: number | null, maxBatches: number | null): void {
    this.#maxAgeMs = maxAgeMs;
    this.#maxBatches = maxBatches;
  }

  batch(id: string, settledAt: number | null): void {
    if (this.#batches.every((batch) => batch.id !== id)) this.#batches.push({ id, settledAt });
    this.#letGoByNumber();
  }

  single(id: string, settledAt: number): void {
    if (this.#singles.every((single) => single.id !== id)) this.#singles.push({ id, settledAt });
  }

  remove(id: string): void {
    this.#batches = this.#batches.filter((batch) => batch.id !== id || batch.settledAt === null);
  }

  look(now: number): void {
    this.#letGoByNumber();
    if (this.#maxAgeMs === null) return;
    const before = now - this.#maxAgeMs;
    this.#batches = this.#batches.filter(({ settledAt }) => settledAt === null || settledAt >= before);
    this.#singles = this.#singles.filter(({ settledAt }) => settledAt >= before);
  }

  left() {
    return {
      batches: this.#batches.map(({ id }) => id).sort(),
      singles: this.#singles.map(({ id }) => id).sort()
    };
  }

  #letGoByNumber(): void {
    if (this.#maxBatches === null) return;
    const ended = this.#batches.filter(({ settledAt }) => settledAt !== null);
    const gone = new Set(ended.slice(0, Math.max(0, ended.length - this.#maxBatches)));
    this.#batches = this.#batches.filter((batch) => !gone.has(batch));
  }
}

/** Time as it passes, under a wall clock that may be set. */
class WallClock extends SimulatedClock {
  shiftMs = 0;

  override now(): number {
    return super.now() + this.shiftMs;
  }
}

interface StoreHooks {
  /** Runs a slice of a batch's removal, or not. */
  readonly onSlice?: (slice: () => Promise<boolean>) => Promise<boolean>;
  /** Told what retention looks for. */
  readonly onLook?: (what: 'results' | 'batches') => void;
}

function storeWith({ onSlice, onLook }: StoreHooks, inner = memoryStore()): Store {
  return {
    ...inner,
    removeBatch: (scope, id) => {
      const slice = () => inner.removeBatch(scope, id);
      return onSlice ? onSlice(slice) : slice();
    },
    async removeExpiredResults(scope, query) {
      onLook?.('results');
      return inner.removeExpiredResults(scope, query);
    },
    async listExpiredBatches(scope, query) {
      onLook?.('batches');
      return inner.listExpiredBatches(scope, query);
    }
  };
}

/** A store whose slices, from the second one on, wait for the test. */
function gatedSlices(inner = memoryStore()) {
  const all = gate();
  const second = gate();
  let slices = 0;
  const store = storeWith(
    {
      onSlice: async (slice) => {
        if ((slices += 1) > 1) {
          second.open();
          await all.promise;
        }
        return slice();
      }
    },
    inner
  );
  return { store, inner, next: () => second.promise, openAll: () => all.open() };
}

/** A fleet with the batch `big`, which has settled. */
async function bigBatch(store: Store) {
  const started = await startFleet({ ...echo, store, config: { maxConcurrentWorkers: 100 } });
  await started.fleet.submitBatch(echoes(manyTasks), { batchId: 'big' });
  await started.fleet.waitForBatch('big');
  return started;
}

async function idsOf(fleet: { listBatches(): Promise<{ readonly id: string }[]> }): Promise<string[]> {
  return (await fleet.listBatches()).map(({ id }) => id);
}

function external(clock: SimulatedClock) {
  return { taskId: 'x', success: true, duration: 1, timestamp: clock.now() };
}
