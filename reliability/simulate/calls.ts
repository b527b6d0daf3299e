import { FleetError } from '../../src/index.ts';
import type { Findings } from './findings.ts';
import type { Trace } from './trace.ts';

/** Calls of the fleet's API that wait for their answer. */
export class Calls {
  readonly #findings: Findings;
  readonly #trace: Trace;
  readonly #open = new Map<number, string>();
  #last = 0;

  constructor(findings: Findings, trace: Trace) {
    this.#findings = findings;
    this.#trace = trace;
  }

  /** Names of those that wait. */
  get open(): readonly string[] {
    return [...this.#open.values()];
  }

  /** Follows a call to its answer. A refusal is one too, if it is an error that the library documents. */
  track<T>(name: string, call: () => Promise<T>, onAnswer?: (answer: T) => void): void {
    const id = ++this.#last;
    this.#open.set(id, name);
    const answered = (what: string): boolean => {
      if (this.#open.delete(id)) this.#trace.add(`answer ${name} ${what}`);
      else return false;
      return true;
    };
    const asked = call();
    asked.then(
      (answer) => {
        if (answered('ok')) onAnswer?.(answer);
      },
      (error: unknown) => {
        if (error instanceof FleetError) answered(error.code);
        else if (answered('broken')) this.#findings.add('answer', `${name}: ${String(error)}`);
      }
    );
  }

  /** The process died: nobody waits any more, and whatever is still said reaches nobody. */
  hangUp(): void {
    this.#open.clear();
  }
}
