import type { Store, StoreReader } from '../store.ts';
import { assertPath, refuse } from '../validation/validation.ts';
import { isPostgresUrl } from './postgres/address.ts';
import type { SqliteOptions } from './sqlite.ts';

/**
 * The store at a place: the path of a SQLite file, or the URL of a PostgreSQL database, which decides by itself how durable it
 * is. What a place needs is loaded when it is asked for. @throws {ValidationError} @throws {MissingPeerError}
 */
export async function storeAt(place: string, options: Pick<SqliteOptions, 'durability'>): Promise<Store> {
  if (isDatabase(place)) return (await import('./postgres.ts')).postgresStore(place);
  return (await import('./sqlite.ts')).sqliteStore(place, options);
}

/** The same store beside its owner. @throws {ValidationError} @throws {MissingPeerError} */
export async function readerAt(place: string): Promise<StoreReader> {
  if (isDatabase(place)) return (await import('./postgres.ts')).postgresReader(place);
  return (await import('./sqlite.ts')).sqliteReader(place);
}

/** A place as it may be shown: a URL without its password. */
export function shownPlace(place: string): string {
  if (!isUrl(place) || !URL.canParse(place)) return place;
  const url = new URL(place);
  url.password = '';
  url.search = '';
  return url.href;
}

function isDatabase(place: string): boolean {
  assertPath('location', place);
  if (isPostgresUrl(place)) return true;
  if (isUrl(place)) {
    refuse(
      'location',
      shownPlace(place),
      'the path of a SQLite file, or postgres://…; for any other store pass the store'
    );
  }
  return false;
}

function isUrl(place: string): boolean {
  return /^[a-z][a-z\d+.-]+:\/\//i.test(place);
}
