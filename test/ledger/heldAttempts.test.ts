import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldAttempts } from '../../src/ledger/heldAttempts.ts';

describe('HeldAttempts', () => {
  it('does what a map from tasks to attempts does, in the same order', () => {
    const anyCall = fc.record({
      call: fc.constantFrom('set', 'set', 'delete'),
      seq: fc.integer({ min: 1, max: 6 }),
      attempt: fc.integer({ min: 1, max: 2 })
    });
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 60 }), (calls) => {
        const held = new HeldAttempts();
        const model = new Map<number, number>();
        for (const { call, seq, attempt } of calls) {
          if (call === 'set') {
            held.set({ seq, attempt });
            model.set(seq, attempt);
          } else {
            const isHeld = model.get(seq) === attempt;
            expect(held.delete({ seq, attempt })).toBe(isHeld);
            if (isHeld) model.delete(seq);
          }
          expect(held.get(seq)).toBe(model.get(seq));
          expect(held.size).toBe(model.size);
          expect(held.seqs).toEqual([...model.keys()]);
          expect([...held]).toEqual([...model].map(([of, number]) => ({ seq: of, attempt: number })));
        }
      })
    );
  });
});
