import fc from 'fast-check';
import { expect, it } from 'vitest';
import { batchStates, type BatchState } from '../../machines/batch.ts';
import { BatchTable } from '../../src/ledger/batchTable.ts';
import type { BatchRow } from '../../src/store.ts';

it('a table of batches counts them by state, however they come, change and go', () => {
  const change = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.option(fc.constantFrom(...batchStates)));
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const table = new BatchTable();
      for (const [id, state] of changes) {
        if (state === null) table.delete(id);
        else table.set(id, { state } as BatchRow);
      }
      const expected = new Map<BatchState, number>();
      for (const { state } of table.values()) expected.set(state, (expected.get(state) ?? 0) + 1);
      expect(Object.fromEntries(table.counts)).toEqual(Object.fromEntries(expected));
    })
  );
});
