import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberedMap } from '../../src/ledger/numberedMap.ts';

describe('a numbered map', () => {
  it('does what a map does, whatever comes and goes', () => {
    const key = fc.oneof(
      fc.nat(600),
      fc.constantFrom(255, 256, 511, 512, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER)
    );
    const step = fc.tuple(fc.constantFrom('set', 'set', 'delete', 'clear'), key);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const numbered = new NumberedMap<{ readonly of: number }>();
        const map = new Map<number, { readonly of: number }>();
        for (const [what, number] of steps) {
          const value = { of: number };
          if (what === 'set') {
            numbered.set(number, value);
            map.set(number, value);
          } else if (what === 'delete') {
            numbered.delete(number);
            map.delete(number);
          } else if (number === 0) {
            numbered.clear();
            map.clear();
          }
          expect(numbered.get(number)).toBe(map.get(number));
          expect(numbered.size).toBe(map.size);
        }
        expect(new Set(numbered.values())).toEqual(new Set(map.values()));
        for (const [number, value] of map) expect(numbered.get(number)).toBe(value);
      })
    );
  });

  it('lets values go while they are iterated', () => {
    const numbered = new NumberedMap<{ readonly of: number }>();
    for (const of of [1, 2, 300]) numbered.set(of, { of });
    const seen: number[] = [];
    for (const { of } of numbered.values()) {
      seen.push(of);
      numbered.delete(of);
    }
    expect(seen).toEqual([1, 2, 300]);
    expect(numbered.size).toBe(0);
  });
});
