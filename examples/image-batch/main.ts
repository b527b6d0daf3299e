import { mkdir } from 'node:fs/promises';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { ImageFleet } from './imageFleet.ts';
import { mandelbrot, writeImage } from './images.ts';

const folder = '.fleet/images';
const widths = [320, 160, 80];

await mkdir(folder, { recursive: true });
const zooms = [1, 4, 16, 64];
for (const zoom of zooms) await writeImage(`${folder}/zoom-${zoom}.png`, mandelbrot(480, 320, zoom));

await using fleet = new ImageFleet({
  name: 'images',
  store: sqliteStore(`${folder}/images.db`),
  config: { maxConcurrentWorkers: 4, tasksPerWorker: 1, workerTimeout: 60_000, maxRetries: 2 },
  retry: { baseMs: 100 }
});
await fleet.start();

const batchId = await fleet.submitBatch([
  ...zooms.flatMap((zoom) =>
    widths.map((width) => ({
      id: `zoom-${zoom}-${width}`,
      type: 'resize' as const,
      data: {
        source: `${folder}/zoom-${zoom}.png`,
        target: `${folder}/zoom-${zoom}-${width}.png`,
        width
      }
    }))
  ),
  {
    id: 'missing',
    type: 'resize' as const,
    data: { source: `${folder}/missing.png`, target: `${folder}/none.png`, width: 80 }
  }
]);
console.log(`Batch ${batchId}`);

for await (const { taskId, success, workerId, error } of fleet.streamBatchResults(batchId)) {
  console.log(`  ${taskId.padEnd(12)} ${success ? 'done' : `failed: ${error}`} (${workerId})`);
}

const { status, completedTasks, failedTasks, progress } = await fleet.getBatchStatus(batchId);
console.log(
  `${status}: ${completedTasks} completed, ${failedTasks} failed, progress ${(progress * 100).toFixed(0)}%`
);
