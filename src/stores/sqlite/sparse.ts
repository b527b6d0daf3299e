import type { Statement } from './library.ts';
import type { Cell } from './cells.ts';
import type { Statements } from './statements.ts';
import { absent, sumOfPicked, zero, type Sum } from './sums.ts';

/**
 * Columns of a table that a row fills: the required ones always, the optional ones when it has a value.
 *
 * Binding a value costs nearly as much as storing it, and most of a task's columns are empty for most of its
 * life. So a row is posted as a mask of the optional columns that it fills, then the cells of the required and
 * of those columns; and each mask that occurs has its own statement, which binds no more than that.
 */
export interface SparseColumns {
  readonly required: readonly string[];
  /** At most 30, each with the value that it has when a row leaves it out. */
  readonly optional: readonly (readonly [column: string, empty: 'NULL' | '0'])[];
  /** Columns that the thread fills, for each row: they are bound after those that were posted. */
  readonly added?: readonly string[];
  /** Checksums that it makes of all of these. */
  readonly sums: readonly Sum[];
}

/** Adds a row to cells. @param optional - `null`: left out. */
export function pushSparse(cells: Cell[], required: readonly Cell[], optional: readonly Cell[]): void {
  const at = cells.push(0) - 1;
  for (const cell of required) cells.push(cell);
  let mask = 0;
  for (let index = 0; index < optional.length; index += 1) {
    const cell = optional[index]!;
    if (cell === null) continue;
    mask |= 1 << index;
    cells.push(cell);
  }
  cells[at] = mask;
}

/** Makes SQL for rows that fill these columns, bound as `?1`, `?2` …, and leave those others empty. */
export type SparseSql = (
  filled: readonly string[],
  empty: readonly (readonly [column: string, value: string])[]
) => string;

/** A statement for the rows with one mask. */
interface Form {
  readonly statement: Statement;
  /** Cells of a row. */
  readonly length: number;
  /** For each sum, which of the bound cells it covers. */
  readonly picks: readonly (readonly number[])[];
}

/** A statement in all the forms that rows of its kind need. */
export class SparseStatement {
  readonly #statements: Statements;
  readonly #scope: number;
  readonly #columns: SparseColumns;
  readonly #sql: SparseSql;
  readonly #forms = new Map<number, Form>();

  constructor(statements: Statements, scope: number, columns: SparseColumns, sql: SparseSql) {
    this.#statements = statements;
    this.#scope = scope;
    this.#columns = columns;
    this.#sql = sql;
  }

  /** Runs for the row at an index of `cells`. @param added - Cells of the added columns. @returns Where the next row is. */
  run(cells: readonly Cell[], at: number, ...added: readonly Cell[]): number {
    const mask = cells[at] as number;
    const { statement, length, picks } = this.#forms.get(mask) ?? this.#addForm(mask);
    const next = at + 1 + length;
    const bound = cells.slice(at + 1, next);
    bound.push(...added);
    for (const pick of picks) bound.push(sumOfPicked(this.#scope, bound, pick));
    statement.run(...bound);
    return next;
  }

  #addForm(mask: number): Form {
    const { required, optional, added = [], sums } = this.#columns;
    const filled = [...required];
    const empty: (readonly [column: string, value: string])[] = [];
    for (const [index, [column, value]] of optional.entries()) {
      if (mask & (1 << index)) filled.push(column);
      else empty.push([column, value]);
    }
    const bound = [...filled, ...added];
    const zeros = new Set(empty.filter(([, value]) => value === '0').map(([column]) => column));
    const picks = sums.map(({ of }) =>
      of.map((column) => {
        const at = bound.indexOf(column);
        if (at !== -1) return at;
        return zeros.has(column) ? zero : absent;
      })
    );
    const sql = this.#sql([...bound, ...sums.map(({ column }) => column)], empty);
    const form = { statement: this.#statements.prepare(sql), length: filled.length, picks };
    this.#forms.set(mask, form);
    return form;
  }
}

/** Rows of a scope, whose number is their first cell. The columns that are left out have their defaults. */
export function insertInto(table: string, scope: number, base: number): SparseSql {
  return (filled) => {
    const values = filled.map((_, index) => (index === 0 ? `?1 + ${base}` : `?${index + 1}`));
    return `INSERT INTO ${table} (scope, ${filled.join(', ')}) VALUES (${scope}, ${values.join(', ')})`;
  };
}

/** New values for the row whose number is the first cell. The columns that are left out become empty. */
export function updateOf(table: string, base: number, more: readonly string[] = []): SparseSql {
  return (filled, empty) => {
    const changes = filled.map((column, index) => `${column} = ?${index + 1}`).slice(1);
    const cleared = empty.map(([column, value]) => `${column} = ${value}`);
    return `UPDATE ${table} SET ${[...more, ...changes, ...cleared].join(', ')} WHERE id = ?1 + ${base}`;
  };
}
