import type { Statement } from './library.ts';
import type { Cell } from './cells.ts';
import type { Statements } from './statements.ts';

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

/** A statement in all the forms that rows of its kind need. */
export class SparseStatement {
  readonly #statements: Statements;
  readonly #columns: SparseColumns;
  readonly #sql: SparseSql;
  readonly #forms = new Map<number, { readonly statement: Statement; readonly length: number }>();

  constructor(statements: Statements, columns: SparseColumns, sql: SparseSql) {
    this.#statements = statements;
    this.#columns = columns;
    this.#sql = sql;
  }

  /** Runs for the row at an index of `cells`. @param more - Bound after the row. @returns Where the next row is. */
  run(cells: readonly Cell[], at: number, ...more: readonly Cell[]): number {
    const mask = cells[at] as number;
    const { statement, length } = this.#forms.get(mask) ?? this.#addForm(mask);
    const next = at + 1 + length;
    statement.run(...cells.slice(at + 1, next), ...more);
    return next;
  }

  #addForm(mask: number): { readonly statement: Statement; readonly length: number } {
    const { required, optional } = this.#columns;
    const filled = [...required];
    const empty: (readonly [column: string, value: string])[] = [];
    for (const [index, [column, value]] of optional.entries()) {
      if (mask & (1 << index)) filled.push(column);
      else empty.push([column, value]);
    }
    const form = { statement: this.#statements.prepare(this.#sql(filled, empty)), length: filled.length };
    this.#forms.set(mask, form);
    return form;
  }
}

/** Rows of a scope, whose number is their first cell. The columns that are left out have their defaults. */
export function insertInto(
  table: string,
  scope: number,
  base: number,
  more: readonly string[] = []
): SparseSql {
  return (filled) => {
    const columns = [...filled, ...more];
    const values = columns.map((_, index) => (index === 0 ? `?1 + ${base}` : `?${index + 1}`));
    return `INSERT INTO ${table} (scope, ${columns.join(', ')}) VALUES (${scope}, ${values.join(', ')})`;
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
