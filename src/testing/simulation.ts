import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../clock.ts';
import { NonRetryableError } from '../errors.ts';
import type { SimulatedClock } from './simulatedClock.ts';

const clocks = new AsyncLocalStorage<SimulatedClock>();

/** The same clock, whose callbacks, and all that they set off, find it by {@link clockOf}. */
export function announced(clock: SimulatedClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setAlarm: (callback, delayMs) => clock.setAlarm(() => clocks.run(clock, callback), delayMs),
    setSoon: (callback) => clock.setSoon(() => clocks.run(clock, callback))
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
