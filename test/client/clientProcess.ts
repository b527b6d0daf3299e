import { setTimeout as sleep } from 'node:timers/promises';
import { connectFleet } from '../../src/index.ts';

/** A process of its own: `<store> <tasks>`. Streams the tasks into batch `b`, waits for it, and prints how it settled. */
const [path, count] = process.argv.slice(2);
await using client = await connectFleet(path!, { name: 'f' });

async function* tasks() {
  for (let n = 0; n < Number(count); n++) {
    // A source that takes its time, so that there is a middle to be killed in.
    if (n % 20 === 0) await sleep(2);
    yield { id: `t${n}`, type: 'double', data: n };
  }
}

await client.submitBatch(tasks(), { batchId: 'b' });
const { status, totalTasks, completedTasks } = await client.waitForBatch('b');
process.stdout.write(`${JSON.stringify({ status, totalTasks, completedTasks })}\n`);
