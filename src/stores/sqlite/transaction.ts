import type { Database } from './library.ts';
import type { Statements } from './statements.ts';

/** COMMIT failed: what became of the transaction is not known. */
export class CommitFailure extends Error {
  override readonly name = 'CommitFailure';

  constructor(cause: unknown) {
    super('COMMIT failed', { cause });
  }
}

/**
 * Runs `work` in one transaction. When it throws, all is rolled back and the error goes on.
 *
 * @throws {CommitFailure} when the transaction was complete and COMMIT failed.
 */
export function inTransaction(database: Database, statements: Statements, work: () => void): void {
  statements.run('BEGIN IMMEDIATE');
  try {
    work();
  } catch (error) {
    rollBack(database);
    throw error;
  }
  try {
    statements.run('COMMIT');
  } catch (error) {
    rollBack(database);
    throw new CommitFailure(error);
  }
}

function rollBack(database: Database): void {
  // SQLite has rolled back by itself after some errors, such as a full disk.
  if (database.isTransaction) database.exec('ROLLBACK');
}
