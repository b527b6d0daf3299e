import type { StoreReader } from '../store.ts';
import { assertPath, refuse } from '../validation/validation.ts';

/** Beside its owner, the store at a place. What a place needs is loaded when it is asked for. @throws {ValidationError} */
export async function readerAt(location: string): Promise<StoreReader> {
  assertPath('location', location);
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(location)) {
    refuse('location', location, 'the path of a SQLite file; for any other store pass its reader');
  }
  const { sqliteReader } = await import('./sqlite.ts');
  return sqliteReader(location);
}
