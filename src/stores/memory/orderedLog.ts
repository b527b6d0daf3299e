/**
 * Items in ascending order of a number each, appended at the end and found by binary search.
 *
 * Appending is O(1), finding O(log n), and O(1) while no number is missing. Removing leaves a gap; gaps are
 * closed when half of the log is gaps, so that removing is O(1) too on average.
 */
export class OrderedLog<T> {
  #positions: number[] = [];
  #items: (T | undefined)[] = [];
  #gaps = 0;

  /** Adds an item; anywhere but at the end it costs a copy of what follows. */
  insert(position: number, item: T): void {
    const last = this.#positions.length - 1;
    if (last < 0 || position > this.#positions[last]!) {
      this.#positions.push(position);
      this.#items.push(item);
    } else {
      const index = this.#indexAfter(position);
      this.#positions.splice(index, 0, position);
      this.#items.splice(index, 0, item);
    }
  }

  get(position: number): T | undefined {
    const index = this.#indexOf(position);
    return index < 0 ? undefined : this.#items[index];
  }

  remove(position: number): void {
    const index = this.#indexOf(position);
    if (index < 0 || this.#items[index] === undefined) return;
    this.#items[index] = undefined;
    this.#gaps += 1;
    if (this.#gaps > 64 && this.#gaps > this.#items.length / 2) this.#closeGaps();
  }

  /** Where an item of this position is, or -1. */
  #indexOf(position: number): number {
    // Positions are whole and ascending, so an item cannot be further back than when no number is missing.
    const guess = position - (this.#positions[0] ?? 0);
    if (this.#positions[guess] === position) return guess;
    const index = this.#indexAfter(position) - 1;
    return this.#positions[index] === position ? index : -1;
  }

  /** Index of the first item whose position is greater. */
  #indexAfter(position: number): number {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#positions[middle]! > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #closeGaps(): void {
    const positions: number[] = [];
    const items: T[] = [];
    this.#items.forEach((item, index) => {
      if (item === undefined) return;
      positions.push(this.#positions[index]!);
      items.push(item);
    });
    this.#positions = positions;
    this.#items = items;
    this.#gaps = 0;
  }
}
