import type { Clock } from '../clock.ts';

/** A clock as one process has it: nothing of it rings any more once the process is dead. */
export class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #pending = new Set<Disposable>();
  #isAlive = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  setAlarm(callback: () => void, delayMs: number): Disposable {
    const alarm = this.#clock.setAlarm(() => {
      this.#pending.delete(alarm);
      callback();
    }, delayMs);
    if (this.#isAlive) this.#pending.add(alarm);
    else alarm[Symbol.dispose]();
    return {
      [Symbol.dispose]: () => {
        this.#pending.delete(alarm);
        alarm[Symbol.dispose]();
      }
    };
  }

  setSoon(callback: () => void): void {
    this.#clock.setSoon(() => {
      if (this.#isAlive) callback();
    });
  }

  /** Alarms that are set. */
  get pending(): number {
    return this.#pending.size;
  }

  kill(): void {
    this.#isAlive = false;
    for (const alarm of this.#pending) alarm[Symbol.dispose]();
    this.#pending.clear();
  }
}
