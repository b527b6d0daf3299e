/**
 * Whole numbers in ascending order, kept as the ranges that they make: what comes one after the other costs nothing.
 *
 * Adding at the end and removing what comes first are O(1); elsewhere they are O(log n) and a copy of the ranges that
 * follow.
 */
export class NumberRanges {
  /** First and last number of each range. None is empty. */
  readonly #firsts: number[] = [];
  readonly #lasts: number[] = [];
  #size = 0;

  /** How many numbers are there. */
  get size(): number {
    return this.#size;
  }

  /** @param number - Is not there yet. */
  add(number: number): void {
    this.#size += 1;
    const end = this.#lasts.length;
    if (end > 0 && this.#lasts[end - 1] === number - 1) {
      this.#lasts[end - 1] = number;
      return;
    }
    const index = end === 0 || number > this.#lasts[end - 1]! ? end : this.#indexFrom(number);
    this.#firsts.splice(index, 0, number);
    this.#lasts.splice(index, 0, number);
  }

  remove(number: number): void {
    const index = this.#indexFrom(number);
    const first = this.#firsts[index];
    if (first === undefined || first > number) return;
    this.#size -= 1;
    const last = this.#lasts[index]!;
    if (first === last) {
      this.#firsts.splice(index, 1);
      this.#lasts.splice(index, 1);
    } else if (number === first) this.#firsts[index] = number + 1;
    else if (number === last) this.#lasts[index] = number - 1;
    else {
      this.#lasts.splice(index, 0, number - 1);
      this.#firsts.splice(index + 1, 0, number + 1);
    }
  }

  /** Numbers after one, in ascending order. */
  *after(number: number): Generator<number, void, undefined> {
    for (let index = this.#indexFrom(number + 1); index < this.#firsts.length; index++) {
      const last = this.#lasts[index]!;
      for (let next = Math.max(this.#firsts[index]!, number + 1); next <= last; next++) yield next;
    }
  }

  /** Numbers after one, last first. */
  *newest(number: number): Generator<number, void, undefined> {
    for (let index = this.#lasts.length - 1; index >= 0; index--) {
      const first = Math.max(this.#firsts[index]!, number + 1);
      for (let next = this.#lasts[index]!; next >= first; next--) yield next;
      if (first > this.#firsts[index]!) return;
    }
  }

  /** Index of the first range that ends at the number or after it. */
  #indexFrom(number: number): number {
    let low = 0;
    let high = this.#lasts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lasts[middle]! < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
