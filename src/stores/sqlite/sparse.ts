import type { Statement } from './library.ts';
import type { Cell } from '../cells.ts';
import type { Statements } from './statements.ts';
import { absent, sumOfPicked, zero, type Sum } from './sums.ts';

/**
 * Columns of a table that a row fills: the required ones always, the optional ones when it has a value.
 *
 * Binding a value costs nearly as much as storing it, and most of a task's columns are empty for most of its
 * life. So a row is posted as a mask of the optional columns that it fills, then the cells of the required and
 * of those columns; and each mask that occurs has its own statements, which bind no more than that.
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

/**
 * Rows that one statement writes: each number has a form of its own.
 *
 * To call a statement costs more than to write a row: 32 updates in one take 1.6 us each, one by one 2.7 us.
 */
const rowsAtOnce = [32, 8, 1] as const;

/** Makes SQL for so many rows that fill these columns, bound one row after the other, and leave those others empty. */
export type SparseSql = (
  filled: readonly string[],
  empty: readonly (readonly [column: string, value: string])[],
  rows: number
) => string;

/** A statement for rows with one mask. */
interface Form {
  /** In the order of {@link rowsAtOnce}; prepared on first use. */
  readonly statements: (Statement | undefined)[];
  /** Columns that are bound, and those that are not. */
  readonly filled: readonly string[];
  readonly empty: readonly (readonly [column: string, value: string])[];
  /** Cells of a row as it is posted. */
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

  /** Runs for all rows, in their order. @param add - Pushes the added columns' cells to those of a row. */
  run(cells: readonly Cell[], add: (row: Cell[]) => void = addNothing): void {
    for (let at = 0; at < cells.length;) {
      const mask = cells[at] as number;
      const form = this.#forms.get(mask) ?? this.#addForm(mask);
      const width = 1 + form.length;
      let end = at + width;
      while (cells[end] === mask && end < cells.length) end += width;
      for (const [index, rows] of rowsAtOnce.entries()) {
        for (; end - at >= rows * width; at += rows * width) {
          const bound = this.#bound(form, cells, at, rows, add);
          (form.statements[index] ??= this.#prepare(form, rows)).run(...bound);
        }
      }
    }
  }

  #bound(form: Form, cells: readonly Cell[], from: number, rows: number, add: (row: Cell[]) => void): Cell[] {
    const { length, picks } = form;
    const bound: Cell[] = [];
    for (let index = 0, at = from + 1; index < rows; index += 1, at += length + 1) {
      const row = cells.slice(at, at + length);
      add(row);
      for (const pick of picks) row.push(sumOfPicked(this.#scope, row, pick));
      bound.push(...row);
    }
    return bound;
  }

  #prepare({ filled, empty }: Form, rows: number): Statement {
    return this.#statements.prepare(this.#sql(filled, empty, rows));
  }

  #addForm(mask: number): Form {
    const { required, optional, added = [], sums } = this.#columns;
    const posted = [...required];
    const empty: (readonly [column: string, value: string])[] = [];
    for (const [index, [column, value]] of optional.entries()) {
      if (mask & (1 << index)) posted.push(column);
      else empty.push([column, value]);
    }
    const bound = [...posted, ...added];
    const zeros = new Set(empty.filter(([, value]) => value === '0').map(([column]) => column));
    const picks = sums.map(({ of }) =>
      of.map((column) => {
        const at = bound.indexOf(column);
        if (at !== -1) return at;
        return zeros.has(column) ? zero : absent;
      })
    );
    const filled = [...bound, ...sums.map(({ column }) => column)];
    const form = { statements: [], filled, empty, length: posted.length, picks };
    this.#forms.set(mask, form);
    return form;
  }
}

/** Rows whose number is their first cell. The columns that are left out have their defaults. */
export function insertInto(table: string, base: number, fixed: Readonly<Record<string, number>>): SparseSql {
  const columns = Object.keys(fixed);
  const values = Object.values(fixed);
  return (filled, _, rows) => {
    const row = [`? + ${base}`, ...filled.slice(1).map(() => '?'), ...values].join(', ');
    const tuples = Array.from({ length: rows }, () => `(${row})`).join(', ');
    return `INSERT INTO ${table} (${[...filled, ...columns].join(', ')}) VALUES ${tuples}`;
  };
}

/**
 * New values for the rows whose numbers are the first cells. The columns that are left out become empty.
 *
 * @param copies - Columns that get the value of another one too.
 */
export function updateOf(
  table: string,
  base: number,
  copies: Readonly<Record<string, string>> = {}
): SparseSql {
  return (filled, empty, rows) => {
    const isOne = rows === 1;
    const valueOf = (column: string): string => {
      const number = filled.indexOf(column) + 1;
      return isOne ? `?${number}` : `v.column${number}`;
    };
    const changes = filled.slice(1).map((column) => `${column} = ${valueOf(column)}`);
    const copied = Object.entries(copies).map(([column, from]) => `${column} = ${valueOf(from)}`);
    const cleared = empty.map(([column, value]) => `${column} = ${value}`);
    const row = `(${filled.map(() => '?').join(', ')})`;
    const source = isOne ? '' : `FROM (VALUES ${Array.from({ length: rows }, () => row).join(', ')}) v`;
    return (
      `UPDATE ${table} SET ${[...copied, ...changes, ...cleared].join(', ')} ${source} ` +
      `WHERE id = ${valueOf(filled[0]!)} + ${base}`
    );
  };
}

function addNothing(): void {}
