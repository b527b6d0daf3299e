import type { Json, TaskError } from '../../machines/task.ts';
import { ValidationError } from '../errors.ts';
import { parseJson, stringifyJson } from '../validation/jsonText.ts';

/** What a column holds. */
export type Cell = string | number | null;

// Some drivers cut a text at NUL, and UTF-8 has no form for half a surrogate pair: it would come back as another id.
const unstorable = /[\0\p{Surrogate}]/u;

/** @throws {ValidationError} when a text would not come back as it was. */
export function requireStorable(argument: string, text: string): void {
  if (!unstorable.test(text)) return;
  throw new ValidationError(argument, stringifyJson(text).slice(0, 80), 'without NUL and lone surrogates');
}

/**
 * A number, as text where it is not a whole one: SQLite rounds what it writes into JSON to 15 digits, some
 * releases worse. The sign keeps a numeric column from turning it into a number again.
 */
export function cellOf(value: number | null): Cell {
  return value === null || Number.isSafeInteger(value) ? value : `=${value}`;
}

export function numberOf(cell: Cell | undefined): number | null {
  return typeof cell === 'string' ? Number(cell.slice(1)) : (cell ?? null);
}

export function textOf(value: Json | TaskError): string | null {
  return value === null ? null : stringifyJson(value);
}

export function valueOf<T>(cell: Cell | undefined): T | null {
  return cell == null ? null : (parseJson(cell as string) as T);
}
