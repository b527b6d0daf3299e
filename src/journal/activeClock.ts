import type { Clock } from '../clock.ts';

/** How often the clock looks whether the event loop ran. */
const tickMs = 500;

/**
 * Monotonic time during which the event loop ran.
 *
 * Attempt timeouts and graces are measured with it: while the loop is blocked, or the machine sleeps, no
 * handler could have finished and no outcome could have been taken in, so that time ends no attempt.
 */
export class ActiveClock {
  readonly #clock: Clock;
  /** Ms that did not count. */
  #paused = 0;
  /** When the pending tick should come; `null` while nothing is measured. */
  #tickAt: number | null = null;
  #tick: Disposable | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ms from an arbitrary start. Lags a blocked loop by at most the tick. */
  now(): number {
    const paused = this.#clock.blockedMs?.() ?? this.#paused + this.#overdue();
    return this.#clock.monotonic() - paused;
  }

  /** Starts or stops looking at the loop: it need not while no attempt runs. */
  watch(isNeeded: boolean): void {
    if (this.#clock.blockedMs !== undefined) return;
    if (isNeeded && this.#tick === null) this.#arm();
    if (!isNeeded && this.#tick !== null) this.#disarm();
  }

  #overdue(): number {
    return this.#tickAt === null ? 0 : Math.max(0, this.#clock.monotonic() - this.#tickAt);
  }

  #arm(): void {
    this.#tickAt = this.#clock.monotonic() + tickMs;
    this.#tick = this.#clock.setAlarm(() => {
      this.#paused += this.#overdue();
      this.#arm();
    }, tickMs);
  }

  #disarm(): void {
    this.#paused += this.#overdue();
    this.#tick?.[Symbol.dispose]();
    this.#tick = null;
    this.#tickAt = null;
  }
}
