import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Draws that are the same for the same seed, on every machine. */
export class SeededRandom {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  /** @param seed - Any integer. */
  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** In [0, 1), like `Math.random`. */
  next(): number {
    return uniformFloat64(this.#generator);
  }

  /** An integer in [`from`, `to`], both ends included. */
  integer(from: number, to: number): number {
    return uniformInt(this.#generator, from, to);
  }

  /** @param probability - In [0, 1]. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)]!;
  }
}
