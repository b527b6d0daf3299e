import { describe, expect, it } from 'vitest';
import { memoryStore, type Store } from '../../src/index.ts';
import { faultyStore, settled, SimulatedClock, startFleet } from '../harness.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const hourly = { cron: '0 * * * *' };
const work = { type: 'work', data: null } as const;

function recorder() {
  const seen: number[] = [];
  const handlers = {
    work: (_: unknown, { task }: { readonly task: { readonly metadata: unknown } }) =>
      void seen.push((task.metadata as { schedule: { at: number } }).schedule.at)
  };
  return { seen, handlers };
}

function clockTimes(times: readonly number[]): string[] {
  return times.map((at) => new Date(at).toISOString().slice(5, 16).replace('T', ' '));
}

describe('times that passed while nobody ran the fleet', () => {
  it.each([
    ['none', [], 5],
    ['last', ['01-01 05:00'], 4],
    ['all', ['01-01 01:00', '01-01 02:00', '01-01 03:00', '01-01 04:00', '01-01 05:00'], 0]
  ] as const)('are caught up on as catchUp %s says', async (catchUp, fired, skipped) => {
    const { seen, handlers } = recorder();
    const { fleet, clock, crash, restart } = await startFleet({ handlers });
    await fleet.schedule('a', hourly, work, { catchUp });
    await crash();
    await clock.advance(5 * hour + minute);

    const next = await restart();
    await clock.advance(0);
    expect(clockTimes(seen)).toEqual(fired);
    expect(await next.fleet.getSchedule('a')).toMatchObject({ runs: fired.length, skipped });

    await clock.advance(hour);
    expect(clockTimes(seen)).toEqual([...fired, '01-01 06:00']);
  });

  it('are one run by default', async () => {
    const { seen, handlers } = recorder();
    const { fleet, clock, restart } = await startFleet({ handlers });
    await fleet.schedule('a', { everyMs: hour }, work);
    await fleet.stop();
    await clock.advance(5 * hour + minute);

    await restart();
    await clock.advance(0);

    expect(clockTimes(seen)).toEqual(['01-01 05:00']);
  });

  it.each([
    ['an interval', { everyMs: 1_000 }],
    ['a cron expression', { cron: '* * * * * *' }]
  ])('are the last 100 of %s, and all others are counted', async (_, timing) => {
    const { seen, handlers } = recorder();
    const { fleet, clock, restart } = await startFleet({ handlers, config: { maxConcurrentWorkers: 100 } });
    const start = clock.now();
    await fleet.schedule('a', timing, work, { catchUp: 'all', endAt: start + hour });
    await fleet.stop();
    await clock.advance(day);

    const next = await restart();
    await clock.advance(0);

    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => start + (3_500 + index) * 1_000));
    expect(await next.fleet.getSchedule('a')).toMatchObject({ runs: 100, skipped: 3_499, status: 'ended' });
  });

  it('of a year of seconds are counted at once', async () => {
    const { seen, handlers } = recorder();
    const { fleet, clock, restart } = await startFleet({ handlers });
    await fleet.schedule('a', { everyMs: 1_000 }, work);
    await fleet.stop();
    await clock.advance(365 * day + 500);

    const next = await restart();
    await clock.advance(0);

    expect(seen).toHaveLength(1);
    expect(await next.fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 365 * 86_400 - 1 });
  });
});

describe('the wall clock', () => {
  it('that is set forward has what was missed caught up on, within a minute', async () => {
    const clock = new SimulatedClock();
    const { seen, handlers } = recorder();
    const { fleet } = await startFleet({ handlers, clock });
    await fleet.schedule('a', hourly, work);
    await clock.advance(minute);

    clock.jump(5 * hour + 30 * minute);
    await clock.advance(minute);

    expect(clockTimes(seen)).toEqual(['01-01 05:00']);
    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 4 });
  });

  it('that is set back fires no time again', async () => {
    const clock = new SimulatedClock();
    const { seen, handlers } = recorder();
    const { fleet } = await startFleet({ handlers, clock });
    await fleet.schedule('a', hourly, work);
    await clock.advance(3 * hour);

    clock.jump(-2 * hour);
    await clock.advance(3 * hour);

    expect(clockTimes(seen)).toEqual(['01-01 01:00', '01-01 02:00', '01-01 03:00', '01-01 04:00']);
    expect(await fleet.getSchedule('a')).toMatchObject({ runs: 4, skipped: 0 });
  });
});

describe('Europe/Berlin', () => {
  const zone = { timeZone: 'Europe/Berlin' };

  it.each([
    [
      'fires a fixed time that the gap leaves out at its end',
      '30 2 * * *',
      '2026-03-28',
      ['03-28 01:30', '03-29 01:00', '03-30 00:30']
    ],
    [
      'fires a fixed time that comes twice once',
      '30 2 * * *',
      '2026-10-24',
      ['10-24 00:30', '10-25 00:30', '10-26 01:30']
    ],
    [
      'leaves recurring times out that the gap leaves out',
      '0,30 2 * * *',
      '2026-03-28',
      ['03-28 01:00', '03-28 01:30', '03-30 00:00', '03-30 00:30']
    ],
    [
      'fires recurring times twice that come twice',
      '*/30 2 * * *',
      '2026-10-25',
      [
        '10-25 00:00',
        '10-25 00:30',
        '10-25 01:00',
        '10-25 01:30',
        '10-26 01:00',
        '10-26 01:30',
        '10-27 01:00',
        '10-27 01:30'
      ]
    ]
  ])('%s', async (_, cron, from, fired) => {
    const clock = new SimulatedClock(Date.parse(`${from}T00:00:00+01:00`));
    const { seen, handlers } = recorder();
    const { fleet } = await startFleet({ handlers, clock });
    await fleet.schedule('a', { cron, ...zone }, work);

    await clock.advance(3 * day - hour);

    expect(clockTimes(seen)).toEqual(fired);
  });
});

describe('a crash', () => {
  it.each(['refused', 'done'] as const)(
    'at a commit that was %s neither loses a firing nor repeats it',
    async (fate) => {
      const { seen, handlers } = recorder();
      const faults = faultyStore();
      const { fleet, clock, crash, restart } = await startFleet({ handlers, store: faults.store });
      await fleet.schedule('a', hourly, work);
      faults.next(async (write) => {
        if (fate === 'done') await write();
        await new Promise(() => {});
      });
      await clock.advance(hour);
      await crash();

      const next = await restart();
      await clock.advance(0);
      await settled();

      expect(clockTimes(seen)).toEqual(['01-01 01:00']);
      expect(await next.fleet.getSchedule('a')).toMatchObject({ runs: 1, skipped: 0 });
      expect(await next.fleet.listTasks()).toHaveLength(1);
    }
  );

  it('of the store is waited for: what became due meanwhile fires once it is back', async () => {
    const { seen, handlers } = recorder();
    const faults = faultyStore();
    const { fleet, clock } = await startFleet({ handlers, store: faults.store });
    await fleet.schedule('a', hourly, work);
    for (let failures = 0; failures < 3; failures++) faults.next(() => Promise.reject(new Error('no disk')));

    await clock.advance(hour + minute);

    expect(clockTimes(seen)).toEqual(['01-01 01:00']);
  });
});

describe('10,000 schedules that are due at once', () => {
  it('fire in slices, none larger than a turn may be, each once', async () => {
    const sizes: number[] = [];
    const memory = memoryStore();
    const store: Store = {
      ...memory,
      commit(commit) {
        sizes.push(commit.newTasks.length + commit.schedules.length);
        return memory.commit(commit);
      }
    };
    const { seen, handlers } = recorder();
    const { fleet, clock } = await startFleet({ handlers, store, config: { maxConcurrentWorkers: 1_000 } });
    const timing = { everyMs: day };
    const startAt = clock.now() + hour;
    const ids = Array.from({ length: 10_000 }, (_, index) => `s${index}`);
    await Promise.all(ids.map((id) => fleet.schedule(id, timing, work, { startAt })));
    await expect(fleet.schedule('more', timing, work)).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      kind: 'schedule'
    });
    sizes.length = 0;

    await clock.advance(hour);
    while (seen.length < ids.length) await settled();

    expect(Math.max(...sizes)).toBeLessThanOrEqual(2_000);
    expect(new Set((await fleet.listTasks({ limit: 1_000 })).map(({ key }) => key)).size).toBe(1_000);
    expect(seen).toHaveLength(10_000);
    expect((await fleet.getStats()).totalTasks).toBe(10_000);
  });
});
