import type { Clock } from '../../clock.ts';
import { Backoff } from './backoff.ts';
import type { Complaint } from './complaint.ts';
import type { Given } from './givenAttempts.ts';

/** Jobs of one round trip: while it runs in Redis nothing else does. */
const jobsAtOnce = 500;
/** The same, characters of data. */
const dataAtOnce = 4 * 1024 * 1024;

export interface JobSenderOptions {
  readonly clock: Clock;
  /** Adds jobs; where it rejects nobody knows which. Those that are there already stay as they are. */
  readonly add: (givens: readonly Given[]) => Promise<void>;
  readonly complaint: Complaint;
  /** Whether an end of it is still waited for. */
  readonly isOpen: (given: Given) => boolean;
  /** They are in Redis. */
  readonly onSent: (givens: readonly Given[]) => void;
  /** To be aborted before anybody knows whether it is in Redis. */
  readonly onUnsent: (given: Given) => void;
}

/** Brings jobs to Redis in the order in which they come, again and again until they are there. */
export class JobSender {
  readonly #options: JobSenderOptions;
  readonly #backoff: Backoff;
  #queue: Given[] = [];
  #isSending = false;
  #hasStopped = false;

  constructor(options: JobSenderOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock);
  }

  send(givens: readonly Given[]): void {
    for (const given of givens) this.#queue.push(given);
    if (!this.#isSending) void this.#run();
  }

  /** What is under way may still arrive. */
  stop(): void {
    this.#hasStopped = true;
    this.#queue = [];
    this.#backoff.end();
  }

  async #run(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.length > 0) {
      const chunk = this.#takeChunk();
      if (chunk.length > 0) await this.#bring(chunk);
    }
    this.#isSending = false;
  }

  #takeChunk(): Given[] {
    let [length, size] = [0, 0];
    while (length < this.#queue.length && length < jobsAtOnce && size < dataAtOnce) {
      size += this.#queue[length++]!.attempt!.data.length;
    }
    const chunk = this.#queue.slice(0, length).filter((given) => this.#options.isOpen(given));
    this.#queue = this.#queue.slice(length);
    return chunk;
  }

  async #bring(chunk: readonly Given[]): Promise<void> {
    let left = chunk;
    while (left.length > 0 && !this.#hasStopped) {
      for (const given of left) given.state = 'sending';
      try {
        await this.#options.add(left);
        this.#backoff.reset();
        this.#options.complaint.isOver();
        if (!this.#hasStopped) this.#options.onSent(left);
        return;
      } catch (error) {
        if (!this.#hasStopped) this.#options.complaint.of(error);
        await this.#backoff.pause();
      }
      const open = left.filter((given) => this.#options.isOpen(given) && given.state === 'sending');
      left = open.filter(({ abortCause }) => abortCause === null);
      if (this.#hasStopped) return;
      for (const given of open) if (given.abortCause !== null) this.#options.onUnsent(given);
    }
  }
}
