import type { DatabaseSync, DatabaseSyncOptions, StatementSyncInstance } from '@photostructure/sqlite';

export type Database = InstanceType<typeof DatabaseSync>;
export type Statement = StatementSyncInstance;
/** Opens a connection. The built-in module and the package are the same API. */
export type OpenDatabase = (location: string, options: DatabaseSyncOptions) => Database;

/** From here on `node:sqlite` needs no flag and prints no warning about being experimental. */
const firstNodeWithSqlite = 24;

/** The SQLite of Node where it is built in, else that of `@photostructure/sqlite`. */
export async function loadSqlite(): Promise<OpenDatabase> {
  const sqlite = builtInSqlite() ?? (await import('@photostructure/sqlite'));
  return (location, options) => new sqlite.DatabaseSync(location, options);
}

function builtInSqlite(): { readonly DatabaseSync: typeof DatabaseSync } | undefined {
  if (Number.parseInt(process.versions.node, 10) < firstNodeWithSqlite) return undefined;
  // The types of Node 20 know neither the function nor the module.
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => unknown };
  return getBuiltinModule?.('node:sqlite') as ReturnType<typeof builtInSqlite>;
}
