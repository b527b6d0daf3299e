import type { Json } from '../../machines/task.ts';
import { assertDuration, assertInteger, lastTime, readItems } from '../validation/validation.ts';

/** Results that were received within an hour. */
export interface HourStats {
  readonly count: number;
  readonly successCount: number;
  readonly failureCount: number;
  /** Ms. */
  readonly avgDuration: number;
}

interface Sums {
  count: number;
  successes: number;
  duration: number;
}

/** Hours that are kept: those of the last 31 days, if there were results in each of them. */
export const maxHours = 31 * 24;

const hourMs = 3_600_000;

/** Sums of results by the hour, for the latest hours that had any. */
export class HourlySums {
  readonly #hours = new Map<number, Sums>();

  /** @param value - JSON of earlier sums. @throws {ValidationError} */
  static restore(path: string, value: unknown): HourlySums {
    const restored = new HourlySums();
    for (const [index, item] of readItems(path, value, maxHours).entries()) {
      const [hour, count, successes, duration] = readItems(`${path}[${index}]`, item, 4);
      assertInteger(`${path}[${index}][0]`, hour, 0, lastTime / hourMs);
      assertInteger(`${path}[${index}][1]`, count, 1, Number.MAX_SAFE_INTEGER);
      assertInteger(`${path}[${index}][2]`, successes, 0, count);
      assertDuration(`${path}[${index}][3]`, duration, 0);
      restored.#hours.set(hour, { count, successes, duration });
    }
    return restored;
  }

  /** @param at - Epoch ms. */
  add(at: number, isSuccess: boolean, durationMs: number): void {
    const hour = Math.floor(at / hourMs);
    let sums = this.#hours.get(hour);
    if (sums === undefined) {
      this.#hours.set(hour, (sums = { count: 0, successes: 0, duration: 0 }));
      if (this.#hours.size > maxHours) this.#hours.delete(Math.min(...this.#hours.keys()));
    }
    sums.count += 1;
    if (isSuccess) sums.successes += 1;
    sums.duration += durationMs;
  }

  /**
   * By `YYYY-MM-DDTHH`, UTC, in order of time.
   *
   * @param since - Epoch ms: its hour is the first.
   * @param until - Epoch ms: hours that begin before it.
   */
  stats(since: number, until: number): Record<string, HourStats> {
    const stats: Record<string, HourStats> = {};
    for (const [hour, { count, successes, duration }] of [...this.#hours].sort(([a], [b]) => a - b)) {
      if (hour < Math.floor(since / hourMs) || hour * hourMs >= until) continue;
      stats[new Date(hour * hourMs).toISOString().slice(0, 13)] = {
        count,
        successCount: successes,
        failureCount: count - successes,
        avgDuration: duration / count
      };
    }
    return stats;
  }

  toJson(): Json {
    return [...this.#hours].map(([hour, { count, successes, duration }]) => [
      hour,
      count,
      successes,
      duration
    ]);
  }
}
