/** Values by the bucket that they fall into. */
export class Distribution {
  /** How many values each bucket has, those of the smaller ones left out; the last one has what is beyond all bounds. */
  readonly counts: number[];
  sum = 0;
  count = 0;
  readonly #bounds: readonly number[];
  readonly #onObserved: ((value: number) => void) | null;

  /**
   * @param bounds - Upper bounds, which belong to their bucket, rising.
   * @param onObserved - Told of each value too; `null`: nobody is.
   */
  constructor(bounds: readonly number[], onObserved: ((value: number) => void) | null) {
    this.#bounds = bounds;
    this.#onObserved = onObserved;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** @param value - One that is below 0, of a clock that was set back, counts as 0. */
  observe(value: number): void {
    const observed = Math.max(0, value);
    const bounds = this.#bounds;
    let index = 0;
    while (index < bounds.length && observed > bounds[index]!) index += 1;
    this.counts[index]! += 1;
    this.sum += observed;
    this.count += 1;
    this.#onObserved?.(observed);
  }
}
