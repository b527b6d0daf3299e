import { expect, it } from 'vitest';
import { createDownloadFleet, downloads } from './downloads.ts';

it('has every file that a server gives in four attempts, and says why it lacks the others', async () => {
  await using fleet = createDownloadFleet({ retry: { baseMs: 1, factor: 1, jitter: 'none' } });
  await fleet.start();
  const tasks = Object.entries(downloads).map(([id, data]) => ({ id, type: 'download' as const, data }));
  const batchId = await fleet.submitBatch(tasks, { batchId: 'maps' });
  await fleet.waitForBatch(batchId);

  const results = await fleet.getBatchResults(batchId);
  const ends = results.map(({ taskId, attempts, error }) => [taskId, attempts, error]);
  expect(ends.sort()).toEqual([
    ['map-1.png', 1, undefined],
    ['map-2.png', 2, undefined],
    ['map-3.png', 2, undefined],
    ['map-4.png', 3, undefined],
    ['map-5.png', 1, '404 Not Found'],
    ['map-6.png', 4, '503 Service Unavailable'],
    ['map-7.png', 1, undefined],
    ['map-8.png', 1, undefined]
  ]);
});
