import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TypeUse } from '../../src/ledger/typeUse.ts';

describe('the concurrency of a type', () => {
  it('closes it while so many run', () => {
    const use = new TypeUse();
    use.configure({ work: { concurrency: 2 } });
    use.begin('work');
    expect(use.isOpen('work', 0)).toBe(true);
    use.begin('work');
    expect(use.isOpen('work', 0)).toBe(false);
    use.end('work');
    expect(use.isOpen('work', 0)).toBe(true);
  });

  it('counts what began before it was set, and leaves other types alone', () => {
    const use = new TypeUse();
    use.begin('work');
    use.configure({ work: { concurrency: 1 } });
    expect(use.isOpen('work', 0)).toBe(false);
    expect(use.isOpen('other', 0)).toBe(true);
    expect(use.isOpen('constructor', 0)).toBe(true);
    use.configure({});
    expect(use.isOpen('work', 0)).toBe(true);
  });
});

describe('the rate of a type', () => {
  it('counts a claim at once, and its start from when it is started', () => {
    const use = rated(1, 1_000);
    use.claim('work');
    expect(use.isOpen('work', 1e9)).toBe(false);
    use.start('work', 300);
    expect(use.isOpen('work', 1_299)).toBe(false);
    expect(use.isOpen('work', 1_300)).toBe(true);
  });

  it('forgets the claims of a turn that was refused', () => {
    const use = rated(1, 1_000);
    use.claim('work');
    use.forgetClaims();
    expect(use.isOpen('work', 0)).toBe(true);
  });

  it('says when a type may go on that was passed over, as long as somebody waits for it', () => {
    const use = rated(1, 1_000);
    use.claim('work');
    use.start('work', 50);
    expect(use.nextStartAt(60, () => true)).toBe(1_050);
    expect(use.nextStartAt(60, () => false)).toBe(Infinity);
    // A turn that found it open needs no alarm.
    expect(use.nextStartAt(1_050, () => true)).toBe(Infinity);
  });

  it('counts as used up when an earlier process may have started what it liked', () => {
    const use = new TypeUse();
    use.useUp(-400);
    use.configure({ work: { rate: { limit: 3, intervalMs: 1_000 } } });
    expect(use.isOpen('work', 599)).toBe(false);
    expect(use.isOpen('work', 600)).toBe(true);
  });

  it.each([
    [4, [true, true, false]],
    [2, [false, false, false]]
  ])('that is changed to %d in an interval counts what was started before', (limit, open) => {
    const use = rated(3, 1_000);
    for (const at of [10, 20]) {
      use.claim('work');
      use.start('work', at);
    }
    use.configure({ work: { rate: { limit, intervalMs: 2_000 } } });
    const found = [0, 1, 2].map(() => {
      const isOpen = use.isOpen('work', 1_500);
      use.claim('work');
      return isOpen;
    });
    expect(found).toEqual(open);
  });

  it('is never exceeded in any window, however late starts come after their claims', () => {
    const step = fc.record({ waitMs: fc.nat(400), commitMs: fc.nat(300), wanted: fc.nat(6) });
    const rate = fc.record({
      limit: fc.integer({ min: 1, max: 5 }),
      intervalMs: fc.integer({ min: 1, max: 900 })
    });
    fc.assert(
      fc.property(rate, fc.array(step, { maxLength: 60 }), ({ limit, intervalMs }, steps) => {
        const use = rated(limit, intervalMs);
        const starts: number[] = [];
        let now = 0;
        for (const { waitMs, commitMs, wanted } of steps) {
          now += waitMs;
          let claimed = 0;
          for (; claimed < wanted && use.isOpen('work', now); claimed++) use.claim('work');
          now += commitMs;
          for (; claimed > 0; claimed--) {
            use.start('work', now);
            starts.push(now);
          }
        }
        for (const [index, at] of starts.entries()) {
          expect((starts[index + limit] ?? Infinity) - at).toBeGreaterThanOrEqual(intervalMs);
        }
      })
    );
  });
});

function rated(limit: number, intervalMs: number): TypeUse {
  const use = new TypeUse();
  use.configure({ work: { rate: { limit, intervalMs } } });
  return use;
}
