import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { BatchSubmission } from '../../src/submission/batchSubmission.ts';
import { asItIs } from '../../src/submission/schema.ts';

const tasksOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ id: `t${index}`, type: 'echo', data: index }));

/** Resolves to how often others were let in, and the ids of what was sent. */
async function submit(tasks: readonly unknown[], places = 10) {
  let pauses = 0;
  const sent: string[] = [];
  const chunks: number[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    setAlarm: () => ({ [Symbol.dispose]() {} }),
    setSoon: (callback) => {
      pauses += 1;
      queueMicrotask(callback);
    }
  };
  const submission = new BatchSubmission({
    batchId: 'b',
    isMinted: true,
    metadata: null,
    start: {},
    types: null,
    readData: asItIs,
    maxQueueSize: null,
    places,
    chunkBytes: Infinity,
    clock,
    now: () => clock.now(),
    send: async (command) => {
      if (command.type === 'batch.submit') {
        sent.push(...command.tasks.map(({ id }) => id));
        chunks.push(command.tasks.length);
      }
      return { added: 0, totalTasks: 0 };
    }
  });
  await submission.submitArray(tasks);
  return { pauses, sent, chunks };
}

describe('submitArray', () => {
  it.each([
    [0, [500, 500, 500, 500, 100]],
    [500, [500, 500, 500, 500, 100]],
    [700, [700, 700, 700]],
    [5_000, [1_000, 1_000, 100]]
  ])('where %d tasks can run at once takes chunks of %j', async (places, sizes) => {
    const { chunks } = await submit(tasksOf(2_100), places);
    expect(chunks).toEqual(sizes);
  });

  it('lets others in after each 1,000 tasks', async () => {
    const tasks = tasksOf(2_500);

    const { pauses, sent } = await submit(tasks);

    expect(pauses).toBe(2);
    expect(sent).toEqual(tasks.map(({ id }) => id));
  });

  it('finds an id that is there twice, however many there are', async () => {
    const tasks = [...tasksOf(10_001), { id: 't5', type: 'echo', data: null }];

    await expect(submit(tasks)).rejects.toThrow(
      'tasks[10001].id is "t5"; it must be unique in its batch; tasks[5] has it too'
    );
  });
});
