// Captured when the library loads, so that a handler that replaces a global does not change the fleet's time.
const { now } = Date;
const monotonicNow = performance.now.bind(performance);
const { setTimeout: setTimer, clearTimeout: clearTimer, setImmediate: setSoon } = globalThis;

/** The only source of time. Tests and simulations inject their own. */
export interface Clock {
  /** Epoch ms: for times that must mean the same after a restart. */
  now(): number;
  /** Ms from an arbitrary start, never set back: for times that only this process measures. */
  monotonic(): number;
  /** Calls back once, not before `delayMs`. @param delayMs - Finite, >= 0, of any size. */
  setAlarm(callback: () => void, delayMs: number): Disposable;
  /** Calls back once, after what is under way: lets input gather, and lets input and output through. */
  setSoon(callback: () => void): void;
  /** Calls back whenever the wall clock was set. Absent: it is looked at once a minute. */
  onWallClockSet?(callback: () => void): Disposable;
  /** Ms for which the event loop did not run, in all. Absent: it is looked at each half second while attempts run. */
  blockedMs?(): number;
}

/** The longest delay that a timer takes; a longer one fires at once, so it is waited for in parts. */
export const longestTimerMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now,
  monotonic: monotonicNow,
  setAlarm(callback, delayMs) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      timer =
        leftMs > longestTimerMs
          ? setTimer(() => wait(leftMs - longestTimerMs), longestTimerMs)
          : setTimer(callback, leftMs);
    };
    wait(Math.ceil(delayMs));
    return { [Symbol.dispose]: () => clearTimer(timer) };
  },
  setSoon
};
