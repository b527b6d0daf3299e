import type { Store, StoreReader } from '../../../src/store.ts';
import { postgresReader, postgresStore } from '../../../src/stores/postgres.ts';
import { sqliteReader, sqliteStore } from '../../../src/stores/sqlite.ts';
import { leaseMs, type LedgerPlan } from '../plans.ts';

/** Short, for cycles wait for them; longer than a busy machine takes. */
const bounds = { statementTimeoutMs: 3_000, connectTimeoutMs: 3_000 };

/** What a manager keeps its fleet in. */
export function storeOf(ledger: LedgerPlan): Store {
  if (ledger.kind === 'sqlite') return sqliteStore(ledger.path, { durability: 'process' });
  return postgresStore(ledger.url, { schema: ledger.schema, leaseMs, ...bounds });
}

/** The same beside its owner. */
export function readerOf(ledger: LedgerPlan): StoreReader {
  if (ledger.kind === 'sqlite') return sqliteReader(ledger.path);
  return postgresReader(ledger.url, { schema: ledger.schema, ...bounds });
}
