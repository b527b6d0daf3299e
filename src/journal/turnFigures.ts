/** The share of the last commit in the mean. */
const weight = 0.2;

/** What is counted of the turns of a process. */
export class TurnFigures {
  #transitions = 0;
  #commitMs: number | null = null;

  /** Rows that were made or stepped since the start. */
  get transitions(): number {
    return this.#transitions;
  }

  /** How long the last commits took, ms: a mean in which older ones fade. `null`: there was none. */
  get commitMs(): number | null {
    return this.#commitMs;
  }

  /** @param commitMs - Finite, >= 0. */
  add(transitions: number, commitMs: number): void {
    this.#transitions += transitions;
    this.#commitMs =
      this.#commitMs === null ? commitMs : this.#commitMs + weight * (commitMs - this.#commitMs);
  }
}
