import { readdir } from 'node:fs/promises';
import { FleetManager, taskPriority } from 'xstate-fleet';
import { processDocument, summariseDocument } from './documents.ts';

await using cluster = new FleetManager({
  name: 'documents',
  handlers: { process: processDocument, summarise: summariseDocument },
  config: { maxConcurrentWorkers: 2, maxRetries: 2 }
});
cluster.on('task.settled', ({ key, status }) => console.log(`  ${status.padEnd(9)} ${key}`));
await cluster.start();

// Ordinary work, by the batch.
const paths = ['README.md', ...(await markdownOf('docs')), ...(await markdownOf('docs/decisions'))];
const batchId = await cluster.submitBatch(
  paths.map((path) => ({ id: path.replaceAll('/', ':'), type: 'process', data: { path } })),
  { batchId: 'all' }
);

// An urgent task comes later, and is done before what still waits.
const urgent = await cluster.submitAsync(
  'summarise',
  { path: 'README.md', sentences: 2 },
  { id: 'summary of the README', priority: taskPriority.high, timeoutMs: 10_000 }
);
const { sentences } = await cluster.waitFor<{ sentences: string[] }>(urgent.key, { timeoutMs: 30_000 });
const { completedTasks, totalTasks } = await cluster.getBatchStatus(batchId);
console.log(`\nThe README in short, when ${completedTasks} of ${totalTasks} documents were done:`);
for (const sentence of sentences) console.log(`  ${sentence}`);

await cluster.waitForBatch(batchId);
const results = await cluster.getBatchResults<{ words: number; pages: number }>(batchId, { success: true });
const words = results.reduce((sum, { result }) => sum + result!.words, 0);
const pages = results.reduce((sum, { result }) => sum + result!.pages, 0);
console.log(`\n${results.length} documents, ${pages} pages, ${words} words`);

async function markdownOf(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith('.md')).map((name) => `${folder}/${name}`);
}
