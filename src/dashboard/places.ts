import { Refusal } from './refusal.ts';

/** So many things at once, and no more. */
export class Places {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Does something in a place of its own. @throws {Refusal} when none is free. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#most) {
      throw new Refusal(503, 'ERR_BUSY', `${this.#most} requests are under way already`, {
        'retry-after': '1'
      });
    }
    this.#taken += 1;
    try {
      return await work();
    } finally {
      this.#taken -= 1;
    }
  }
}
