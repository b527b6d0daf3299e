import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoreError, type FleetManager, type ScheduleTiming } from '../../src/index.ts';
import { faultyStore, SimulatedClock, startFleet } from '../harness.ts';

const hour = 3_600_000;
const day = 24 * hour;
const start = Date.UTC(2026, 0, 1, 0, 7);
const handlers = { work: () => null };
const work = { type: 'work', data: null } as const;

/** Timings whose times are easy to tell without a calendar: so long apart, from the first one on. */
const timings: readonly {
  readonly timing: ScheduleTiming;
  readonly stepMs: number;
  readonly firstAt: number;
}[] = [
  { timing: { everyMs: 90 * 60_000 }, stepMs: 90 * 60_000, firstAt: start + 90 * 60_000 },
  { timing: { cron: '0 */3 * * *' }, stepMs: 3 * hour, firstAt: Date.UTC(2026, 0, 1, 3) },
  { timing: { cron: '30 4 * * *', timeZone: 'Asia/Kolkata' }, stepMs: day, firstAt: Date.UTC(2026, 0, 1, 23) }
];

type Step =
  | { readonly type: 'run' | 'crash' | 'stop' | 'jump'; readonly ms: number }
  | { readonly type: 'fail'; readonly fate: 'refused' | 'unknown' };

const hours = (min: number, max: number) =>
  fc.integer({ min: min * 60, max: max * 60 }).map((minutes) => minutes * 60_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('run' as const), ms: hours(0, 12) }),
  // What passes before the next process takes it up.
  fc.record({ type: fc.constantFrom('crash' as const, 'stop' as const), ms: hours(0, 60 * 24) }),
  fc.record({ type: fc.constant('jump' as const), ms: hours(-24, 60 * 24) }),
  fc.record({
    type: fc.constant('fail' as const),
    fate: fc.constantFrom('refused' as const, 'unknown' as const)
  })
);

describe('each time of a schedule', () => {
  it('fires once or is counted as skipped, whatever happens in a year', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...timings),
        fc.constantFrom('none' as const, 'last' as const, 'all' as const),
        fc.constantFrom('allow' as const, 'skip' as const),
        fc.array(step, { minLength: 4, maxLength: 12 }),
        async ({ timing, stepMs, firstAt }, catchUp, overlap, steps) => {
          const clock = new SimulatedClock(start);
          const faults = faultyStore();
          let process = await startFleet({ handlers, clock, store: faults.store });
          await process.fleet.schedule('a', timing, work, { catchUp, overlap });
          for (const taken of [...steps, { type: 'run', ms: 2 * day } as const]) {
            if (taken.type === 'jump') clock.jump(taken.ms);
            else if (taken.type === 'run') await clock.advance(taken.ms);
            else if (taken.type === 'fail') {
              faults.next(async (write) => {
                if (taken.fate === 'unknown') await write();
                throw lostConnection(taken.fate);
              });
            } else {
              await (taken.type === 'crash' ? process.crash() : stopWithin(process.fleet, clock));
              await clock.advance(taken.ms);
              process = await process.restart();
            }
          }
          await clock.rest();

          const { runs, skipped, nextAt } = await process.fleet.getSchedule('a');
          const fired = await firedTimes(process.fleet);
          expect(fired.filter((at) => at < firstAt || (at - firstAt) % stepMs !== 0)).toEqual([]);
          expect(new Set(fired).size).toBe(fired.length);
          expect(fired).toHaveLength(runs);
          // All times before the next one are accounted for, and that one is not past.
          expect(runs + skipped).toBe((nextAt! - firstAt) / stepMs);
          expect(nextAt).toBeGreaterThan(clock.now());
          await stopWithin(process.fleet, clock);
        }
      ),
      { numRuns: 40 }
    );
  }, 120_000);
});

async function stopWithin(fleet: FleetManager<typeof handlers>, clock: SimulatedClock): Promise<void> {
  let isStopped = false;
  const stopped = fleet.stop().then(() => (isStopped = true));
  await clock.advanceUntil(() => isStopped, hour);
  await stopped;
}

async function firedTimes(fleet: FleetManager<typeof handlers>): Promise<number[]> {
  const times: number[] = [];
  let after = 0;
  for (;;) {
    const page = await fleet.listTasks({ limit: 1_000, after });
    for (const { metadata } of page)
      times.push((metadata as unknown as { schedule: { at: number } }).schedule.at);
    if (page.length < 1_000) return times;
    after = page.at(-1)!.seq;
  }
}

function lostConnection(fate: 'refused' | 'unknown'): Error {
  return new StoreError('ERR_STORE_IO', 'The disk is gone', fate);
}
