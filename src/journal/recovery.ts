import { nothingCollected, sumsAfter, type CoordinatorContext } from '../../machines/coordinatorMachine.ts';
import { maxHealthWindow } from '../../machines/outcomes.ts';
import { restoreAgents, type RestoredAgents } from '../agents/agentSnapshots.ts';
import type { Clock } from '../clock.ts';
import type { ResultStatistics } from '../coordinator/resultStatistics.ts';
import { CorruptStoreError } from '../errors.ts';
import type { Executor } from '../executor.ts';
import { isHeld, type AttemptLimits, type Ledger } from '../ledger/ledger.ts';
import type { Store, StoredFleet, TaskRow } from '../store.ts';
import type { TurnInput } from '../turn/turnInput.ts';
import { LiveCounts } from './liveCounts.ts';

/** Rows that are read from the store at once. */
const pageSize = 1_000;
/** Results that are read at once: each may hold a megabyte. */
const missedAtOnce = 100;
/** What an attempt that ran on without the fleet has left at least of its time, ms. */
const leastTimeLeftMs = 10_000;

interface RecoveryOptions {
  readonly scope: string;
  readonly clock: Clock;
  readonly store: Store;
  readonly executor: Executor;
  /** Throws when nobody waits for it any more. */
  readonly assertWanted: () => void;
}

/**
 * Fills the ledger with what an earlier process left in the store that was opened.
 *
 * Rows are the truth. Of the agents' snapshots only what no row says is used: config, identity, sums.
 *
 * @param collect - Takes what became of attempts that were running: the first turn acts on it.
 */
export async function recover(
  stored: StoredFleet,
  options: RecoveryOptions,
  ledger: Ledger,
  limits: AttemptLimits,
  collect: (input: TurnInput) => void
): Promise<RestoredAgents> {
  const { store, scope, clock } = options;
  const { recovered, statistics } = restoreAgents(store.location, stored.agents);
  if (stored.head) {
    // The first turn of a fleet commits its snapshot. Without it, a paused fleet would run.
    if (recovered.fleet === null)
      throw new CorruptStoreError(store.location, 'the snapshot of the fleet is not there');
    ledger.head = stored.head;
  }
  for (const row of stored.batches) ledger.loadBatch(row);
  for (const row of stored.schedules) ledger.schedules.set(row);
  // The store looks for results while the rows that it has found are taken in.
  const [lastStartedBy, coordinator] = await allOf(
    loadTasks(stored, options, ledger, limits, collect),
    catchUp(store, scope, ledger, recovered.coordinator),
    countMissed(store, scope, ledger, statistics)
  );
  await settleAwaited(store, scope, ledger);
  const startedBy = Math.max(lastStartedBy, lastResultOf(coordinator));
  ledger.typeUse.useUp(limits.activeNow - Math.max(0, clock.now() - startedBy));
  return { recovered: { ...recovered, coordinator }, statistics };
}

/** Waits for the end of all of them. @throws what the first of those that failed threw, in their order. */
async function allOf<T extends readonly Promise<unknown>[]>(
  ...all: T
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  // A store that is given up after a failure is still asked nothing.
  await Promise.allSettled(all);
  return Promise.all(all);
}

/** @returns Up to when the last attempt may have been started, epoch ms; -Infinity: there was none. */
async function loadTasks(
  { head, batches, tasks }: StoredFleet,
  { store, executor, clock, assertWanted }: RecoveryOptions,
  ledger: Ledger,
  limits: AttemptLimits,
  collect: (input: TurnInput) => void
): Promise<number> {
  const counts = new LiveCounts();
  let startedBy = -Infinity;
  for await (const rows of tasks) {
    assertWanted();
    for (const row of rows) {
      counts.add(row);
      ledger.load(row, limits);
      if (executor.isRemote) resumeTimeout(ledger, row, limits, clock.now());
      startedBy = Math.max(startedBy, lastStartOf(row));
    }
    // At once: an executor that waits for a turn has what it has just told in that one, or in one before.
    for (const input of await reattach(executor, rows)) collect(input);
  }
  const problem = counts.problem(head, batches);
  if (problem !== null) throw new CorruptStoreError(store.location, problem);
  return startedBy;
}

/** Up to when the last attempt of a task may have been started, epoch ms: its row says when it was claimed. */
function lastStartOf({ context: { attempt, dueAt } }: TaskRow): number {
  if (attempt === 0) return -Infinity;
  return dueAt ?? Infinity;
}

/** When the last result came, epoch ms: what has settled was started before. Of those that were cleared nobody knows. */
function lastResultOf(coordinator: CoordinatorContext | null): number {
  if (coordinator === null) return -Infinity;
  return coordinator.newestResult ?? (coordinator.clearedSeq > 0 ? Infinity : -Infinity);
}

/** Finds out how tasks settled that blocked ones wait for: the first turn tells them. */
async function settleAwaited(store: Store, scope: string, { tasks, dependents }: Ledger): Promise<void> {
  const settled = [...dependents.awaited()].filter((seq) => !tasks.has(seq));
  for (let from = 0; from < settled.length; from += pageSize) {
    const seqs = settled.slice(from, from + pageSize);
    const rows = await store.readTaskRows(scope, { seqs });
    for (const row of rows) dependents.settle(row);
    const found = new Set(rows.map(({ context }) => context.seq));
    const missing = seqs.find((seq) => !found.has(seq));
    if (missing === undefined) continue;
    throw new CorruptStoreError(store.location, `tasks wait for task number ${missing}, which is not there`);
  }
}

/** A handler elsewhere ran on while no process of the fleet did: its time has passed, but for some in which its end may come in. */
function resumeTimeout(
  { attemptDeadlines }: Ledger,
  { state, context: { seq, timeoutMs, startedAt } }: TaskRow,
  { activeNow, workerTimeout }: AttemptLimits,
  now: number
): void {
  if (state !== 'running') return;
  const timeout = timeoutMs ?? workerTimeout;
  // The clock may have been set back.
  const passed = Math.max(0, now - (startedAt ?? now));
  attemptDeadlines.set(seq, activeNow + Math.max(timeout - passed, Math.min(timeout, leastTimeLeftMs)));
}

/** Asks the executor about attempts that were running; those that it still runs go on. */
async function reattach(executor: Executor, rows: readonly TaskRow[]): Promise<TurnInput[]> {
  const held = rows.filter(({ state }) => isHeld(state));
  if (held.length === 0) return [];
  const reattachments = await executor.reattach(
    held.map(({ context: { seq, attempt, workerId } }) => ({ seq, attempt, workerId: workerId! }))
  );
  const inputs: TurnInput[] = [];
  for (const [index, reattachment] of reattachments.entries()) {
    const { state, context } = held[index]!;
    const { seq, attempt } = context;
    if (reattachment.status === 'lost') {
      inputs.push({ type: 'attempt.lost', seq, attempt, reason: 'The process that ran it ended' });
    } else if (reattachment.status === 'settled') {
      inputs.push({ type: 'attempt.settled', seq, attempt, outcome: reattachment.outcome });
    } else if (state === 'cancelling') {
      // The earlier process may have ended before it could.
      executor.abort({ seq, attempt }, { kind: 'cancelled', message: context.error!.message });
    }
  }
  return inputs;
}

/** The snapshot is older than the results: the coordinator is told of those that it missed. */
async function catchUp(
  store: Store,
  scope: string,
  { head }: Ledger,
  coordinator: CoordinatorContext | null
): Promise<CoordinatorContext | null> {
  const settledSeq = coordinator?.settledSeq ?? 0;
  if (settledSeq > head.settledSeq) {
    const reason = `agent coordinator has counted result ${settledSeq}, and ${head.settledSeq} is the last one`;
    throw new CorruptStoreError(store.location, reason);
  }
  if (head.settledSeq <= settledSeq) return coordinator;
  const missed = await store.sumResults(scope, settledSeq);
  if (missed.successCount + missed.failureCount === 0) return coordinator;
  const counted = coordinator ?? nothingCollected;
  return {
    ...counted,
    ...sumsAfter(counted, missed),
    settledSeq: head.settledSeq,
    recent: (counted.recent + missed.outcomes).slice(-maxHealthWindow)
  };
}

/** The checkpoint of the statistics is older than the results: those that came since are read. */
async function countMissed(
  store: Store,
  scope: string,
  { head }: Ledger,
  statistics: ResultStatistics
): Promise<void> {
  const { settledSeq } = statistics;
  if (settledSeq > head.settledSeq) {
    const reason = `agent statistics has counted result ${settledSeq}, and ${head.settledSeq} is the last one`;
    throw new CorruptStoreError(store.location, reason);
  }
  while (statistics.settledSeq < head.settledSeq) {
    const query = { afterSettledSeq: statistics.settledSeq, limit: missedAtOnce };
    const results = await store.readResults(scope, query);
    statistics.add(results);
    // What is not there any more was removed after it was counted.
    if (results.length < missedAtOnce) return;
  }
}
