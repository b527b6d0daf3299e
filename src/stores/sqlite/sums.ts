import { crc32 } from 'node:zlib';
import type { Cell } from './cells.ts';

/**
 * A checksum that a table keeps beside the columns that it covers.
 *
 * Each covers the number of the fleet too, so that a row which turns up in another fleet does not fit.
 */
export interface Sum {
  /** The column that holds it. */
  readonly column: string;
  readonly of: readonly string[];
}

/** CRC-32 of a row's cells, as SQLite stores it in four bytes: an integer in [-2^31, 2^31). */
export function sumOf(scope: number, cells: readonly Cell[]): number {
  let text = String(scope);
  for (const cell of cells) text += textOf(cell);
  return crc32(text) | 0;
}

/** The same over some cells of a row. @param picks - Where they are; {@link absent} and {@link zero} are nowhere. */
export function sumOfPicked(scope: number, cells: readonly Cell[], picks: readonly number[]): number {
  let text = String(scope);
  for (const pick of picks) text += pick >= 0 ? textOf(cells[pick]!) : pick === absent ? ',' : ',0';
  return crc32(text) | 0;
}

/** Picks of cells that are not posted, because they are `NULL` and 0. */
export const absent = -1;
export const zero = -2;

/** Where columns are in a row. */
export function picksOf(sum: Sum, columns: readonly string[]): number[] {
  return sum.of.map((column) => columns.indexOf(column));
}

/** No two rows have the same text: a text has its length before it, a number has no colon. */
function textOf(cell: Cell): string {
  if (cell === null) return ',';
  return typeof cell === 'number' ? `,${cell}` : `,${cell.length}:${cell}`;
}
