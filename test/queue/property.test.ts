import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryStore, type Store } from '../../src/index.ts';
import { sqliteStore } from '../../src/stores/sqlite.ts';
import { temporaryPath } from '../stores/directory.ts';
import { QueueWorld, step } from './queueWorld.ts';
import { startQueue } from './testQueue.ts';

describe.each<[string, () => Store, number]>([
  ['memoryStore', () => memoryStore(), 60],
  ['sqliteStore', () => sqliteStore(temporaryPath(), { durability: 'none' }), 4]
])('whatever workers do, crashes of the process included, on %s', (_, openStore, numRuns) => {
  it('each task is had by one worker at a time, and completes exactly once or is a dead letter', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
        const world = new QueueWorld(await startQueue({ store: openStore(), maxRetries: 2 }));
        for (const each of steps) await world.take(each);
        await world.finish();
        await world.end();
      }),
      { numRuns }
    );
  }, 120_000);
});

describe('whatever is enqueued', () => {
  it('is dequeued by priority, then in order of submission', async () => {
    const priorities = fc.array(fc.constantFrom(-1.5, 0, 5, 10, 20), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(priorities, async (given) => {
        await using test = await startQueue();
        const { queue } = test;
        for (const [index, priority] of given.entries()) {
          await queue.enqueue('a', null, { id: String(index), priority });
        }
        const order: number[] = [];
        for (;;) {
          const leased = await queue.dequeue('w', { timeoutMs: 0 });
          if (leased === null) break;
          order.push(Number(leased.id));
        }
        const expected = [...given.keys()].sort(
          (left, right) => given[right]! - given[left]! || left - right
        );
        expect(order).toEqual(expected);
      }),
      { numRuns: 50 }
    );
  });
});
