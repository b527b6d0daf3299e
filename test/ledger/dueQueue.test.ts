import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from '../../src/ledger/dueQueue.ts';

/** @returns The number of the next task that is due. */
function pop(queue: DueQueue, now: number): number | undefined {
  return queue.popDue(now)?.seq;
}

describe('DueQueue', () => {
  it('is empty at first', () => {
    const queue = new DueQueue();
    expect(queue.nextAt).toBeUndefined();
    expect(pop(queue, Infinity)).toBeUndefined();
  });

  it.each([
    [9, undefined],
    [10, 1],
    [11, 1]
  ])('asked at %d for a task that is due at 10, gives %s', (now, seq) => {
    const queue = new DueQueue();
    queue.push(1, 10);
    expect(pop(queue, now)).toBe(seq);
    expect(queue.nextAt).toBe(seq === undefined ? 10 : undefined);
  });

  it('gives equal times in the order of submission', () => {
    const queue = new DueQueue();
    for (const seq of [3, 1, 2]) queue.push(seq, 10);
    expect([pop(queue, 10), pop(queue, 10), pop(queue, 10)]).toEqual([1, 2, 3]);
  });

  it('holds a task as often as it is pushed: an entry is a hint', () => {
    const queue = new DueQueue();
    queue.push(1, 10);
    queue.push(1, 20);
    expect([pop(queue, 20), pop(queue, 20), pop(queue, 20)]).toEqual([1, 1, undefined]);
  });

  it('orders the first and the last time that there are', () => {
    const queue = new DueQueue();
    queue.push(1, 8.64e15);
    queue.push(2, 0);
    expect(queue.nextAt).toBe(0);
    expect(pop(queue, Number.MAX_VALUE)).toBe(2);
    expect(queue.nextAt).toBe(8.64e15);
  });

  it('keeps one entry for each task that still waits, in order', () => {
    const queue = new DueQueue();
    for (const seq of [5, 1, 4, 2, 3, 2]) queue.push(seq, 100 - seq);
    queue.push(4, 7);
    queue.retain((seq, dueAt) => seq % 2 === 0 && dueAt > 10);

    expect(queue.size).toBe(2);
    expect([pop(queue, Infinity), pop(queue, Infinity), pop(queue, Infinity)]).toEqual([4, 2, undefined]);
  });

  it('takes a task that is due after the latest time for one that is due then', () => {
    const queue = new DueQueue();
    queue.push(1, 1_000, 50);
    queue.push(2, 40, 50);
    expect([pop(queue, 49), pop(queue, 49), queue.nextAt]).toEqual([2, undefined, 50]);
    expect(queue.popDue(50)).toMatchObject({ seq: 1, dueAt: 1_000 });
  });

  it('hurries those that can be hurried, and leaves what is due before', () => {
    const queue = new DueQueue();
    for (const seq of [1, 2, 3]) queue.push(seq, 1_000);
    queue.push(4, 10);
    queue.hurry(50, (seq) => seq !== 2);
    expect([pop(queue, 10), pop(queue, 49), pop(queue, 50), pop(queue, 50), pop(queue, 999)]).toEqual([
      4,
      undefined,
      1,
      3,
      undefined
    ]);
    expect(queue.nextAt).toBe(1_000);
  });

  it('keeps the earliest of several entries of one task', () => {
    const queue = new DueQueue();
    queue.push(1, 1_000, 50);
    queue.push(1, 1_000);
    queue.retain(() => true);
    expect([queue.size, queue.nextAt]).toEqual([1, 50]);
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
          expect(due.map(() => pop(queue, now))).toEqual(due.map(({ seq }) => seq));
          expect(push ? undefined : pop(queue, now)).toBeUndefined();
          expect(queue.nextAt).toBe(model[0]?.dueAt);
        }
      })
    );
  });
});
