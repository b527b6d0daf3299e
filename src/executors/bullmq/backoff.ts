import type { Clock } from '../../clock.ts';

const firstMs = 50;
const longestMs = 2_000;

/** Pauses between tries of what fails while Redis is away: twice as long each time, up to two seconds, spread by chance. */
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
    const delayMs = Math.min(firstMs * 2 ** this.#failures++, longestMs) * (0.5 + Math.random() / 2);
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
