/** Which handlers have begun in this process. */
export class Begun {
  readonly #keys = new Set<string>();
  readonly #waiting = new Map<string, (() => void)[]>();

  add(key: string): void {
    this.#keys.add(key);
    for (const resolve of this.#waiting.get(key) ?? []) resolve();
    this.#waiting.delete(key);
  }

  /** Resolves when the handler of the task has begun. */
  of(key: string): Promise<void> {
    if (this.#keys.has(key)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), resolve]);
    });
  }
}
