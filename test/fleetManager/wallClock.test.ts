import { describe, expect, it } from 'vitest';
import { memoryStore, type Store } from '../../src/index.ts';
import { settled, SimulatedClock, startFleet } from '../harness.ts';

const hour = 3_600_000;
const year = 365 * 24 * hour;

/** Its wall clock can be set; monotonic time goes on as it did. */
class SettableClock extends SimulatedClock {
  shift = 0;

  override now(): number {
    return super.now() + this.shift;
  }
}

const minute = 60_000;
const retry = { baseMs: 5_000, factor: 2, maxMs: 10_000, jitter: 'none' } as const;

/** A handler that fails at its first call. */
function failOnce(): () => string {
  let calls = 0;
  return () => {
    calls += 1;
    if (calls === 1) throw new Error('not yet');
    return 'done';
  };
}

const hang = () => new Promise<never>(() => {});

describe('the wall clock', () => {
  it.each([
    ['back by two hours', -2 * hour],
    ['forward by a year', year]
  ])('set %s changes nothing for a running attempt', async (_, shift) => {
    const clock = new SettableClock();
    const { fleet } = await startFleet({ handlers: { hang }, clock, config: { maxRetries: 0 } });
    const batchId = await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, timeoutMs: 500 }]);
    await clock.advance(200);
    clock.shift = shift;

    await clock.advance(299);
    expect(await fleet.getBatchStatus(batchId)).toMatchObject({ runningTasks: 1 });
    await clock.advance(1);

    const [result] = await fleet.getBatchResults(batchId);
    expect(result).toMatchObject({ status: 'timedOut' });
    expect(result!.duration).toBeGreaterThanOrEqual(0);
  });

  it('is looked at each minute without a turn, while nothing is due', async () => {
    const rings: unknown[] = [];
    const { fleet, clock } = await startFleet({
      handlers: { hang },
      inspect: (event) => {
        if (event.type === '@xstate.event' && event.event.type === 'alarm.rang') rings.push(clock.now());
      }
    });
    const startAfter = clock.now() + hour;
    await fleet.submitBatch([{ id: 'a', type: 'hang', data: null, startAfter }]);
    await clock.advance(hour);
    expect(rings).toEqual([startAfter]);
    expect(await fleet.getStats()).toMatchObject({ runningTasks: 1 });
  });

  it('set forward past a start time starts the task within a minute', async () => {
    const clock = new SettableClock();
    const { fleet } = await startFleet({ handlers: { work: () => 'done' }, clock });
    await fleet.submitAsync('work', null, { id: 'later', startAfter: clock.now() + hour });
    await clock.advance(1_000);
    clock.shift = 2 * hour;

    await clock.advance(60_000);

    expect(await fleet.getTask('later')).toMatchObject({ status: 'completed' });
  });

  it('set back before a start time starts the task when it shows that time', async () => {
    const clock = new SettableClock();
    const { fleet } = await startFleet({ handlers: { work: () => 'done' }, clock });
    await fleet.submitAsync('work', null, { id: 'later', startAfter: clock.now() + hour });
    clock.shift = -2 * hour;

    await clock.advance(3 * hour - 1);
    expect(await fleet.getTask('later')).toMatchObject({ status: 'scheduled' });
    await clock.advance(1);

    expect(await fleet.getTask('later')).toMatchObject({ status: 'completed' });
  });

  it('set back before a retry delays it by no more than the longest backoff, once that is noticed', async () => {
    const clock = new SettableClock();
    const { fleet } = await startFleet({ handlers: { flaky: failOnce() }, clock, retry });
    await fleet.submitAsync('flaky', null, { id: 'a' });
    await settled();
    expect(await fleet.getTask('a')).toMatchObject({ status: 'backingOff' });
    clock.shift = -2 * hour;

    await clock.advance(minute + retry.maxMs);

    expect(await fleet.getTask('a')).toMatchObject({ status: 'completed' });
  });

  it('of the next process that is behind delays a retry by no more than the longest backoff', async () => {
    const store = memoryStore();
    const earlier = new SettableClock();
    const flaky = failOnce();
    const { fleet: first } = await startFleet({ handlers: { flaky }, clock: earlier, retry, store });
    await first.submitAsync('flaky', null, { id: 'a' });
    await settled();
    await first.stop({ graceful: false });
    const clock = new SettableClock();
    clock.shift = -24 * hour;
    const { fleet } = await startFleet({ handlers: { flaky }, clock, retry, store });

    await clock.advance(retry.maxMs - 1);
    expect(await fleet.getTask('a')).toMatchObject({ status: 'backingOff' });
    await clock.advance(1);

    expect(await fleet.getTask('a')).toMatchObject({ status: 'completed' });
  });
});

describe('many deadlines at one time', () => {
  it('are taken in slices, none larger than a turn may be, and in order of submission', async () => {
    const sizes: number[] = [];
    const memory = memoryStore();
    const store: Store = {
      ...memory,
      commit(commit) {
        sizes.push(commit.tasks.length);
        return memory.commit(commit);
      }
    };
    const order: number[] = [];
    const { fleet, clock } = await startFleet({
      handlers: { work: (data: number) => void order.push(data) },
      store,
      config: { maxConcurrentWorkers: 100 }
    });
    const startAfter = clock.now() + hour;
    const count = 20_000;
    const tasks = Array.from({ length: count }, (_, index) => ({
      id: String(index),
      type: 'work' as const,
      data: index,
      startAfter
    }));
    const batchId = await fleet.submitBatch(tasks);
    sizes.length = 0;

    await clock.advance(hour);
    while ((await fleet.getBatchStatus(batchId)).status !== 'completed') await settled();

    expect(Math.max(...sizes)).toBeLessThanOrEqual(4_200);
    expect(order).toEqual(tasks.map(({ data }) => data));
  });
});
