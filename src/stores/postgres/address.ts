import { ValidationError } from '../../errors.ts';
import { assertText } from '../../validation/validation.ts';

/** Where a database is. */
export interface Address {
  /** With the password: for the connection alone. */
  readonly url: string;
  /** Without password and parameters: for messages. */
  readonly location: string;
}

/** Whether a text is meant as the address of a database, and not as the path of a file. */
export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:/i.test(text);
}

/** @throws {ValidationError} unless it is the URL of a PostgreSQL database. It never shows a password. */
export function readAddress(url: unknown, schema: string): Address {
  assertText('url', url);
  const parsed = isPostgresUrl(url) && URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || parsed.hash !== '' || url.includes('\0')) {
    throw new ValidationError(
      'url',
      'no address of a database (it is not shown, for it may hold a password)',
      'like postgres://user:password@host:5432/database'
    );
  }
  const user = parsed.username === '' ? '' : `${parsed.username}@`;
  return { url, location: `postgres://${user}${parsed.host}${parsed.pathname}#${schema}` };
}
