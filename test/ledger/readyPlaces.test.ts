import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReadyPlaces, type Ready } from '../../src/ledger/readyPlaces.ts';

interface Stand extends Ready<Stand> {
  readonly name: number;
}

describe('ReadyPlaces', () => {
  it('keeps the order of a set, of which the first is the one that came first', () => {
    const anyCall = fc.record({ call: fc.constantFrom('add', 'delete'), name: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 60 }), (calls) => {
        const stands = Array.from({ length: 6 }, (_, name): Stand => {
          return { name, isReady: false, readyBefore: null, readyAfter: null };
        });
        const ready = new ReadyPlaces<Stand>();
        const model = new Set<Stand>();
        for (const { call, name } of calls) {
          const stand = stands[name]!;
          ready[call as 'add' | 'delete'](stand);
          model[call as 'add' | 'delete'](stand);
          expect(ready.first?.name).toBe([...model][0]?.name);
          expect(stands.filter(({ isReady }) => isReady)).toEqual(stands.filter((other) => model.has(other)));
          expect(namesFrom(ready.first)).toEqual([...model].map((other) => other.name));
        }
      })
    );
  });
});

function namesFrom(first: Stand | null): number[] {
  const names: number[] = [];
  for (let stand = first; stand !== null; stand = stand.readyAfter) names.push(stand.name);
  return names;
}
