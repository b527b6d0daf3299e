import type { Json } from '../../machines/task.ts';
import { assertInteger, assertText, readItems } from '../validation/validation.ts';

export interface TopWorker {
  readonly workerId: string;
  /** Its successes. */
  readonly count: number;
}

/** So many workers are counted; one more, and the half with the fewest successes is forgotten. */
export const maxWorkers = 2_000;

/**
 * Successes by worker, in bounded memory though workers are replaced without end.
 *
 * Exact as long as there were no more than {@link maxWorkers}. Beyond, a worker that was forgotten and succeeds again
 * begins at 1: a count may be too low, never too high, and by no more than the last count that was forgotten.
 */
export class WorkerRanking {
  #successes = new Map<string, number>();

  /** @param value - JSON of an earlier ranking. @throws {ValidationError} */
  static restore(path: string, value: unknown): WorkerRanking {
    const restored = new WorkerRanking();
    for (const [index, item] of readItems(path, value, maxWorkers).entries()) {
      const [workerId, count] = readItems(`${path}[${index}]`, item, 2);
      assertText(`${path}[${index}][0]`, workerId);
      assertInteger(`${path}[${index}][1]`, count, 1, Number.MAX_SAFE_INTEGER);
      restored.#successes.set(workerId, count);
    }
    return restored;
  }

  add(workerId: string): void {
    this.#successes.set(workerId, (this.#successes.get(workerId) ?? 0) + 1);
    if (this.#successes.size > maxWorkers) this.#forgetHalf();
  }

  /** Most successes first; of equals, the one that was counted first. */
  top(limit: number): TopWorker[] {
    return [...this.#successes]
      .map(([workerId, count]) => ({ workerId, count }))
      .sort((left, right) => right.count - left.count)
      .slice(0, limit);
  }

  toJson(): Json {
    return [...this.#successes];
  }

  /** Of equals, those that came last are kept: they may be at work still. */
  #forgetHalf(): void {
    const ranked = [...this.#successes].reverse().sort(([, left], [, right]) => right - left);
    this.#successes = new Map(ranked.slice(0, maxWorkers / 2));
  }
}
