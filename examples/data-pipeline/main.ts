import { mkdir } from 'node:fs/promises';
import { FleetManager } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { DataCoordinator } from './dataCoordinator.ts';
import { processReadings, type DataTask } from './readings.ts';
import { sampleFile } from './sample.ts';

await mkdir('.fleet', { recursive: true });
await using fleet = new FleetManager({
  name: 'data-pipeline',
  store: sqliteStore('.fleet/data-pipeline.db'),
  handlers: { process: processReadings },
  coordinator: (options) => new DataCoordinator(options),
  config: { maxConcurrentWorkers: 4, maxRetries: 1 },
  retry: { baseMs: 50 }
});
await fleet.start();
const { coordinator } = fleet;

const tasks = Array.from({ length: 24 }, (_, index) => {
  const source = `station-${String(index + 1).padStart(2, '0')}.csv`;
  // Every eighth station measured nothing that is valid.
  const data: DataTask = {
    source,
    csv: sampleFile(index, index % 8 === 7 ? 0 : 500),
    transformations: index % 2 === 0 ? ['clean', 'validate', 'celsius'] : ['clean', 'validate']
  };
  return { id: source, type: 'process' as const, data, priority: index < 4 ? 10 : 5 };
});
const batchId = await fleet.submitBatch(tasks);
const { status, progress } = await fleet.waitForBatch(batchId);
console.log(`${status}, progress ${(progress * 100).toFixed(0)}%`);

const summary = await coordinator.getSummary();
console.log(
  `Results: ${summary.totalResults}, success rate ${(await coordinator.getSuccessRate()).toFixed(1)}%`
);
console.log(`Records processed since the first run: ${await coordinator.getTotalRecordsProcessed()}`);
console.log(
  `Converted to Celsius: ${(await coordinator.getResultsByTransformation('celsius')).length} files`
);
console.log('By the hour:', await coordinator.getHourlyStats());
console.log('Top workers:', await coordinator.getTopWorkers(3));
console.log('Durations in ms:', await coordinator.getDurations());
for (const { result, workerId } of await coordinator.getFailedResults(3)) {
  console.log(`Task ${result.taskId} failed on ${workerId}: ${result.error}`);
}
await fleet.removeBatch(batchId);
