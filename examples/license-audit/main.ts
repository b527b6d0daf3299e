import { mkdir, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { FleetError, FleetManager, NotFoundError, type BatchStatus } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import { auditPackage, type PackageAudit } from './audit.ts';
import { findPackages, treeIdOf } from './packages.ts';
import { showProgress } from './progress.ts';
import { jsonLinesOf, reportOf, type AuditResult } from './report.ts';

interface Options {
  readonly fresh: boolean;
  readonly record: boolean;
  readonly workers: number;
}

type AuditFleet = FleetManager<{ readonly audit: typeof auditPackage }>;

const storePath = '.fleet/license-audit.db';
const recordingPath = '.fleet/license-audit.fleetlog';
const resultsPath = '.fleet/license-audit.jsonl';

const program = new Command('license-audit')
  .description('Audits the licence and the content of every package under ./node_modules.')
  .option('--fresh', 'forget what was audited and begin anew', false)
  .option('--record', 'record what happens, for `xstate-fleet replay`', false)
  .option('--workers <count>', 'packages at once', Number, 8)
  .action(main);

try {
  await program.parseAsync();
} catch (error) {
  // What a caller can do about it is in the message of the fleet's errors; anything else is a bug.
  console.error(error instanceof FleetError ? `${error.name}: ${error.message}` : error);
  process.exitCode = 1;
}

async function main({ fresh, record, workers }: Options): Promise<void> {
  const packages = await findPackages('.');
  if (packages.length === 0) {
    console.error('There are no packages under ./node_modules: run `npm install` first.');
    process.exitCode = 1;
    return;
  }

  await mkdir('.fleet', { recursive: true });
  await using fleet: AuditFleet = new FleetManager({
    name: 'license-audit',
    store: sqliteStore(storePath, { durability: 'full' }),
    handlers: { audit: auditPackage },
    // Whoever kills the audit again and again is not stopped by a package: none can bring the process down.
    config: { maxConcurrentWorkers: workers, maxRetries: 2, maxRecoveries: 1_000, workerTimeout: 60_000 },
    retry: { baseMs: 100 },
    ...(record && { record: recordingPath })
  });
  fleet.on('store.unavailable', ({ message }) => console.error(`Waiting for the store: ${message}`));
  await fleet.start();

  const batchId = `tree-${treeIdOf(packages)}`;
  for (const { id, status } of await fleet.listBatches()) {
    if (fresh || id !== batchId || status === 'cancelled' || status === 'cancelling') await forget(fleet, id);
  }
  const earlier = await findBatch(fleet, batchId);
  const done = earlier === null ? 0 : earlier.completedTasks + earlier.failedTasks;
  announce(packages.length, earlier, done);

  const startedAt = performance.now();
  // The same tasks under the same id again change nothing, so a resumed audit needs no case of its own.
  await fleet.submitBatch(
    packages.map(({ path }) => ({ id: path, type: 'audit', data: { path } })),
    { batchId }
  );
  const results = await gather(fleet, batchId, done);
  if (results === null) return;

  await writeFile(resultsPath, jsonLinesOf(results));
  const pace = { packages: results.length - done, elapsedMs: performance.now() - startedAt };
  console.log(`${reportOf(results, pace)}\n\nEach package is a line of ${resultsPath}.`);
  if (record) console.log(`To see how it went: npx xstate-fleet replay ${recordingPath}`);
}

/** Takes the results as they come. @returns `null` when it was interrupted; the fleet has stopped then. */
async function gather(fleet: AuditFleet, batchId: string, done: number): Promise<AuditResult[] | null> {
  const interruption = new AbortController();
  const { signal } = interruption;
  const interrupt = (): void => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);

  const { totalTasks } = await fleet.getBatchStatus(batchId);
  const progress = showProgress(totalTasks, done);
  const results: AuditResult[] = [];
  try {
    for await (const result of fleet.streamBatchResults<PackageAudit>(batchId, { signal })) {
      // The first ones come from the store: an earlier run has shown them.
      if (results.push(result) > done) progress.advance(result.taskId);
    }
    return results;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    progress.end();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  console.error('Interrupted: finishing what has begun …');
  await fleet.stop();
  const { completedTasks, failedTasks } = await fleet.getBatchStatus(batchId);
  console.error(`${completedTasks + failedTasks} of ${totalTasks} done. \`npm start\` goes on from there.`);
  process.exitCode = 130;
  return null;
}

function announce(total: number, earlier: BatchStatus | null, done: number): void {
  if (earlier?.settledAt !== undefined) {
    const at = new Date(earlier.settledAt).toLocaleString();
    console.log(`This tree was audited on ${at}. To audit it anew: npm start -- --fresh\n`);
  } else {
    const what = earlier === null ? `Packages to audit: ${total}` : `Resuming: ${done} of ${total} done`;
    console.log(`${what} (process ${process.pid})\n`);
  }
}

async function findBatch(fleet: AuditFleet, batchId: string): Promise<BatchStatus | null> {
  try {
    return await fleet.getBatchStatus(batchId);
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
}

/** Removes a batch, whatever became of it. */
async function forget(fleet: AuditFleet, batchId: string): Promise<void> {
  await fleet.cancelBatch(batchId);
  await fleet.waitForBatch(batchId);
  await fleet.removeBatch(batchId);
}
