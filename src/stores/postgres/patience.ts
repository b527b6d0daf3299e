import { setTimeout as wait } from 'node:timers/promises';
import { mayPass } from './failure.ts';

/** How long after a read that failed it is tried again, ms: twice as long each time, up to the last. */
const firstPauseMs = 20;
const lastPauseMs = 500;

/**
 * Reads again what a lost connection took away, so that a server that restarts, or a cable that was out for a moment, is
 * not seen by whoever reads.
 *
 * Nothing is tried again before the server was reached once: an address that is wrong is told at once.
 */
export class Patience {
  readonly #forMs: number;
  readonly #now: () => number;
  #wasReached = false;
  #hasEnded = false;

  /** @param forMs - How long after its beginning a read is tried again. @param now - Ms, monotonic. */
  constructor(forMs: number, now: () => number = () => performance.now()) {
    this.#forMs = forMs;
    this.#now = now;
  }

  /** @param read - May be done any number of times. @throws what it throws at last. */
  async read<T>(read: () => Promise<T>): Promise<T> {
    const begunAt = this.#now();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, lastPauseMs)) {
      try {
        const found = await read();
        this.#wasReached = true;
        return found;
      } catch (error) {
        const isOver = this.#now() - begunAt + pauseMs > this.#forMs;
        if (isOver || this.#hasEnded || !this.#wasReached || !mayPass(error)) throw error;
      }
      await wait(pauseMs);
    }
  }

  /** Nothing is tried again from now on. */
  end(): void {
    this.#hasEnded = true;
  }
}
