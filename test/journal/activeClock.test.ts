import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { ActiveClock } from '../../src/journal/activeClock.ts';

const tickMs = 500;

describe('ActiveClock', () => {
  it('goes with the monotonic clock while the event loop runs', () => {
    const { active, run } = watchedClock();
    const start = active.now();
    run(10_000);
    expect(active.now() - start).toBe(10_000);
  });

  it('counts at most a tick of the time for which the event loop was blocked', () => {
    const { active, run, block } = watchedClock();
    const start = active.now();
    run(tickMs / 2);
    block(60_000);
    expect(active.now() - start).toBe(tickMs);
    run(1_000);
    expect(active.now() - start).toBe(tickMs + 1_000);
  });

  it('goes on from there after several pauses, however long', () => {
    const { active, run, block } = watchedClock();
    const start = active.now();
    for (const pause of [3_600_000, 700, 86_400_000]) {
      block(pause);
      run(0);
    }
    expect(active.now() - start).toBe(3 * tickMs);
  });

  it('counts a pause that is shorter than what is left of the tick', () => {
    const { active, run, block } = watchedClock();
    const start = active.now();
    block(tickMs - 1);
    run(0);
    expect(active.now() - start).toBe(tickMs - 1);
  });

  it('leaves a pause out even when nobody looked before it stopped being watched', () => {
    const { active, block } = watchedClock();
    const start = active.now();
    block(60_000);
    active.watch(false);
    expect(active.now() - start).toBe(tickMs);
  });

  it('is not set back when it is watched again', () => {
    const { active, run, block } = watchedClock();
    block(60_000);
    const before = active.now();
    active.watch(false);
    run(5_000);
    active.watch(true);
    expect(active.now() - before).toBe(5_000);
  });

  it('sets one alarm while it is watched, and none otherwise', () => {
    const { active, alarms, run } = watchedClock();
    active.watch(true);
    expect(alarms()).toBe(1);
    run(10_000);
    expect(alarms()).toBe(1);
    active.watch(false);
    active.watch(false);
    expect(alarms()).toBe(0);
  });

  it('is not moved by a change of the wall clock', () => {
    const { active, clock } = watchedClock();
    const start = active.now();
    clock.now = () => 0;
    expect(active.now()).toBe(start);
  });

  it('never goes back, never skips more than a tick of a pause, never leaves running time out', () => {
    const call = fc.record({ call: fc.constantFrom('run', 'block', 'watch', 'unwatch'), ms: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const { active, run, block } = watchedClock();
        let isWatched = true;
        for (const { call, ms } of calls) {
          const before = active.now();
          if (call === 'run') run(ms);
          else if (call === 'block') block(ms);
          else {
            isWatched = call === 'watch';
            active.watch(isWatched);
          }
          const passed = active.now() - before;
          const most = { run: ms, block: isWatched ? Math.min(ms, tickMs) : ms, watch: 0, unwatch: 0 }[call]!;
          expect(passed).toBeGreaterThanOrEqual(call === 'block' ? 0 : most);
          expect(passed).toBeLessThanOrEqual(most);
          // What is late is made up for before anything else happens.
          run(0);
          expect(active.now() - before).toBe(passed);
        }
      })
    );
  });
});

/** A clock whose event loop runs, or is blocked, as the test says. */
function watchedClock() {
  let monotonic = 1_000_000;
  const pending = new Set<{ at: number; callback: () => void }>();
  const clock: { -readonly [Key in keyof Clock]: Clock[Key] } = {
    now: () => monotonic,
    monotonic: () => monotonic,
    setAlarm(callback, delayMs) {
      const alarm = { at: monotonic + delayMs, callback };
      pending.add(alarm);
      return { [Symbol.dispose]: () => void pending.delete(alarm) };
    },
    setSoon: (callback) => callback()
  };
  const active = new ActiveClock(clock);
  active.watch(true);
  return {
    active,
    clock,
    alarms: () => pending.size,
    block: (ms: number) => {
      monotonic += ms;
    },
    run: (ms: number) => {
      const end = monotonic + ms;
      for (;;) {
        const [next] = [...pending].filter(({ at }) => at <= end).sort((left, right) => left.at - right.at);
        if (next === undefined) break;
        monotonic = Math.max(monotonic, next.at);
        pending.delete(next);
        next.callback();
      }
      monotonic = end;
    }
  };
}
