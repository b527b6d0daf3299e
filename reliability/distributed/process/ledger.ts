import type { Store, StoreReader } from '../../../src/store.ts';
import { postgresReader, postgresStore } from '../../../src/stores/postgres.ts';
import { sqliteReader, sqliteStore } from '../../../src/stores/sqlite.ts';
import { leaseMs, type LedgerPlan } from '../plans.ts';

/** What a manager keeps its fleet in. */
export function storeOf(ledger: LedgerPlan): Store {
  if (ledger.kind === 'sqlite') return sqliteStore(ledger.path, { durability: 'process' });
  return postgresStore(ledger.url, { schema: ledger.schema, leaseMs });
}

/** The same beside its owner. */
export function readerOf(ledger: LedgerPlan): StoreReader {
  if (ledger.kind === 'sqlite') return sqliteReader(ledger.path);
  return postgresReader(ledger.url, { schema: ledger.schema });
}
