import type { Clock } from '../../clock.ts';

const firstMs = 50;
const longestMs = 2_000;

/**
 * How long to wait after so many failures in a row, ms: twice as long each time, up to two seconds. Spread by chance, so that
 * what many do after an outage is not done by all at once.
 */
export function pauseAfter(failures: number): number {
  return Math.min(firstMs * 2 ** failures, longestMs) * (0.5 + Math.random() / 2);
}

/** Pauses between tries of what fails while Redis is away. */
export class Backoff {
  readonly #clock: Clock;
  #failures = 0;
  #end: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reset(): void {
    this.#failures = 0;
  }

  async pause(): Promise<void> {
    const delayMs = pauseAfter(this.#failures++);
    await new Promise<void>((resolve) => {
      const alarm = this.#clock.setAlarm(resolve, delayMs);
      this.#end = () => {
        alarm[Symbol.dispose]();
        resolve();
      };
    });
    this.#end = null;
  }

  /** Ends a pause that is under way. */
  end(): void {
    this.#end?.();
  }
}
