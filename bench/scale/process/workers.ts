import { bullmqWorker } from 'xstate-fleet/bullmq';
import type { WorkersRun } from '../presence.ts';
import * as handlers from './handlers.ts';

/** So many workers in one process, until it is killed. */
const { url, fleet, count, concurrency } = JSON.parse(process.argv[2]!) as WorkersRun;
const workers = Array.from({ length: count }, () => bullmqWorker({ url, fleet, concurrency, handlers }));
for (const worker of workers) {
  worker.subscribe((event) => void (event.type === 'error' && console.error(event.error.message)));
  await worker.start();
}
process.send?.('joined');
