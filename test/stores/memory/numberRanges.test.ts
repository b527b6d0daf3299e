import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumberRanges } from '../../../src/stores/memory/numberRanges.ts';

const number = fc.integer({ min: 1, max: 40 });
const steps = fc.array(fc.tuple(fc.constantFrom('add', 'remove'), number), { maxLength: 80 });

describe('NumberRanges', () => {
  it('holds what a sorted list would, in whatever order numbers come and go', () => {
    fc.assert(
      fc.property(steps, number, (changes, position) => {
        const ranges = new NumberRanges();
        const model = new Set<number>();
        for (const [change, of] of changes) {
          if (change === 'remove') ranges.remove(of);
          else if (!model.has(of)) ranges.add(of);
          if (change === 'add') model.add(of);
          else model.delete(of);
        }
        const after = [...model].filter((of) => of > position).sort((left, right) => left - right);
        expect(ranges.size).toBe(model.size);
        expect([...ranges.after(position)]).toEqual(after);
        expect([...ranges.newest(position)]).toEqual(after.toReversed());
      })
    );
  });
});
