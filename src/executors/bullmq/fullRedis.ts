import { errorText } from './errorText.ts';

/** Warns of a Redis that takes nothing more as it is full: once, and anew when there was room meanwhile. */
export class FullRedis {
  readonly #server: string;
  #isFull = false;

  /** @param server - Where it is, without a password. */
  constructor(server: string) {
    this.#server = server;
  }

  /** Something was written, and needed room. */
  hadRoom(): void {
    this.#isFull = false;
  }

  /** @param error - Why something could not be written; any. */
  refused(error: unknown): void {
    if (this.#isFull || !errorText(error).startsWith('OOM ')) return;
    this.#isFull = true;
    process.emitWarning(
      `${this.#server} is full: it takes no tasks for workers. They wait, and go on when there is room: raise its maxmemory, ` +
        'or remove what fills it'
    );
  }
}
