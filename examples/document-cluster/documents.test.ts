import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FleetManager, taskPriority, TaskFailedError } from 'xstate-fleet';
import { describe, expect, it } from 'vitest';
import { processDocument, summariseDocument } from './documents.ts';

const text = `# A fleet

A fleet spreads tasks over its workers and gathers what the workers return.

Something else entirely is written in this one.

| a table | of no account |

Workers of the fleet run tasks, and the fleet retries the tasks that fail.
`;

describe('the document cluster', () => {
  it('counts what a document holds, and sums it up in the sentences that say most', async () => {
    await using folder = await makeFolder();
    const path = join(folder.path, 'a.md');
    await writeFile(path, text);
    await using cluster = await startCluster();

    expect(await cluster.submit('process', { path })).toEqual({ words: 39, headings: 1, pages: 1 });
    const summary = await cluster.submit('summarise', { path, sentences: 1 });
    expect(summary.sentences).toEqual([
      'A fleet spreads tasks over its workers and gathers what the workers return.'
    ]);
  });

  it('does an urgent document before those that wait', async () => {
    await using folder = await makeFolder();
    const path = join(folder.path, 'a.md');
    await writeFile(path, text);
    await using cluster = await startCluster();
    const order: string[] = [];
    cluster.on('task.settled', ({ key }) => order.push(key));
    await cluster.pause();
    await cluster.submitAsync('process', { path }, { id: 'ordinary' });
    await cluster.submitAsync('summarise', { path }, { id: 'urgent', priority: taskPriority.high });
    await cluster.resume();
    await cluster.waitFor('ordinary');

    expect(order).toEqual(['urgent', 'ordinary']);
  });

  it('tries a missing document once', async () => {
    await using cluster = await startCluster();
    const missing = cluster.submit('process', { path: 'nowhere.md' });

    await expect(missing).rejects.toThrow(TaskFailedError);
    const [entry] = await cluster.coordinator.getResults({ success: false });
    expect(entry!.result).toMatchObject({ attempts: 1, error: 'There is no document nowhere.md' });
  });
});

async function startCluster() {
  const cluster = new FleetManager({
    handlers: { process: processDocument, summarise: summariseDocument },
    config: { maxConcurrentWorkers: 1 }
  });
  await cluster.start();
  return cluster;
}

async function makeFolder() {
  const path = await mkdtemp(join(tmpdir(), 'documents-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
