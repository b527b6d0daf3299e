import type { Database } from './library.ts';
import { schemaVersion, writeSchemaSum } from './schema.ts';

/** Brings the tables of one version to the next. Runs in a transaction; a sum that changes is written anew. */
export type Migration = (database: Database) => void;

/** By the version that they start from. No store of an earlier version was ever shipped. */
const migrations: ReadonlyMap<number, Migration> = new Map();

/**
 * Brings a store up to this version, step by step.
 *
 * Each step is one transaction with the version that it leads to, so a process that is killed at any statement
 * leaves the version before or the one after, and the next owner goes on from there.
 *
 * @param version - Of the store, at least 1.
 */
export function migrate(
  database: Database,
  version: number,
  steps: ReadonlyMap<number, Migration> = migrations,
  target = schemaVersion
): void {
  for (let from = version; from < target; from += 1) {
    const step = steps.get(from);
    if (!step) throw new Error(`No migration leads from version ${from} of the store to ${from + 1}`);
    database.exec('BEGIN IMMEDIATE');
    try {
      step(database);
      writeSchemaSum(database);
      database.exec(`PRAGMA user_version = ${from + 1}; COMMIT`);
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
}
