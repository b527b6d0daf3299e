import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyMap } from '../../src/submission/keyMap.ts';

describe('KeyMap', () => {
  it('holds what a map holds, whatever its keys are', () => {
    const key = fc.oneof(fc.constantFrom('', 'a', 'b/1', '__proto__', 'constructor', '😀'), fc.string());
    const change = fc.tuple(key, fc.option(fc.nat()));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
        const map = new KeyMap<number>();
        const model = new Map<string, number>();
        for (const [name, value] of changes) {
          if (value === null) {
            map.delete(name);
            model.delete(name);
          } else {
            map.set(name, value);
            model.set(name, value);
          }
        }
        for (const [name] of changes) {
          expect(map.get(name)).toBe(model.get(name));
          expect(map.has(name)).toBe(model.has(name));
        }
      })
    );
  });
});
