import type { Database } from './library.ts';
import { scopeSpan } from './schema.ts';
import type { Statements } from './statements.ts';
import { inTransaction } from './transaction.ts';

/** Rows of a table that one slice removes at most, and templates, each of which may have 1 MiB. */
const sliceRows = 1_000;
const sliceTemplates = 20;

const nextDropped = 'SELECT number FROM dropped ORDER BY number LIMIT 1';
const numbered = (table: string): string =>
  `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE id > ? AND id < ? LIMIT ${sliceRows})`;
const deleteSchedules = `DELETE FROM schedules WHERE scope = ?1 AND id IN (SELECT id FROM schedules WHERE scope = ?1 LIMIT ${sliceRows})`;
const deleteTemplates = `DELETE FROM templates WHERE rowid IN (SELECT rowid FROM templates WHERE scope = ? LIMIT ${sliceTemplates})`;

/** Removes whole scopes, a slice at a time, each in one transaction. */
export class ScopeRemover {
  readonly #database: Database;
  readonly #statements: Statements;

  constructor(database: Database, statements: Statements) {
    this.#database = database;
    this.#statements = statements;
  }

  /** Takes a scope out of sight. Its number stays taken until nothing is left of it. */
  begin(number: number, name: string): void {
    inTransaction(this.#database, this.#statements, () => {
      this.#statements.run('INSERT OR IGNORE INTO dropped (number) VALUES (?)', number);
      this.#statements.run('DELETE FROM scopes WHERE number = ?', number);
      this.#statements.run('DELETE FROM agents WHERE scope = ?', number);
      this.#statements.run('DELETE FROM removals WHERE scope = ?', number);
      this.#statements.run('DELETE FROM commands WHERE scope = ?', name);
    });
  }

  /** Removes a slice of what is out of sight, of whichever scope. @returns Whether anything may be left. */
  removeSlice(): boolean {
    const [number] = (this.#statements.get(nextDropped) ?? []) as number[];
    if (number === undefined) return false;
    inTransaction(this.#database, this.#statements, () => {
      if (this.#removeRows(number) === 0)
        this.#statements.run('DELETE FROM dropped WHERE number = ?', number);
    });
    return true;
  }

  #removeRows(number: number): number {
    const base = number * scopeSpan;
    let removed = this.#statements.run(deleteTemplates, number);
    removed += this.#statements.run(deleteSchedules, number);
    for (const table of ['payloads', 'tasks', 'results', 'batches']) {
      removed += this.#statements.run(numbered(table), base, base + scopeSpan);
    }
    return removed;
  }
}
