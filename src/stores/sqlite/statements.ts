import type { Cell } from '../cells.ts';
import type { Database, Statement } from './library.ts';

/** The prepared statements of one connection. Rows come as arrays: they are cheap to make and to post. */
export class Statements {
  readonly #database: Database;
  readonly #prepared = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Prepares on first use. @param sql - One of a bounded number of texts: they are all kept. */
  prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (!statement) {
      statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  all(sql: string, ...values: readonly Cell[]): Cell[][] {
    return this.prepare(sql).all(...values) as Cell[][];
  }

  get(sql: string, ...values: readonly Cell[]): Cell[] | undefined {
    return this.prepare(sql).get(...values) as Cell[] | undefined;
  }

  /** @returns How many rows it changed. */
  run(sql: string, ...values: readonly Cell[]): number {
    return Number(this.prepare(sql).run(...values).changes);
  }
}
