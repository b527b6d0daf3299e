import { FencedError } from '../../errors.ts';

export interface LeaseOptions {
  readonly scope: string;
  /** Names this holder for good: no other has the same. */
  readonly holder: string;
  /** Number of the fleet. */
  readonly number: number;
  readonly term: number;
  readonly leaseMs: number;
  /** Ms, monotonic, before the lease was asked for. */
  readonly askedAt: number;
  readonly now: () => number;
  /** Renews it in the database. @returns Whether it is still held. */
  readonly renew: (lease: Lease) => Promise<boolean>;
}

/** How long after a renewal that failed the next one is tried, at most, ms. */
const retryMs = 1_000;

/**
 * What this process knows of a fleet that it owns.
 *
 * The lease ends by the server's clock. Here its end is only guessed, on the safe side and by a monotonic clock: leaseMs
 * after the last renewal that succeeded was sent.
 */
export class Lease {
  readonly scope: string;
  readonly holder: string;
  readonly number: number;
  /** Written with every commit. It is raised whenever the fate of one is not known, which fences what may still come. */
  term: number;
  /** A commit was sent of which it is not known whether it took effect, or still will. */
  isUncertain = false;
  /** Under way: the decision of what became of it. */
  settling: Promise<void> | null = null;
  /** Its fleet is being removed: nobody has it any more. */
  isRemoved = false;
  /** The latest time of receipt of its results. */
  receivedHigh = 0;

  readonly #options: LeaseOptions;
  #renewedAt: number;
  #isRenewing = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | null = null;
  readonly #watchers = new Set<(error: FencedError) => void>();
  #lost: FencedError | null = null;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.scope = options.scope;
    this.holder = options.holder;
    this.number = options.number;
    this.term = options.term;
    this.#renewedAt = options.askedAt;
    this.#arm(options.leaseMs / 3);
  }

  /** @param askedAt - Monotonic, before the renewal was sent. */
  renewed(askedAt: number): void {
    this.#renewedAt = Math.max(this.#renewedAt, askedAt);
  }

  /** Another owner has the scope, or may have it: whoever watches hears of it, once. */
  lose(reason: string): FencedError {
    const error = (this.#lost ??= FencedError.ofFleet(this.scope, reason));
    for (const onLost of this.#watchers) {
      this.#watchers.delete(onLost);
      onLost(error);
    }
    return error;
  }

  watch(onLost: (error: FencedError) => void): Disposable {
    const watcher = (error: FencedError): void => onLost(error);
    if (this.#lost) queueMicrotask(() => this.#watchers.delete(watcher) && watcher(this.#lost!));
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** Renews it no more. */
  end(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#hasEnded = true;
  }

  #arm(delayMs: number): void {
    if (this.#hasEnded) return;
    const { leaseMs, now } = this.#options;
    const leftMs = this.#renewedAt + leaseMs - now();
    this.#timer = setTimeout(() => this.#look(), leftMs > 0 ? Math.min(delayMs, leftMs) : delayMs);
    this.#timer.unref();
  }

  #look(): void {
    const { leaseMs, now } = this.#options;
    const sinceMs = now() - this.#renewedAt;
    if (sinceMs >= leaseMs) {
      this.lose(`its lease was not renewed for ${leaseMs} ms, so another process may have it`);
    }
    if (sinceMs >= leaseMs / 3 && !this.#isRenewing) void this.#renew();
    this.#arm(Math.min(retryMs, leaseMs / 3));
  }

  async #renew(): Promise<void> {
    this.#isRenewing = true;
    const askedAt = this.#options.now();
    try {
      if (await this.#options.renew(this)) this.renewed(askedAt);
      else {
        this.end();
        this.lose('another process has taken it over');
      }
    } catch {
      // It is tried again until the lease is over.
    } finally {
      this.#isRenewing = false;
    }
  }
}
