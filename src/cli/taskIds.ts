/**
 * Which line has which id, to find ids that are used twice.
 *
 * An id that is only the number of its line costs a bit; one that was given costs its text.
 */
export class TaskIds {
  readonly #given = new Map<string, number>();
  /** Bit n: line n has its number for an id. */
  #numbered = new Uint8Array(1_024);

  /** @param line - Integer >= 1. @returns The line that has the id already, or `null`: it is this line's now. */
  add(id: string, line: number): number | null {
    const first = this.lineOf(id);
    if (first !== null) return first;
    if (id === String(line)) this.#mark(line);
    else this.#given.set(id, line);
    return null;
  }

  /** The line that has an id; `null`: none so far. */
  lineOf(id: string): number | null {
    return this.#given.get(id) ?? this.#numberedLine(id);
  }

  #numberedLine(id: string): number | null {
    const line = Number(id);
    if (!Number.isInteger(line) || String(line) !== id || line < 1) return null;
    const bits = this.#numbered[Math.floor(line / 8)] ?? 0;
    return (bits >> (line % 8)) & 1 ? line : null;
  }

  #mark(line: number): void {
    const index = Math.floor(line / 8);
    if (index >= this.#numbered.length) {
      const larger = new Uint8Array(index * 2);
      larger.set(this.#numbered);
      this.#numbered = larger;
    }
    this.#numbered[index]! |= 1 << (line % 8);
  }
}
