import { describe, expect, it } from 'vitest';
import { SimulatedClock, startFleet } from '../harness.ts';

const minute = 60_000;

describe('a task of low priority', () => {
  it('is passed by no task that comes later than the bound, behind an endless stream of higher ones', async () => {
    const { clock, fleet, ran } = await slowFleet({});
    // Five points: five minutes.
    await fleet.submitAsync('work', null, { id: 'low', priority: 5 });
    for (let second = 0; second < 400 && !ran.includes('low'); second++) {
      await fleet.submitAsync('work', null, { id: `a${second}`, priority: 10 });
      await fleet.submitAsync('work', null, { id: `b${second}`, priority: 10 });
      await clock.advance(1_000);
    }

    // Two come each second and one is done: those of the first five minutes go before it.
    const before = ran.slice(0, ran.indexOf('low'));
    expect(before).toHaveLength(ran.length - 1);
    expect(before.every((id) => Number(id.slice(1)) < 300)).toBe(true);
  });

  it.each([
    ['waits for ever without ageing', null, ['high2', 'low']],
    ['goes first once it has waited long enough', 1_000, ['low', 'high2']]
  ])('%s', async (_, ageingMs, order) => {
    const { clock, fleet, ran } = await slowFleet({ ageingMs });
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'low', priority: 0 });
    await clock.advance(5_001);
    await fleet.submitAsync('work', null, { id: 'high2', priority: 5 });
    await fleet.resume();
    await clock.advance(10_000);
    expect(ran).toEqual(order);
  });

  it('has waited on after a restart', async () => {
    const first = await slowFleet({ ageingMs: 1_000 });
    await first.fleet.pause();
    await first.fleet.submitAsync('work', null, { id: 'low', priority: 0 });
    await first.clock.advance(5_001);
    await first.crash();
    const { fleet } = await first.restart();
    await fleet.submitAsync('work', null, { id: 'high', priority: 5 });
    await fleet.resume();
    await first.clock.advance(10_000);
    expect(first.ran).toEqual(['low', 'high']);
  });

  it('does not age before its start time', async () => {
    const { clock, fleet, ran } = await slowFleet({ ageingMs: 1_000 });
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'later', priority: 0, delayMs: 10_000 });
    await clock.advance(10_000);
    await fleet.submitAsync('work', null, { id: 'high', priority: 5 });
    await fleet.resume();
    await clock.advance(10_000);
    expect(ran).toEqual(['high', 'later']);
  });

  it('ages by another measure from the moment that the config says so', async () => {
    const { clock, fleet, ran } = await slowFleet({});
    await fleet.pause();
    await fleet.submitAsync('work', null, { id: 'low', priority: 0 });
    await clock.advance(2 * minute);
    await fleet.submitAsync('work', null, { id: 'high', priority: 5 });
    await fleet.updateConfig({ ageingMs: 1_000 });
    await fleet.resume();
    await clock.advance(10_000);
    expect(ran).toEqual(['low', 'high']);
  });
});

describe('tasks of one priority', () => {
  it('keep their order though the clock is set back between them', async () => {
    const { clock, fleet, ran } = await slowFleet({ ageingMs: 1_000 });
    await fleet.pause();
    for (const id of ['a', 'b', 'c']) {
      await fleet.submitAsync('work', null, { id });
      clock.jump(-minute);
    }
    await fleet.resume();
    await clock.advance(10_000);
    expect(ran).toEqual(['a', 'b', 'c']);
  });

  it('keep the place of one that is retried', async () => {
    const ran: string[] = [];
    const { clock, fleet } = await startFleet({
      handlers: {
        work: (_: null, { key, attempt }) => {
          ran.push(`${key}#${attempt}`);
          if (key === 'a' && attempt === 1) throw new Error('no luck');
          return new Promise((resolve) => void clock.setAlarm(() => resolve(null), 1_000));
        }
      },
      config: { maxConcurrentWorkers: 1 }
    });
    for (const id of ['a', 'b', 'c', 'd']) await fleet.submitAsync('work', null, { id });
    await clock.advance(10_000);
    expect(ran).toEqual(['a#1', 'b#1', 'a#2', 'c#1', 'd#1']);
  });
});

/** One worker that takes a second for each task, and a list of what it took. */
async function slowFleet(config: { readonly ageingMs?: number | null }) {
  const clock = new SimulatedClock();
  const ran: string[] = [];
  const started = await startFleet({
    clock,
    handlers: {
      work: (_: null, { key }) => {
        ran.push(key);
        return new Promise((resolve) => void clock.setAlarm(() => resolve(null), 1_000));
      }
    },
    config: { maxConcurrentWorkers: 1, ...config }
  });
  return { ...started, ran };
}
