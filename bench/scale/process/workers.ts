import { bullmqWorker } from 'xstate-fleet/bullmq';
import type { WorkersRun } from '../presence.ts';
import * as handlers from './handlers.ts';

/** So many workers in one process, until it is killed. */
const { url, fleet, count, concurrency } = JSON.parse(process.argv[2]!) as WorkersRun;
// Hundreds that start at once in one process wait for each other.
const connectTimeoutMs = 120_000;
const workers = Array.from({ length: count }, () =>
  bullmqWorker({ url, fleet, concurrency, handlers, connectTimeoutMs })
);
for (const worker of workers) {
  worker.subscribe((event) => void (event.type === 'error' && console.error(event.error.message)));
}
await Promise.all(workers.map((worker) => worker.start()));
process.send?.('joined');
