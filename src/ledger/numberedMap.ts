/** How many numbers in a row make a block. */
const blockSize = 256;

interface Block<TValue> {
  readonly values: (TValue | undefined)[];
  size: number;
}

/**
 * A map from the numbers of tasks, which come and go in about their order.
 *
 * A `Map` is made anew as often as half of its entries have gone, and what it was before leads to what it is now: once one
 * of them has become old, all that follow stay, with what was in them, until the next full collection. Values are not
 * `undefined`. They are iterated by number, as far as blocks go.
 */
export class NumberedMap<TValue extends object> {
  readonly #blocks = new Map<number, Block<TValue>>();
  /** One that got empty: where tasks come one by one, none needs a new one. */
  #spare: Block<TValue> | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): TValue | undefined {
    return this.#blocks.get(numberOf(key))?.values[key % blockSize];
  }

  set(key: number, value: TValue): void {
    const block = this.#blockFor(key);
    if (block.values[key % blockSize] === undefined) {
      block.size += 1;
      this.#size += 1;
    }
    block.values[key % blockSize] = value;
  }

  delete(key: number): void {
    const block = this.#blocks.get(numberOf(key));
    if (block?.values[key % blockSize] === undefined) return;
    block.values[key % blockSize] = undefined;
    block.size -= 1;
    this.#size -= 1;
    if (block.size > 0) return;
    this.#blocks.delete(numberOf(key));
    this.#spare = block;
  }

  clear(): void {
    this.#blocks.clear();
    this.#size = 0;
  }

  *values(): Generator<TValue, void, undefined> {
    for (const { values } of this.#blocks.values()) {
      for (const value of values) if (value !== undefined) yield value;
    }
  }

  #blockFor(key: number): Block<TValue> {
    let block = this.#blocks.get(numberOf(key));
    if (block === undefined) {
      block = this.#spare ?? { values: Array.from<TValue | undefined>({ length: blockSize }), size: 0 };
      this.#spare = null;
      this.#blocks.set(numberOf(key), block);
    }
    return block;
  }
}

function numberOf(key: number): number {
  return Math.floor(key / blockSize);
}
