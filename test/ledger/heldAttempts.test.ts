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
          const wasHeld = model.get(seq) === attempt;
          if (call === 'set') model.set(seq, attempt);
          else if (wasHeld) model.delete(seq);
          const isDeleted = call === 'set' ? held.set({ seq, attempt }) : held.delete({ seq, attempt });
          expect(isDeleted).toBe(call === 'set' ? undefined : wasHeld);
          expect(held.get(seq)).toBe(model.get(seq));
          expect(held.size).toBe(model.size);
          expect(held.seqs).toEqual([...model.keys()]);
          expect([...held]).toEqual([...model].map(([of, number]) => ({ seq: of, attempt: number })));
        }
      })
    );
  });
});
