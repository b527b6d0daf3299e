import { createHash } from 'node:crypto';

/** Lines that are hashed together, so that hashing costs little. */
const linesPerUpdate = 1_000;

/** All that happened, in order, as one hash: two runs with the same hash did the same. */
export class Trace {
  readonly #hash = createHash('sha256');
  #lines: string[] = [];

  add(line: string): void {
    if (this.#lines.push(line) >= linesPerUpdate) this.#update();
  }

  /** Hexadecimal. The trace is closed by it. */
  digest(): string {
    this.#update();
    return this.#hash.digest('hex');
  }

  #update(): void {
    if (this.#lines.length > 0) this.#hash.update(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }
}
