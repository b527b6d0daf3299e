import type { LogLevel } from './fleetLogger.ts';

const windowMs = 1_000;

interface Window {
  since: number;
  count: number;
  suppressed: number;
}

/** How many records may be written within a second, for each level. */
export class LogBudget {
  readonly #perSecond: number;
  readonly #windows = new Map<LogLevel, Window>();

  /** @param perSecond - Integer >= 0, or `Infinity`. */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /**
   * Takes a place for a record.
   *
   * @param now - Monotonic, ms.
   * @returns How many were left out since the last one that had a place; `null`: this one is left out too.
   */
  take(level: LogLevel, now: number): number | null {
    let window = this.#windows.get(level);
    if (window === undefined) this.#windows.set(level, (window = { since: now, count: 0, suppressed: 0 }));
    if (now - window.since >= windowMs) {
      window.since = now;
      window.count = 0;
    }
    if (window.count >= this.#perSecond) {
      window.suppressed += 1;
      return null;
    }
    window.count += 1;
    const { suppressed } = window;
    window.suppressed = 0;
    return suppressed;
  }

  /** What was left out since the last records, by level. It is not told again. */
  drain(): readonly (readonly [level: LogLevel, suppressed: number])[] {
    const left = Array.from(this.#windows, ([level, { suppressed }]) => [level, suppressed] as const);
    this.#windows.clear();
    return left.filter(([, suppressed]) => suppressed > 0);
  }
}
