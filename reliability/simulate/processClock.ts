import type { Clock } from '../../src/index.ts';

/** A clock as one process has it: nothing of it rings any more once the process is dead. */
export class ProcessClock implements Clock {
  readonly #clock: Clock;
  readonly #pending = new Set<object>();
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
    const pending = {};
    this.#pending.add(pending);
    const alarm = this.#clock.setAlarm(() => {
      this.#pending.delete(pending);
      if (this.#isAlive) callback();
    }, delayMs);
    return {
      [Symbol.dispose]: () => {
        this.#pending.delete(pending);
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
    this.#pending.clear();
  }
}
