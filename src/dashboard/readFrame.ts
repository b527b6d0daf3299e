import type { ActorRefFrom, AnyMachineSnapshot } from 'xstate';
import type { BatchState, BatchStatus } from '../../machines/batch.ts';
import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import { offeredTags, workerIdOf, type workerMachine } from '../../machines/workerMachine.ts';
import type { LostWorker } from '../agents/workerHistory.ts';
import { workerStateOf, workerStatesOf } from '../agents/workerStates.ts';
import { workerActorsOf } from '../agents/workerViews.ts';
import { activePathsOf } from '../charts/statePaths.ts';
import type { Journal } from '../journal/journal.ts';
import type { ReadModel } from '../journal/readModel.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { batchLifecycle } from '../ledger/lifecycles.ts';
import type { Frame, FrameFailure, FrameLostWorker, FrameWorker } from './frame.ts';

const maxBatches = 50;
const maxWorkers = 200;
/** Of a worker that has more at once, those that it has held longest. */
const maxTaskIds = 5;
/** Task types that a remote worker is shown with. */
const maxTypes = 5;
/** Characters of why a worker was lost. */
const maxProblemLength = 500;

/** What a frame is made of. */
export interface FrameParts {
  readonly at: number;
  readonly fleet: FleetSnapshot;
  readonly journal: Pick<Journal, 'ledger' | 'statistics' | 'figures' | 'workers'>;
  readonly readModel: ReadModel;
  readonly failures: readonly FrameFailure[];
  /** Whether workers are elsewhere. */
  readonly isRemote: boolean;
}

/**
 * The fleet at this moment, with nothing in it that a task carries or returned.
 *
 * Whatever counts tasks or batches was counted when they moved: what it costs grows with workers and schedules alone.
 */
export function readFrame({ at, fleet, journal, readModel, failures, isRemote }: FrameParts): Frame {
  const { ledger, figures, statistics } = journal;
  const { counts, totalBatches, totalTasks, retriedAttempts, lostAttempts, lateOutcomes } = ledger.head.stats;
  const { coordinator, autoscaler } = fleet.children;
  const places = workerActorsOf(fleet.children);
  // A place that nobody from elsewhere fills is an empty chair.
  const workers = isRemote ? places.filter((place) => place.getSnapshot().value !== 'stopped') : places;
  const { count, p50, p90, p99 } = statistics.durations.percentiles();
  return {
    at,
    turn: ledger.head.turn,
    name: fleet.context.name,
    active: {
      fleet: activeStatesOf(fleet),
      ...(coordinator && { coordinator: activeStatesOf(coordinator.getSnapshot()) }),
      ...(autoscaler && { autoscaler: activeStatesOf(autoscaler.getSnapshot()) })
    },
    tasks: counts,
    batchStates: batchStatesOf(ledger, readModel),
    workerStates: workerStatesOf(fleet.children, ledger),
    scheduleStates: countsOf(ledger.schedules.all(), ({ state }) => state),
    totals: { totalBatches, totalTasks, retriedAttempts, lostAttempts, lateOutcomes },
    transitions: figures.transitions,
    commitMs: figures.commitMs,
    durations: count === 0 ? null : { p50, p90, p99 },
    batches: readModel.batches.slice(-maxBatches).reverse().map(withoutMetadata),
    workers: workers.slice(0, maxWorkers).map((worker) => frameWorkerOf(worker, ledger)),
    lostWorkers: journal.workers.lost.map(frameLostWorkerOf),
    failures,
    maxWorkers: isRemote ? null : fleet.context.config.maxConcurrentWorkers,
    isPaused: fleet.context.paused
  };
}

function activeStatesOf({ machine, value }: AnyMachineSnapshot): string[] {
  return activePathsOf(machine.root, value);
}

/** All that have not settled, and those that settled lately. */
function batchStatesOf(ledger: Ledger, { batches }: ReadModel): Frame['batchStates'] {
  const settled = batches.filter(({ status }) => batchLifecycle.isFinal(status));
  return {
    ...countsOf(settled, ({ status }) => status),
    ...(Object.fromEntries(ledger.batches.counts) as Partial<Record<BatchState, number>>)
  };
}

function countsOf<T>(items: Iterable<T>, stateOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) {
    const state = stateOf(item);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

/** What callers keep with a batch is theirs, and may be large. */
function withoutMetadata({ metadata: _, ...batch }: BatchStatus): BatchStatus {
  return batch;
}

function frameWorkerOf(worker: ActorRefFrom<typeof workerMachine>, ledger: Ledger): FrameWorker {
  const { context } = worker.getSnapshot();
  const id = workerIdOf(context);
  const place = ledger.roster.get(id);
  const taskIds: string[] = [];
  for (const seq of place?.attempts.seqs ?? []) {
    if (taskIds.length === maxTaskIds) break;
    const key = ledger.tasks.get(seq)?.context.key;
    if (key !== undefined) taskIds.push(key);
  }
  return {
    id,
    state: workerStateOf(worker, ledger),
    taskIds,
    tags: offeredTags(context),
    ...(context.joined !== null && { types: context.joined.types.slice(0, maxTypes) }),
    ...(context.joined !== null && context.problem !== null && { problem: context.problem }),
    completed: place?.completed ?? 0,
    failed: place?.failed ?? 0
  };
}

function frameLostWorkerOf(worker: LostWorker): FrameLostWorker {
  return { ...worker, problem: worker.problem.slice(0, maxProblemLength) };
}
