import type { DatabaseSync, DatabaseSyncOptions, StatementSyncInstance } from '@photostructure/sqlite';

/** What the store uses of a statement and of a connection. */
export type Statement = Pick<StatementSyncInstance, 'run' | 'get' | 'all' | 'setReturnArrays'>;
export interface Database extends Pick<
  InstanceType<typeof DatabaseSync>,
  'exec' | 'close' | 'isTransaction'
> {
  prepare(sql: string): Statement;
}
/** Opens a connection. The built-in module and the package are the same API. */
export type OpenDatabase = (location: string, options: DatabaseSyncOptions) => Database;

/** Releases from which on `node:sqlite` is no longer experimental: before, it prints a warning at every start. */
const builtInSince: readonly (readonly [major: number, minor: number])[] = [
  [24, 15],
  [25, 7],
  [26, 0]
];

/** The SQLite of Node where it is built in, else that of `@photostructure/sqlite`. */
export async function loadSqlite(): Promise<OpenDatabase> {
  const sqlite = builtInSqlite() ?? (await import('@photostructure/sqlite'));
  return (location, options) => new sqlite.DatabaseSync(location, options);
}

function builtInSqlite(): { readonly DatabaseSync: typeof DatabaseSync } | undefined {
  if (!hasStableSqlite(process.versions.node)) return undefined;
  // The types of Node 20 know neither the function nor the module.
  const { getBuiltinModule } = process as { getBuiltinModule?: (id: string) => unknown };
  return getBuiltinModule?.('node:sqlite') as ReturnType<typeof builtInSqlite>;
}

/** @param version - Of Node, such as `24.15.0`. */
function hasStableSqlite(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [last] = builtInSince.at(-1)!;
  if (major > last) return true;
  return builtInSince.some(([builtInMajor, since]) => major === builtInMajor && minor >= since);
}
