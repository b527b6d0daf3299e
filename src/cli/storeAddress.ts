import type { Store, StoreReader } from '../store.ts';
import { isPostgresUrl } from '../stores/postgres/address.ts';
import { sqliteReader, sqliteStore, type SqliteOptions } from '../stores/sqlite.ts';

/** The store of a run: a file, or the URL of a PostgreSQL database, which decides by itself how durable it is. */
export async function storeAt(address: string, options: Pick<SqliteOptions, 'durability'>): Promise<Store> {
  if (!isPostgresUrl(address)) return sqliteStore(address, options);
  const { postgresStore } = await import('../stores/postgres.ts');
  return postgresStore(address);
}

/** The same store beside its owner. */
export async function readerAt(address: string): Promise<StoreReader> {
  if (!isPostgresUrl(address)) return sqliteReader(address);
  const { postgresReader } = await import('../stores/postgres.ts');
  return postgresReader(address);
}

/** An address as it may be shown: a URL without its password. */
export function shownAddress(address: string): string {
  if (!isPostgresUrl(address) || !URL.canParse(address)) return address;
  const url = new URL(address);
  url.password = '';
  url.search = '';
  return url.href;
}
