import { describe, expect, it } from 'vitest';
import { DispatchQueue, type DispatchEntry, type Offer } from '../../src/ledger/dispatchQueue.ts';
import { tagsKey } from '../../src/validation/tags.ts';

describe('DispatchQueue', () => {
  it('gives each offer what it can serve, the best first', () => {
    const queue = queueOf([
      { seq: 1, priority: 0 },
      { seq: 2, priority: 5, tags: ['gpu'] },
      { seq: 3, priority: 9, tags: ['eu', 'gpu'] },
      { seq: 4, priority: 7, tags: ['eu'] }
    ]);

    expect(popAll(queue, [])).toEqual([1]);
    expect(popAll(queue, ['eu'])).toEqual([4]);
    expect(popAll(queue, ['eu', 'gpu', 'ssd'])).toEqual([3, 2]);
    expect(queue.size).toBe(0);
  });

  it('serves what comes after an offer was made as well', () => {
    const queue = queueOf([]);
    expect(popAll(queue, ['gpu'])).toEqual([]);
    queue.push(entry({ seq: 1, tags: ['gpu'] }));
    queue.push(entry({ seq: 2 }));
    expect(popAll(queue, ['gpu'])).toEqual([1, 2]);
  });

  it('passes a type over that is at its limit, and no other', () => {
    const queue = new DispatchQueue();
    queue.configure(null, { slow: {} });
    for (const type of ['slow', 'fast', 'slow', 'other']) queue.push(entry({ seq: queue.size + 1, type }));

    expect(popAll(queue, [], (type) => type !== 'slow')).toEqual([2, 4]);
    expect(queue.hasType('slow')).toBe(true);
    expect(popAll(queue, [])).toEqual([1, 3]);
    expect(queue.hasType('slow')).toBe(false);
  });

  it('keeps the order of two types of which one has a limit', () => {
    const queue = new DispatchQueue();
    queue.configure(60_000, { slow: {} });
    for (const [index, type] of ['a', 'slow', 'a', 'slow', 'slow', 'a'].entries()) {
      queue.push(entry({ seq: index + 1, type, readyAt: 1_000 }));
    }
    expect(popAll(queue, [])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('says of an entry that its type has got a limit since it came', () => {
    const queue = queueOf([{ seq: 1, type: 'slow' }]);
    queue.configure(null, { slow: {} });
    const lane = queue.best(offerOf([]), () => false)!;

    expect(queue.pop(lane)).toBe(1);
    expect(queue.isMisplaced(lane, 'slow')).toBe(true);
    expect(queue.isMisplaced(lane, 'fast')).toBe(false);
    queue.push(entry({ seq: 1, type: 'slow' }));
    expect(queue.best(offerOf([]), () => false)).toBeUndefined();
  });

  it('ages the tasks of all lanes anew when it is told another age', () => {
    const queue = queueOf([
      { seq: 1, priority: 1, readyAt: 5_000 },
      { seq: 2, priority: 0, readyAt: 0, tags: ['gpu'] }
    ]);
    expect(queue.best(offerOf(['gpu']), () => true)?.tags).toEqual([]);
    queue.configure(1_000, {});
    expect(popAll(queue, ['gpu'])).toEqual([2, 1]);
  });

  it('lets go of what is queued no more, lanes included', () => {
    const queue = queueOf([{ seq: 1 }, { seq: 2, tags: ['gpu'] }, { seq: 3 }]);
    queue.retain((seq) => seq === 3);
    expect(queue.size).toBe(1);
    expect(popAll(queue, ['gpu'])).toEqual([3]);
  });

  it('knows from when on its latest task has waited, until it is empty', () => {
    const queue = queueOf([
      { seq: 1, readyAt: 70 },
      { seq: 2, readyAt: 50 }
    ]);
    expect(queue.latestReadyAt).toBe(70);
    popAll(queue, []);
    expect(queue.latestReadyAt).toBe(-Infinity);
  });
});

function entry(changes: Partial<DispatchEntry>): DispatchEntry {
  return { seq: 1, priority: 5, createdAt: 0, readyAt: null, type: 'work', tags: [], ...changes };
}

function queueOf(entries: readonly Partial<DispatchEntry>[]): DispatchQueue {
  const queue = new DispatchQueue();
  for (const changes of entries) queue.push(entry(changes));
  return queue;
}

function offerOf(tags: readonly string[]): Offer {
  return { key: tagsKey(tags), tags: new Set(tags), types: null };
}

function popAll(queue: DispatchQueue, tags: readonly string[], isOpen = (_: string) => true): number[] {
  const popped: number[] = [];
  for (;;) {
    const lane = queue.best(offerOf(tags), isOpen);
    if (lane === undefined) return popped;
    popped.push(queue.pop(lane));
  }
}
