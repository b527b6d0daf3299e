/** How failed attempts are spaced. Plain JSON: it is part of the fleet's config. */
export interface RetryPolicy {
  /** Backoff before the first retry, ms. Finite, >= 0. Defaults to 1,000. */
  readonly baseMs: number;
  /** Growth from one retry to the next. Finite, >= 1. Defaults to 2. */
  readonly factor: number;
  /** Longest backoff, ms. Finite, >= `baseMs`. Defaults to 60,000. */
  readonly maxMs: number;
  /**
   * `full`: anywhere in `[0, backoff]`, which spreads a herd best; `equal`: in `[backoff / 2, backoff]`;
   * `none`: exactly the backoff. Defaults to `full`.
   */
  readonly jitter: 'full' | 'equal' | 'none';
}

export const defaultRetryPolicy: RetryPolicy = { baseMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'full' };

/**
 * When the next attempt may start: exponential backoff with jitter.
 *
 * @param retry - Which retry this is. Integer >= 1.
 * @param nowMs - Epoch ms.
 * @param random - In [0, 1).
 * @returns Epoch ms, whole, never before `nowMs`, never later than `nowMs + policy.maxMs`.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function nextRetryAt(policy: RetryPolicy, retry: number, nowMs: number, random: number): number {
  return nowMs + Math.floor(jittered(policy.jitter, backoffMs(policy, retry), random));
}

/** `min(maxMs, baseMs * factor^(retry - 1))`; a power beyond the range of a number is `maxMs`. */
function backoffMs({ baseMs, factor, maxMs }: RetryPolicy, retry: number): number {
  // 0 * Infinity is NaN: no base, no backoff, however many retries there were.
  return baseMs === 0 ? 0 : Math.min(maxMs, baseMs * factor ** (retry - 1));
}

function jittered(jitter: RetryPolicy['jitter'], backoff: number, random: number): number {
  switch (jitter) {
    case 'full':
      return backoff * random;
    case 'equal':
      return backoff / 2 + (backoff / 2) * random;
    case 'none':
      return backoff;
  }
}
