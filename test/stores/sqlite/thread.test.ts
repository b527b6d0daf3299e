import type * as WorkerThreads from 'node:worker_threads';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { sqliteStore } from '../../../src/stores/sqlite.ts';
import { temporaryPath } from '../directory.ts';
import { commitOf, range, taskOf } from '../rows.ts';

const fleet = 'fleet-1';
const threads = vi.hoisted((): Worker[] => []);

vi.mock('node:worker_threads', async (importOriginal) => {
  const original = await importOriginal<typeof WorkerThreads>();
  return {
    ...original,
    Worker: class extends original.Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        threads.push(this);
      }
    }
  };
});

describe('the thread of a store', () => {
  it('starts with the first call', async () => {
    const before = threads.length;
    const store = sqliteStore(temporaryPath());
    expect(threads).toHaveLength(before);

    await store.open(fleet, 'me');
    expect(threads).toHaveLength(before + 1);
    await store.close();
    expect(threads.at(-1)!.threadId).toBe(-1);
  });

  it('leaves what was under way unknown when it dies, and is replaced by the next call', async () => {
    const store = sqliteStore(temporaryPath());
    await store.open(fleet, 'me');
    await store.commit(commitOf(fleet, 1));
    const newTasks = range(1, 5_000).map((seq) => taskOf(seq));
    // A message that is none of its own.
    threads.at(-1)!.postMessage(null);
    const lost = store.commit(commitOf(fleet, 2, { newTasks }));
    await expect(lost).rejects.toMatchObject({ code: 'ERR_STORE_IO', outcome: 'unknown' });

    await expect(store.commit(commitOf(fleet, 3))).rejects.toMatchObject({
      code: 'ERR_STORE_CLOSED',
      outcome: 'refused'
    });
    const { head } = await store.open(fleet, 'me');
    expect([1, 2]).toContain(head?.turn);
    await store.commit(commitOf(fleet, 3));
    await store.close();
  });
});
