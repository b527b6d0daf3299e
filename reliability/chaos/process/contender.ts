import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { scopes } from '../plan.ts';

/** Tries to open a store that another process owns, and prints what it is told. */
const store = sqliteStore(process.argv[2]!);
try {
  await store.open(scopes.main, 'a contender');
  await store.release(scopes.main);
  process.stdout.write('opened');
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  process.stdout.write(`${code}: ${message}`);
}
await store.close();
