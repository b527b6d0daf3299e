import { isDeepStrictEqual } from 'node:util';
import type { TaskCounts } from '../../src/index.ts';
import type { Counts } from '../counts.ts';
import { carryOut, resubmit } from './carryOut.ts';
import type { Finding } from './findings.ts';
import type { Plants, SimulatedFleet } from './fleetProcess.ts';
import type { Plan } from './plan.ts';
import { withoutStacks, World } from './world.ts';

/** What came of a simulated life. */
export interface Report {
  readonly counts: Counts;
  readonly findings: readonly Finding[];
  /** Of every fact, start, answer and final row: the same plan gives the same hash. */
  readonly hash: string;
  /** Results that the fleet had. */
  readonly settled: number;
  /** Tasks by how they ended, removed ones included. */
  readonly byStatus: TaskCounts;
  readonly simulatedMs: number;
}

/** How long a fleet gets to settle everything, beyond the last time that a task waits for, ms. */
const patientMs = 24 * 60 * 60 * 1_000;
/** How often it is looked at meanwhile. */
const tidyMs = 60_000;

/**
 * Lives a plan to its end and beyond: when nothing more goes wrong, everything has to settle.
 *
 * @param drainMs - How long it gets to settle, beyond the last time that a task waits for. Defaults to a day.
 */
export async function simulate(plan: Plan, plants: Plants = {}, drainMs = patientMs): Promise<Report> {
  const world = new World(plan, plants);
  const { findings, witness, clock } = world;
  const onUnhandled = (error: unknown): void => findings.add('unhandled', String(error));
  process.on('unhandledRejection', onUnhandled);
  try {
    world.boot();
    await live(world);
    await drain(world, drainMs);
    await audit(world);
    await close(world);
    await clock.rest();
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
  const rows = [...witness.rows.values()].sort((left, right) => left.context.seq - right.context.seq);
  for (const row of rows) world.trace.add(JSON.stringify(row, withoutStacks));
  return {
    counts: {
      tried: witness.tried,
      lost: findings.count('lost'),
      duplicated: findings.count('duplicated'),
      stuck: findings.count('stuck'),
      overLimit: findings.count('over limit'),
      unhandled: findings.count('unhandled'),
      leaked: findings.count('leaked')
    },
    findings: findings.all,
    hash: world.trace.digest(),
    settled: witness.settled,
    byStatus: witness.counts,
    simulatedMs: world.elapsedMs
  };
}

/** What is planned, each at its time. */
async function live(world: World): Promise<void> {
  const operations = world.plan.operations.toSorted((left, right) => left.atMs - right.atMs);
  for (const operation of operations) {
    const waitMs = operation.atMs - world.elapsedMs;
    if (waitMs > 0) {
      await world.clock.advance(waitMs);
      world.lookForIdleness();
    }
    await carryOut(world, operation);
  }
}

/** Nothing goes wrong any more, and nobody keeps anything back: everything settles, and every call is answered. */
async function drain(world: World, drainMs: number): Promise<void> {
  const { clock, faults, witness, calls, attempts, findings } = world;
  const isDone = (): boolean =>
    world.isUp &&
    isUnscheduled(world) &&
    witness.live.size === 0 &&
    calls.open.length === 0 &&
    isSealed(world);
  faults.commits.length = 0;
  faults.reads = 0;
  faults.death = null;
  faults.isTakenOver = false;
  attempts.letGo();
  const dueAt = Math.max(0, ...[...witness.live.values()].map(({ context }) => context.dueAt ?? 0));
  const end = clock.monotonic() + Math.max(0, dueAt - clock.now()) + drainMs;
  while (clock.monotonic() < end) {
    await clock.advance(0);
    world.lookForIdleness();
    tidy(world);
    if (await clock.advanceUntil(isDone, tidyMs)) return;
  }
  for (const { state, context } of witness.live.values()) findings.add('stuck', `${context.key} is ${state}`);
  if (!world.isUp) findings.add('stuck', 'the fleet does not start again');
  for (const call of calls.open) findings.add('stuck', `${call} was not answered`);
  for (const { state, context } of witness.batches.values()) {
    if (context.settledAt === null) findings.add('stuck', `batch ${context.id} is ${state}`);
  }
}

function isUnscheduled({ witness }: World): boolean {
  for (const { state } of witness.schedules.all()) if (state === 'active') return false;
  return true;
}

function isSealed({ witness }: World): boolean {
  for (const { context } of witness.batches.values()) if (context.settledAt === null) return false;
  return true;
}

/** Lets go on what was paused or interrupted. */
function tidy(world: World): void {
  const { fleet, isUp, calls, witness, submissions } = world;
  if (fleet === null || !isUp || calls.open.some((name) => name.startsWith('tidy'))) return;
  // Nothing more than is needed: each command would wake a fleet that has missed its alarm.
  if (fleet.state === 'paused') calls.track('tidy resume', () => fleet.resume());
  // A stream of delayed tasks comes in an hour at a time where the queue is short.
  if (fleet.config.maxQueueSize !== null) {
    calls.track('tidy queue', () => fleet.updateConfig({ maxQueueSize: null }));
  }
  for (const { state, context } of witness.schedules.all()) {
    const { id } = context;
    if (state === 'active') calls.track(`tidy unschedule ${id}`, () => fleet.unschedule(id));
  }
  for (const { state, context } of witness.batches.values()) {
    const { id } = context;
    if (state === 'paused') calls.track(`tidy resume ${id}`, () => fleet.resumeBatch(id));
    if (state !== 'accepting' || isFed(world, id)) continue;
    // What a full queue rejects for good is not worth asking for again.
    if (submissions.batch(id) !== undefined && !world.resubmitted.has(id)) resubmit(world, fleet, id);
    else calls.track(`tidy cancel ${id}`, () => fleet.cancelBatch(id));
    world.resubmitted.add(id);
  }
}

/** Whether a call is bringing tasks into the batch. */
function isFed({ calls }: World, batchId: string): boolean {
  return calls.open.some(
    (name) => name.endsWith(` ${batchId}`) && /^(submit|resubmit|alter|retry)/.test(name)
  );
}

/** Compares what the fleet and its store say with what was seen. */
async function audit(world: World): Promise<void> {
  const { fleet, witness, submissions, findings, store, clock } = world;
  await clock.rest();
  submissions.check();
  for (const id of witness.batches.keys()) witness.checkBatch(id);
  if (fleet === null) return;
  if (world.isUp) await auditFigures(world, fleet);
  let after = 0;
  let listed = 0;
  for (;;) {
    const page = await store.listTasks('simulated', { after, limit: 1_000 });
    for (const { row } of page) {
      // What has settled the store keeps in columns: it reads as a row like the one that was seen.
      if (!isDeepStrictEqual(witness.rows.get(row.context.key), row))
        findings.add('lost', `${row.context.key} reads differently`);
    }
    listed += page.length;
    if (page.length < 1_000) break;
    after = page.at(-1)!.row.context.seq;
  }
  if (listed !== witness.rows.size) findings.add('lost', `${listed} tasks are read of ${witness.rows.size}`);
}

/** What the fleet has counted is what was seen. */
async function auditFigures({ witness, findings }: World, fleet: SimulatedFleet): Promise<void> {
  const { counts } = witness;
  const stats = await fleet.getStats();
  const said = [stats.completedTasks, stats.failedTasks, stats.cancelledTasks, stats.totalTasks];
  const counted = [counts.completed, counts.failed + counts.timedOut, counts.cancelled, witness.tried];
  if (said.join() !== counted.join())
    findings.add('count', `stats say ${said.join()}, not ${counted.join()}`);
  const summary = JSON.stringify(await fleet.coordinator.getSummary());
  const expected = JSON.stringify(witness.summary());
  if (summary !== expected) findings.add('count', `the coordinator says ${summary}, not ${expected}`);
}

/** A stop leaves nothing behind. */
async function close({ process, clock, findings }: World): Promise<void> {
  if (process === null) return;
  let isStopped = false;
  void process.fleet.stop({ timeoutMs: 1_000 }).then(() => (isStopped = true));
  await clock.advanceUntil(() => isStopped, tidyMs);
  if (!isStopped) findings.add('stuck', 'the fleet does not stop');
  else if (process.clock.pending > 0)
    findings.add('leaked', `${process.clock.pending} alarms after the last stop`);
}
