import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { FleetError, FleetManager } from 'xstate-fleet';
import { bullmqExecutor } from 'xstate-fleet/bullmq';
import { sqliteStore } from 'xstate-fleet/sqlite';
// Any Redis does. This one runs where none is installed, too.
import { startRedis } from '../../test/servers/redis.ts';
import type { PackageAudit } from '../license-audit/audit.ts';
import { findPackages } from '../license-audit/packages.ts';
import { showProgress } from '../license-audit/progress.ts';
import { reportOf, type AuditResult } from '../license-audit/report.ts';
import { Crew, type Member } from './crew.ts';
import { crewReportOf } from './crewReport.ts';

const name = 'license-audit-workers';
const workerCount = 3;

const program = new Command(name)
  .description('Audits every package under ./node_modules on three worker processes, one of which is killed.')
  .option('--redis <url>', 'a Redis that is there; else one is started')
  .action(async ({ redis }: { readonly redis?: string }) => {
    if (redis !== undefined) return main(redis);
    await using server = await startRedis();
    // The ledger is durable, and the workers end with this process: only Redis has to be ended by somebody.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => void server.stop().finally(() => process.exit(130)));
    await main(server.url);
  });

try {
  await program.parseAsync();
} catch (error) {
  // What a caller can do about it is in the message of the fleet's errors; anything else is a bug.
  console.error(error instanceof FleetError ? `${error.name}: ${error.message}` : error);
  process.exitCode = 1;
}

async function main(redis: string): Promise<void> {
  const packages = await findPackages('.');
  await mkdir('.fleet', { recursive: true });
  await using fleet = new FleetManager({
    name,
    store: sqliteStore(`.fleet/${name}.db`, { durability: 'full' }),
    executor: bullmqExecutor({ url: redis, fleet: name })
  });
  fleet.on('worker.lost', ({ problem }) => console.error(`  ${problem}`));
  await fleet.start();
  await forgetEarlier(fleet);
  await using page = await fleet.serve();
  console.error(`The live page: ${page.url}`);

  await using crew = await Crew.start(workerCount, redis, name);
  await enter('Open it, and press Enter to begin. ');
  const { lostAttempts } = await fleet.getStats();
  const startedAt = performance.now();
  const batchId = await fleet.submitBatch(
    packages.map(({ path }) => ({ id: path, type: 'audit', data: { path } }))
  );

  const progress = showProgress(packages.length, 0);
  const results: AuditResult[] = [];
  let killed: Member | undefined;
  for await (const result of fleet.streamBatchResults<PackageAudit>(batchId)) {
    results.push(result);
    progress.advance(result.taskId);
    if (results.length === Math.ceil(packages.length / 2)) {
      killed = await busiest(fleet, crew);
      crew.kill(killed);
      console.error(`  Killed process ${killed.pid}`);
    }
  }
  progress.end();

  const pace = { packages: results.length, elapsedMs: performance.now() - startedAt };
  const lost = (await fleet.getStats()).lostAttempts - lostAttempts;
  console.log(
    `${reportOf(results, pace)}\n\n${crewReportOf(results, crew.members, killed)}\n\n` +
      `${new Set(results.map(({ taskId }) => taskId)).size} packages in ${results.length} results; ` +
      `${lost} attempts were lost with the worker, and made again by the others`
  );
  await enter('The page stays until you press Enter. ');
}

/** A run that was interrupted has left its batch, which would go on beside this one. */
async function forgetEarlier(fleet: FleetManager): Promise<void> {
  for (const { id } of await fleet.listBatches()) {
    await fleet.cancelBatch(id);
    await fleet.waitForBatch(id);
    await fleet.removeBatch(id);
  }
}

/** The worker that would be missed most. */
async function busiest(fleet: FleetManager, crew: Crew): Promise<Member> {
  const [first] = (await fleet.getWorkers()).toSorted(
    (left, right) => right.taskIds.length - left.taskIds.length
  );
  return crew.memberOf(first?.id ?? '') ?? crew.members[0]!;
}

/** Waits for whoever sits before a terminal, and for nobody else. */
async function enter(question: string): Promise<void> {
  if (!process.stdin.isTTY) return;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  await terminal.question(question);
  terminal.close();
}
