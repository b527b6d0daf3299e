import type { Cell } from '../cells.ts';
import { DamageError, damaged } from './damage.ts';
import { picksOf, sumOfPicked, type Sum } from './sums.ts';

/** Rows as they are posted: one array of cells each. */
export type Rows = readonly (readonly Cell[])[];

/** Compares the rows of a query with their checksums. */
export class RowCheck {
  readonly #length: number;
  readonly #sums: readonly { readonly at: number; readonly picks: readonly number[] }[];
  readonly #nameOf: (cells: readonly Cell[]) => string;
  readonly #problemOf: (cells: readonly Cell[]) => string | null;

  /**
   * @param columns - That the query selects, ...
   * @param sums - ... and behind them the columns of these.
   * @param nameOf - What the row is, for the error.
   * @param problemOf - What keeps a row from being used that is as it was written; `null`: nothing.
   */
  constructor(
    columns: readonly string[],
    sums: readonly Sum[],
    nameOf: (cells: readonly Cell[]) => string,
    problemOf: (cells: readonly Cell[]) => string | null = () => null
  ) {
    this.#length = columns.length;
    this.#sums = sums.map((sum, index) => ({ at: columns.length + index, picks: picksOf(sum, columns) }));
    this.#nameOf = nameOf;
    this.#problemOf = problemOf;
  }

  /** Whether the row is as it was written. */
  isSound(scope: number, cells: readonly Cell[]): boolean {
    for (const { at, picks } of this.#sums) {
      if (cells[at] !== sumOfPicked(scope, cells, picks)) return false;
    }
    return true;
  }

  /** The row without its sums. @throws {DamageError} when it is not as it was written, or of no use. */
  row(scope: number, cells: Cell[]): Cell[] {
    if (!this.isSound(scope, cells)) throw damaged(this.#nameOf(cells));
    const problem = this.#problemOf(cells);
    if (problem !== null) throw new DamageError(`${this.#nameOf(cells)} ${problem}`);
    cells.length = this.#length;
    return cells;
  }

  rows(scope: number, rows: Cell[][]): Cell[][] {
    for (const cells of rows) this.row(scope, cells);
    return rows;
  }
}

/**
 * Whoever reads on from the last row of a page would never come to an end if it were not beyond the page before.
 *
 * @param after - Number of the last row of the page before.
 * @throws {DamageError} unless numbers go up from there.
 */
export function inOrder<TRows extends Rows>(table: string, rows: TRows, after: number): TRows {
  let last = after;
  for (const cells of rows) {
    if ((cells[0] as number) <= last) throw damaged(`the order of its ${table}`);
    last = cells[0] as number;
  }
  return rows;
}
