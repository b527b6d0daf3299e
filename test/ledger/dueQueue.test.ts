import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from '../../src/ledger/dueQueue.ts';

describe('DueQueue', () => {
  it('is empty at first', () => {
    const queue = new DueQueue();
    expect(queue.nextAt).toBeUndefined();
    expect(queue.popDue(Infinity)).toBeUndefined();
  });

  it.each([
    [9, undefined],
    [10, 1],
    [11, 1]
  ])('asked at %d for a task that is due at 10, gives %s', (now, seq) => {
    const queue = new DueQueue();
    queue.push(1, 10);
    expect(queue.popDue(now)).toBe(seq);
    expect(queue.nextAt).toBe(seq === undefined ? 10 : undefined);
  });

  it('gives equal times in the order of submission', () => {
    const queue = new DueQueue();
    for (const seq of [3, 1, 2]) queue.push(seq, 10);
    expect([queue.popDue(10), queue.popDue(10), queue.popDue(10)]).toEqual([1, 2, 3]);
  });

  it('holds a task as often as it is pushed: an entry is a hint', () => {
    const queue = new DueQueue();
    queue.push(1, 10);
    queue.push(1, 20);
    expect([queue.popDue(20), queue.popDue(20), queue.popDue(20)]).toEqual([1, 1, undefined]);
  });

  it('orders the first and the last time that there are', () => {
    const queue = new DueQueue();
    queue.push(1, 8.64e15);
    queue.push(2, 0);
    expect(queue.nextAt).toBe(0);
    expect(queue.popDue(Number.MAX_VALUE)).toBe(2);
    expect(queue.nextAt).toBe(8.64e15);
  });

  it('keeps one entry for each task that still waits, in order', () => {
    const queue = new DueQueue();
    for (const seq of [5, 1, 4, 2, 3, 2]) queue.push(seq, 100 - seq);
    queue.push(4, 7);
    queue.retain((seq, dueAt) => seq % 2 === 0 && dueAt > 10);

    expect(queue.size).toBe(2);
    expect([queue.popDue(Infinity), queue.popDue(Infinity), queue.popDue(Infinity)]).toEqual([
      4,
      2,
      undefined
    ]);
  });

  it('agrees with a sorted list as time goes on', () => {
    const call = fc.record({ ms: fc.nat(50), push: fc.boolean() });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        const queue = new DueQueue();
        let model: { seq: number; dueAt: number }[] = [];
        let now = 0;
        for (const [seq, { ms, push }] of calls.entries()) {
          if (push) {
            queue.push(seq, now + ms);
            model.push({ seq, dueAt: now + ms });
            model.sort((left, right) => left.dueAt - right.dueAt || left.seq - right.seq);
          } else {
            now += ms;
          }
          const due = push ? [] : model.filter(({ dueAt }) => dueAt <= now);
          model = model.slice(due.length);
          expect(due.map(() => queue.popDue(now))).toEqual(due.map(({ seq }) => seq));
          expect(push ? undefined : queue.popDue(now)).toBeUndefined();
          expect(queue.nextAt).toBe(model[0]?.dueAt);
        }
      })
    );
  });
});
