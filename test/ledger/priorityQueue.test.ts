import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { taskPriority } from '../../machines/task.ts';
import { PriorityQueue, type QueueHead } from '../../src/ledger/priorityQueue.ts';

type Entry = Omit<QueueHead, 'score'>;

describe('PriorityQueue', () => {
  it('is empty at first, and again at the end', () => {
    const queue = new PriorityQueue();
    expect(queue.pop()).toBeUndefined();
    push(queue, entry(0));
    queue.pop();
    expect(queue.pop()).toBeUndefined();
  });

  it('gives the highest priority first, then the first that came', () => {
    const { low, normal, high, critical } = taskPriority;
    expect(
      popAll([low, normal, high, normal, critical, low, high].map(numbered)).map(({ seq }) => seq)
    ).toEqual([5, 3, 7, 2, 4, 1, 6]);
  });

  it('gives a retried task its old place', () => {
    expect(popAll([entry(5, 6), entry(5, 7), entry(5, 1)]).map(({ seq }) => seq)).toEqual([2, 7, 8]);
  });

  it.each([null, 1, 60_000, Number.MAX_SAFE_INTEGER])(
    'orders priorities of any size, ageing in %s ms',
    (ageingMs) => {
      const { MAX_VALUE, MIN_VALUE } = Number;
      const priorities = [-MIN_VALUE, 0, MAX_VALUE, -MAX_VALUE, 1e308, MIN_VALUE, -1e308];
      expect(popAll(priorities.map(numbered), ageingMs).map(({ priority }) => priority)).toEqual([
        MAX_VALUE,
        1e308,
        MIN_VALUE,
        0,
        -MIN_VALUE,
        -1e308,
        -MAX_VALUE
      ]);
    }
  );

  it('cuts off what was read of a long queue, and loses nothing', () => {
    const queue = new PriorityQueue();
    for (let seq = 1; seq <= 50_000; seq++) push(queue, entry(5, seq - 1));
    const popped = Array.from({ length: 50_000 }, () => queue.pop());
    expect(popped).toEqual(Array.from({ length: 50_000 }, (_, index) => index + 1));
    expect(queue.pop()).toBeUndefined();
  });

  it('keeps one entry for each task that is still queued, in order', () => {
    const queue = new PriorityQueue();
    for (const priority of [5, 7, 5, 7, 5]) push(queue, entry(priority, queue.size));
    // The fifth comes back after it was taken, and twice.
    for (const again of [4, 2, 4]) push(queue, entry(5, again));
    queue.retain((seq) => seq !== 1 && seq !== 4);

    expect(queue.size).toBe(3);
    expect([queue.pop(), queue.pop(), queue.pop(), queue.pop()]).toEqual([2, 3, 5, undefined]);
    expect(queue.size).toBe(0);
  });

  it('lets a task pass another one only as long as it came within the bound after it', () => {
    const queue = new PriorityQueue(1_000);
    // Of priority 10, against one of priority 5 that came at 0.
    for (const [index, readyAt] of [4_999, 5_000, 5_001].entries()) push(queue, entry(10, index, readyAt));
    push(queue, entry(5, 9, 0));

    expect(Array.from({ length: 4 }, () => queue.pop())).toEqual([1, 2, 10, 3]);
  });

  it('gives the one first that has been ready longest, whatever its number', () => {
    const queue = new PriorityQueue();
    for (const [index, readyAt] of [30, 10, 20, 10].entries()) push(queue, entry(5, index, readyAt));

    expect(Array.from({ length: 4 }, () => queue.pop())).toEqual([2, 4, 3, 1]);
  });

  it('obeys another age at once', () => {
    const queue = new PriorityQueue(null);
    push(queue, entry(5, 0, 0));
    push(queue, entry(6, 1, 2_000));
    push(queue, entry(7, 2, 1_000));

    expect(queue.head).toMatchObject({ seq: 3 });
    queue.ageingMs = 100;
    expect([queue.pop(), queue.pop()]).toEqual([1, 3]);
    queue.ageingMs = null;
    expect(queue.pop()).toBe(2);
  });

  it('agrees with a sorted list, whatever is pushed and popped in between', () => {
    const call = fc.option(
      fc.record({
        priority: fc.oneof(
          fc.integer({ min: -3, max: 3 }),
          fc.double({ noNaN: true, noDefaultInfinity: true })
        ),
        readyAt: fc.nat(400)
      })
    );
    fc.assert(
      fc.property(
        fc.option(fc.constantFrom(1, 100)),
        fc.array(call, { maxLength: 200 }),
        (ageingMs, calls) => {
          const queue = new PriorityQueue(ageingMs);
          const model: Entry[] = [];
          for (const [index, pushed] of calls.entries()) {
            if (pushed !== null) {
              const { priority, readyAt } = pushed;
              push(queue, entry(priority, index, readyAt));
              model.push(entry(priority, index, readyAt));
              model.sort(byScore(ageingMs));
            }
            const isPop = pushed === null;
            expect(queue.head?.seq).toBe(model[0]?.seq);
            expect(isPop ? queue.pop() : undefined).toBe(isPop ? model.shift()?.seq : undefined);
          }
          while (model.length > 0) expect(queue.pop()).toBe(model.shift()!.seq);
          expect(queue.pop()).toBeUndefined();
        }
      )
    );
  });
});

function byScore(ageingMs: number | null) {
  const score = ({ priority, readyAt }: Entry) =>
    ageingMs === null ? priority : priority * ageingMs - readyAt;
  return (left: Entry, right: Entry): number => {
    if (score(left) !== score(right)) return score(left) > score(right) ? -1 : 1;
    if (left.priority !== right.priority) return left.priority > right.priority ? -1 : 1;
    return left.readyAt - right.readyAt || left.seq - right.seq;
  };
}

function entry(priority: number, index = 0, readyAt = 0): Entry {
  return { seq: index + 1, priority, readyAt };
}

function push(queue: PriorityQueue, { seq, priority, readyAt }: Entry): void {
  queue.push(seq, priority, readyAt);
}

function numbered(priority: number, index: number): Entry {
  return entry(priority, index);
}

function popAll(entries: Entry[], ageingMs: number | null = null): Entry[] {
  const queue = new PriorityQueue(ageingMs);
  for (const pushed of entries) push(queue, pushed);
  return entries.map(() => {
    const seq = queue.pop();
    return entries.find((pushed) => pushed.seq === seq)!;
  });
}
