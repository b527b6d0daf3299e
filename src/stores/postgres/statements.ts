import type { Statement } from './session.ts';

/** Gives each text of SQL the name under which connections prepare it. */
export class Statements {
  readonly #statements = new Map<string, Statement>();

  of(text: string): Statement {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = { name: `xf_${this.#statements.size}`, text };
      this.#statements.set(text, statement);
    }
    return statement;
  }
}
