import { expect, it } from 'vitest';
import { CorruptStoreError, memoryStore, type HandlerContext, type Store } from '../../src/index.ts';
import type { StoredFleet, TaskRow } from '../../src/store.ts';
import { settled, startFleet } from '../harness.ts';

it('a task whose data is damaged fails by itself, and those that are read with it are not charged', async () => {
  const inner = memoryStore();
  const store: Store = {
    ...inner,
    readPayloads: async (scope, seqs) => {
      if (seqs.includes(13)) throw new CorruptStoreError('fleet.db', 'the data of task 13 is damaged');
      return inner.readPayloads(scope, seqs);
    }
  };
  const attempts = new Map<string, number>();
  const first = await startFleet({
    store,
    handlers: { work: (_: number, { key, attempt }: HandlerContext) => void attempts.set(key, attempt) }
  });
  await first.fleet.pause();
  const tasks = Array.from({ length: 20 }, (_, n) => ({ id: String(n + 1), type: 'work' as const, data: n }));
  await first.fleet.submitBatch(tasks, { batchId: 'b' });
  // The next process has none of the data in memory.
  await first.crash();
  const { fleet } = await first.restart();
  await fleet.resume();
  await settled();

  expect(await fleet.waitForBatch('b')).toMatchObject({ completedTasks: 19, failedTasks: 1 });
  expect([...attempts.values()]).toEqual(Array.from({ length: 19 }, () => 1));
  expect(await fleet.getTask('b/13')).toMatchObject({ status: 'failed' });
});

it.each<[what: string, damage: (stored: StoredFleet) => Partial<StoredFleet>]>([
  ['a waiting task', ({ tasks }) => ({ tasks: withoutFirst(tasks) })],
  ['a batch', () => ({ batches: [] })]
])('%s that a damaged index hides keeps the fleet from starting', async (_, damage) => {
  const first = await startFleet({ handlers: { work: (data: number) => data } });
  await first.fleet.pause();
  await first.fleet.submitBatch([
    { id: 'a', type: 'work', data: 1 },
    { id: 'b', type: 'work', data: 2 }
  ]);
  await first.crash();
  const hiding: Store = {
    ...first.store,
    open: async (scope, owner) => {
      const stored = await first.store.open(scope, owner);
      return { ...stored, ...damage(stored) };
    }
  };

  await expect(first.restart({ store: hiding })).rejects.toBeInstanceOf(CorruptStoreError);
});

async function* withoutFirst(pages: StoredFleet['tasks']): AsyncGenerator<readonly TaskRow[]> {
  let isFirst = true;
  for await (const page of pages) {
    yield isFirst ? page.slice(1) : page;
    isFirst = false;
  }
}
