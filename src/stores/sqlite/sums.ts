import { crc32 } from 'node:zlib';
import type { Cell } from '../cells.ts';

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

/** Picks of cells that are not posted, because they are `NULL` and 0. */
export const absent = -1;
export const zero = -2;

/** Longer texts are summed by zlib: a call of it costs as much as 200 characters do here. */
const longText = 200;

/**
 * Checksum of a row's cells: an integer in [-2^31, 2^31), which SQLite stores in four bytes.
 *
 * Every step maps sums one to one, so damage within one number or one character is always found; any other is
 * missed once in 2^32. It is no defence against whoever writes the file on purpose.
 */
export function sumOf(scope: number, cells: readonly Cell[]): number {
  let sum = scope;
  for (const cell of cells) sum = addCell(sum, cell);
  return sum;
}

/** The same over some cells of a row. @param picks - Where they are; {@link absent} and {@link zero} are nowhere. */
export function sumOfPicked(scope: number, cells: readonly Cell[], picks: readonly number[]): number {
  let sum = scope;
  for (const pick of picks) {
    sum = addCell(sum, pick >= 0 ? cells[pick]! : pick === absent ? null : 0);
  }
  return sum;
}

/** Where columns are in a row. */
export function picksOf(sum: Sum, columns: readonly string[]): number[] {
  return sum.of.map((column) => columns.indexOf(column));
}

/** What a cell begins with, so that none reads like another; a text begins with its length. */
const kinds = { null: -1, number: -2, blob: -3 } as const;

function addCell(sum: number, cell: Cell): number {
  if (cell === null) return mix(sum, kinds.null);
  if (typeof cell === 'string') return addText(sum, cell);
  // A column whose kind was damaged is read as bytes.
  if (typeof cell !== 'number') return mix(sum, kinds.blob);
  if (!Number.isSafeInteger(cell)) return addText(mix(sum, kinds.number), String(cell));
  return mix(mix(mix(sum, kinds.number), cell | 0), Math.floor(cell / 2 ** 32));
}

function addText(sum: number, text: string): number {
  const begun = mix(sum, text.length);
  if (text.length > longText) return mix(begun, crc32(text));
  let ended = begun;
  for (let index = 0; index < text.length; index += 1) ended = mix(ended, text.charCodeAt(index));
  return ended;
}

/** The mixing step of MurmurHash2. */
function mix(sum: number, value: number): number {
  const mixed = Math.imul(sum ^ value, 0x5bd1e995);
  return mixed ^ (mixed >>> 15);
}
