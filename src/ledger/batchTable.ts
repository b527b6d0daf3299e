import type { BatchState } from '../../machines/batch.ts';
import type { BatchRow } from '../store.ts';

/** Batches by id, and how many are in each state: nobody has to look through them to count. */
export class BatchTable extends Map<string, BatchRow> {
  readonly #counts = new Map<BatchState, number>();

  /** Of the states that some are in. */
  get counts(): ReadonlyMap<BatchState, number> {
    return this.#counts;
  }

  override set(id: string, row: BatchRow): this {
    this.#count(this.get(id), -1);
    this.#count(row, 1);
    return super.set(id, row);
  }

  override delete(id: string): boolean {
    this.#count(this.get(id), -1);
    return super.delete(id);
  }

  override clear(): void {
    this.#counts.clear();
    super.clear();
  }

  #count(row: BatchRow | undefined, by: 1 | -1): void {
    if (row === undefined) return;
    const count = (this.#counts.get(row.state) ?? 0) + by;
    if (count === 0) this.#counts.delete(row.state);
    else this.#counts.set(row.state, count);
  }
}
