import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createDownloadFleet, downloads } from './downloads.ts';

const [path = '.fleet/flaky-downloads.fleetlog'] = process.argv.slice(2);
await mkdir(dirname(path), { recursive: true });
// One of an earlier run would be gone on with.
await rm(path, { force: true });

await using fleet = createDownloadFleet({ record: path });
await fleet.start();
const tasks = Object.entries(downloads).map(([id, data]) => ({ id, type: 'download' as const, data }));
const batchId = await fleet.submitBatch(tasks, { batchId: 'maps' });
const { completedTasks, failedTasks } = await fleet.waitForBatch(batchId);
console.log(`${completedTasks} files are here, ${failedTasks} are not.`);
console.log(`To see why: npx xstate-fleet replay ${path}`);
