import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../../src/ledger/deadlines.ts';

describe('Deadlines', () => {
  it('takes those that have come, in the order in which they were set', () => {
    const deadlines = new Deadlines<string>();
    deadlines.set('a', 30);
    deadlines.set('b', 10);
    deadlines.set('c', 20);

    expect(deadlines.takeDue(9)).toEqual([]);
    expect(deadlines.takeDue(20)).toEqual(['b', 'c']);
    expect(deadlines.takeDue(20)).toEqual([]);
    expect(deadlines.takeDue(30)).toEqual(['a']);
  });

  it('takes one at its very time', () => {
    const deadlines = new Deadlines<string>();
    deadlines.set('a', 10);
    expect(deadlines.takeDue(9.999)).toEqual([]);
    expect(deadlines.takeDue(10)).toEqual(['a']);
  });

  it('forgets one that is deleted', () => {
    const deadlines = new Deadlines<string>();
    deadlines.set('a', 10);
    deadlines.delete('a');
    deadlines.delete('never set');
    expect(deadlines.get('a')).toBeUndefined();
    expect(deadlines.nextAt).toBeUndefined();
    expect(deadlines.takeDue(Infinity)).toEqual([]);
  });

  it('moves one that is set again', () => {
    const deadlines = new Deadlines<string>();
    deadlines.set('a', 10);
    deadlines.set('a', 20);
    expect(deadlines.takeDue(10)).toEqual([]);
    expect(deadlines.nextAt).toBe(20);
    expect(deadlines.takeDue(20)).toEqual(['a']);
    expect(deadlines.takeDue(20)).toEqual([]);
  });

  it('begins anew when nothing is pending: an old time wakes nobody', () => {
    const deadlines = new Deadlines<string>();
    deadlines.set('a', 10);
    deadlines.delete('a');
    deadlines.set('b', 50);
    expect(deadlines.nextAt).toBe(50);
  });

  it('leaves nothing behind when most are deleted before they come', () => {
    const deadlines = new Deadlines<number>();
    for (let key = 0; key < 100_000; key++) {
      deadlines.set(key, key + 300_000);
      deadlines.delete(key);
    }
    expect(deadlines.nextAt).toBeUndefined();
  });

  it('agrees with a list that is searched through, and never wakes late', () => {
    fc.assert(
      fc.property(fc.array(anyCall, { maxLength: 200 }), (calls) => {
        const deadlines = new Deadlines<number>();
        const model = new Map<number, number>();
        let now = 0;
        for (const { call, key, ms } of calls) {
          if (call === 'set') {
            deadlines.set(key, now + ms);
            model.set(key, now + ms);
          } else if (call === 'delete') {
            deadlines.delete(key);
            model.delete(key);
          } else {
            now += ms;
          }
          const due = call === 'take' ? [...model].filter(([, at]) => at <= now).map(([key]) => key) : [];
          for (const key of due) model.delete(key);
          expect(call === 'take' ? deadlines.takeDue(now) : []).toEqual(due);
          // Looked through, it knows the very next.
          expect(call !== 'take' || (deadlines.nextAt ?? Infinity) > now).toBe(true);
          expect(deadlines.get(key)).toBe(model.get(key));
          expect(deadlines.nextAt === undefined).toBe(model.size === 0);
          expect(deadlines.nextAt ?? Infinity).toBeLessThanOrEqual(Math.min(...model.values()));
        }
      })
    );
  });
});

const anyCall = fc.record({
  call: fc.constantFrom('set', 'set', 'delete', 'take'),
  key: fc.nat(9),
  ms: fc.nat(50)
});
