/**
 * What a value may be that callers set by calls, of which some were not answered: the last acknowledged one, or
 * that of any call which is still open.
 */
export class SwitchState<T> {
  readonly #open = new Map<string, T>();
  #known: T;

  constructor(known: T) {
    this.#known = known;
  }

  ask(callId: string, value: T): void {
    this.#open.set(callId, value);
  }

  acknowledge(callId: string): void {
    const value = this.#open.get(callId);
    if (value === undefined) return;
    this.#open.delete(callId);
    this.#known = value;
  }

  /** The call was refused: it changed nothing. */
  refuse(callId: string): void {
    this.#open.delete(callId);
  }

  get possible(): ReadonlySet<T> {
    return new Set([this.#known, ...this.#open.values()]);
  }

  mayBe(value: T): boolean {
    return this.possible.has(value);
  }
}
