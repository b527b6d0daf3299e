import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultRetryPolicy, nextRetryAt, type RetryPolicy } from '../../machines/retryPolicy.ts';

const nowMs = Date.UTC(2026, 0, 1);

describe('nextRetryAt', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [6, 32_000],
    [7, 60_000],
    [8, 60_000]
  ])('doubles the backoff up to the longest: retry %d after %d ms', (retry, backoff) => {
    expect(nextRetryAt({ ...defaultRetryPolicy, jitter: 'none' }, retry, nowMs, 0.5)).toBe(nowMs + backoff);
  });

  it.each<[jitter: RetryPolicy['jitter'], random: number, backoff: number]>([
    ['full', 0, 0],
    ['full', 0.5, 500],
    ['full', 0.999, 999],
    ['equal', 0, 500],
    ['equal', 0.5, 750],
    ['equal', 0.999, 999],
    ['none', 0, 1_000],
    ['none', 0.999, 1_000]
  ])('with jitter %s and a draw of %d waits %d of 1,000 ms', (jitter, random, backoff) => {
    expect(nextRetryAt({ ...defaultRetryPolicy, jitter }, 1, nowMs, random)).toBe(nowMs + backoff);
  });

  it.each<[what: string, policy: Partial<RetryPolicy>, retry: number, backoff: number]>([
    ['a factor of 1e308', { factor: 1e308 }, 2, 60_000],
    ['a factor of 1e308, a million times', { factor: 1e308 }, 1e6, 60_000],
    ['the default, a million times', {}, 1e6, 60_000],
    ['no base, however large the factor', { baseMs: 0, factor: 1e308 }, 1e6, 0],
    ['no base and no maximum', { baseMs: 0, maxMs: 0, factor: 1 }, 3, 0],
    ['no growth', { factor: 1 }, 1e6, 1_000],
    ['the smallest base', { baseMs: Number.MIN_VALUE, factor: 2 }, 1, 0],
    ['the smallest base, a million times', { baseMs: Number.MIN_VALUE, factor: 2 }, 1e6, 60_000],
    ['a base that is the maximum', { baseMs: 60_000 }, 1, 60_000],
    ['a fraction of a millisecond', { baseMs: 0.9, maxMs: 0.9 }, 1, 0]
  ])('stays finite for %s', (_, policy, retry, backoff) => {
    const at = nextRetryAt({ ...defaultRetryPolicy, ...policy, jitter: 'none' }, retry, nowMs, 0.5);
    expect(at).toBe(nowMs + backoff);
  });

  it('is whole, never before now and never later than the longest backoff', () => {
    fc.assert(
      fc.property(policies, retries, draws, (policy, retry, random) => {
        const at = nextRetryAt(policy, retry, nowMs, random);
        expect(Number.isInteger(at)).toBe(true);
        expect(at).toBeGreaterThanOrEqual(nowMs);
        expect(at).toBeLessThanOrEqual(nowMs + policy.maxMs);
      })
    );
  });

  it('never comes earlier for a later retry with the same draw', () => {
    fc.assert(
      fc.property(policies, retries, retries, draws, (policy, one, other, random) => {
        const [earlier, later] = [Math.min(one, other), Math.max(one, other)];
        expect(nextRetryAt(policy, later, nowMs, random)).toBeGreaterThanOrEqual(
          nextRetryAt(policy, earlier, nowMs, random)
        );
      })
    );
  });

  it('draws from the range of its jitter', () => {
    fc.assert(
      fc.property(policies, retries, draws, (policy, retry, random) => {
        const backoff = nextRetryAt({ ...policy, jitter: 'none' }, retry, nowMs, random) - nowMs;
        const wait = nextRetryAt(policy, retry, nowMs, random) - nowMs;
        expect(wait).toBeLessThanOrEqual(backoff);
        expect(wait).toBeGreaterThanOrEqual(
          { full: 0, equal: Math.floor(backoff / 2), none: backoff }[policy.jitter]
        );
      })
    );
  });

  it('comes never earlier for a larger draw', () => {
    fc.assert(
      fc.property(policies, retries, draws, draws, (policy, retry, one, other) => {
        expect(nextRetryAt(policy, retry, nowMs, Math.max(one, other))).toBeGreaterThanOrEqual(
          nextRetryAt(policy, retry, nowMs, Math.min(one, other))
        );
      })
    );
  });
});

const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const retries = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 1_000_000 }));
const policies: fc.Arbitrary<RetryPolicy> = fc
  .record({
    baseMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    more: fc.double({ min: 0, max: 1e12, noNaN: true }),
    factor: fc.oneof(
      fc.double({ min: 1, max: 4, noNaN: true }),
      fc.double({ min: 1, max: 1e308, noNaN: true })
    ),
    jitter: fc.constantFrom('full', 'equal', 'none')
  })
  .map(({ baseMs, more, factor, jitter }) => ({ baseMs, maxMs: baseMs + more, factor, jitter }));
