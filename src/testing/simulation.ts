import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../clock.ts';
import { NonRetryableError } from '../errors.ts';
import type { ProcessClock } from './processClock.ts';
import type { SimulatedClock } from './simulatedClock.ts';

const clocks = new AsyncLocalStorage<SimulatedClock>();

/**
 * The clock of a process, whose callbacks, and all that they set off, find the simulated one by {@link clockOf}. It tells
 * what the machine's cannot, so that nobody has to look again and again: a year passes as fast as what happens in it.
 */
export function announced(process: ProcessClock, clock: SimulatedClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setAlarm: (callback, delayMs) => process.setAlarm(() => clocks.run(clock, callback), delayMs),
    setSoon: (callback) => process.setSoon(() => clocks.run(clock, callback)),
    onWallClockSet: (callback) => clock.onJump(() => clocks.run(clock, callback)),
    blockedMs: () => clock.missedMs
  };
}

/**
 * The clock of the simulation that the running code is part of. Turns are callbacks of the fleet's clock, so every
 * handler finds it, wherever it was registered.
 *
 * @param subject - What needs it, for the message.
 * @throws {NonRetryableError} outside of a simulation.
 */
export function clockOf(subject: string): SimulatedClock {
  const clock = clocks.getStore();
  if (clock !== undefined) return clock;
  throw new NonRetryableError(`${subject} needs simulated time: run its fleet by testFleet()`);
}
