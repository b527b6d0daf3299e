import { expect, it } from 'vitest';
import { createDownloadFleet, downloads } from './downloads.ts';

it('has every file that a server gives in four attempts, and says why it lacks the others', async () => {
  await using fleet = createDownloadFleet({ retry: { baseMs: 1, factor: 1, jitter: 'none' } });
  await fleet.start();
  const tasks = Object.entries(downloads).map(([id, data]) => ({ id, type: 'download' as const, data }));
  const batchId = await fleet.submitBatch(tasks, { batchId: 'maps' });
  await fleet.waitForBatch(batchId);

  const results = await fleet.getBatchResults(batchId);
  const ends = results.map(({ taskId, attempts, error }) => [
    taskId,
    error ?? `here, in attempt ${attempts}`
  ]);
  expect(Object.fromEntries(ends)).toEqual({
    'map-1.png': 'here, in attempt 1',
    'map-2.png': 'here, in attempt 2',
    'map-3.png': 'here, in attempt 2',
    'map-4.png': 'here, in attempt 3',
    'map-5.png': '404 Not Found',
    'map-6.png': '503 Service Unavailable',
    'map-7.png': 'here, in attempt 1',
    'map-8.png': 'here, in attempt 1'
  });
});
