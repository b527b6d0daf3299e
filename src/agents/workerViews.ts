import type { ActorRefFrom, SnapshotFrom } from 'xstate';
import { offeredTags, workerIdOf, type workerMachine } from '../../machines/workerMachine.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { readTags } from '../validation/tags.ts';
import { assertOneOf, readItems, readOptions } from '../validation/validation.ts';
import type { WorkerHistory } from './workerHistory.ts';

type WorkerState = SnapshotFrom<typeof workerMachine>['value'];

/** What a worker that stands alone is doing. */
export type WorkerStatus = 'spawning' | 'idle' | 'busy' | 'draining' | 'stopped' | 'error';

/**
 * What a worker of a fleet is doing: being made, waiting for a task, holding one, owing a sign of life, or finishing what
 * it holds to be stopped or replaced. `unfit`: it is elsewhere, and is given nothing. `completed`: it was stopped or replaced.
 * `failed`: it could not be made.
 */
export type WorkerInfoStatus =
  'spawning' | 'idle' | 'active' | 'unresponsive' | 'unfit' | 'draining' | 'completed' | 'failed';

/** A worker of a fleet. */
export interface WorkerInfo {
  readonly id: string;
  /** Key of the task that it has held longest; empty when it holds none. */
  readonly taskId: string;
  readonly taskIds: readonly string[];
  readonly status: WorkerInfoStatus;
  /** When it was ready, epoch ms; `null` before. */
  readonly spawnedAt: number | null;
  /** When it ended, epoch ms. */
  readonly completedAt?: number;
  readonly tags: readonly string[];
  /** Tasks that it runs at once. */
  readonly concurrency: number;
  /** Tasks that a worker elsewhere is given beyond those, and that wait in it; absent for one of the fleet's own. */
  readonly prefetch?: number;
  /** Task types that it has handlers for; absent: all that the fleet has. */
  readonly types?: readonly string[];
  /** Why it is given nothing; absent unless it is `unfit`. */
  readonly problem?: string;
  /** Attempts that completed, and that failed or timed out. */
  readonly completed: number;
  readonly failed: number;
  /** When a heartbeat was last heard, epoch ms; `null`: never, or its executor has none. */
  readonly lastHeartbeatAt: number | null;
}

export interface WorkerFilter {
  /** One, or several. Defaults to all but `completed` and `failed`, of which the last 1,000 are remembered. */
  readonly status?: WorkerInfoStatus | readonly WorkerInfoStatus[];
  /** Only workers that offer all of these. */
  readonly tags?: readonly string[];
}

const workerStates = {
  spawning: ['spawning', 'spawning'],
  idle: ['idle', 'idle'],
  busy: ['busy', 'active'],
  unresponsive: ['busy', 'unresponsive'],
  draining: ['draining', 'draining'],
  retiring: ['draining', 'draining'],
  recycling: ['spawning', 'spawning'],
  stopping: ['draining', 'draining'],
  stopped: ['stopped', 'completed'],
  error: ['error', 'failed']
} as const satisfies Record<WorkerState, readonly [alone: WorkerStatus, inFleet: WorkerInfoStatus]>;

const liveStatuses: readonly WorkerInfoStatus[] = [
  'spawning',
  'idle',
  'active',
  'unresponsive',
  'unfit',
  'draining'
];
const infoStatuses = [...liveStatuses, 'completed', 'failed'] as const;

export function workerStatusOf({ value }: SnapshotFrom<typeof workerMachine>): WorkerStatus {
  return workerStates[value][0];
}

/** The actors of a fleet's places, among its children. */
export function workerActorsOf(
  children: Readonly<Record<string, unknown>>
): ActorRefFrom<typeof workerMachine>[] {
  const names = Object.keys(children).filter((name) => name.startsWith('worker-'));
  return names.map((name) => children[name] as ActorRefFrom<typeof workerMachine>);
}

/** The workers that match: those that exist by their places, then those that ended. @throws {ValidationError} */
export function listWorkers(
  places: Iterable<ActorRefFrom<typeof workerMachine>>,
  ledger: Ledger,
  history: WorkerHistory,
  filter: WorkerFilter
): WorkerInfo[] {
  const { statuses, tags } = readFilter(filter);
  const infos: WorkerInfo[] = [];
  for (const place of places) {
    const info = infoOf(place, ledger);
    if (liveStatuses.includes(info.status)) infos.push(info);
  }
  return [...infos, ...history.ended].filter(
    (info) => statuses.includes(info.status) && tags.every((tag) => info.tags.includes(tag))
  );
}

function readFilter(filter: WorkerFilter) {
  const { status = liveStatuses, tags = [] } = readOptions('filter', filter, ['status', 'tags']);
  const statuses =
    typeof status === 'string' ? [status] : readItems('filter.status', status, infoStatuses.length);
  for (const given of statuses) assertOneOf('filter.status', given, infoStatuses);
  return { statuses: statuses as readonly WorkerInfoStatus[], tags: readTags('filter.tags', tags) };
}

function infoOf(worker: ActorRefFrom<typeof workerMachine>, { roster, tasks }: Ledger): WorkerInfo {
  const { value, context } = worker.getSnapshot();
  const id = workerIdOf(context);
  const place = roster.get(id);
  const taskIds = (place?.attempts.seqs ?? []).flatMap((seq) => tasks.get(seq)?.context.key ?? []);
  return {
    id,
    taskId: taskIds[0] ?? '',
    taskIds,
    status: infoStatusOf(value, taskIds.length > 0, context.joined !== null),
    spawnedAt: context.spawnedAt,
    tags: offeredTags(context),
    concurrency: context.concurrency,
    ...(context.joined !== null && { prefetch: context.joined.prefetch, types: context.joined.types }),
    ...(context.joined !== null && context.problem !== null && { problem: context.problem }),
    completed: place?.completed ?? 0,
    failed: place?.failed ?? 0,
    lastHeartbeatAt: place?.lastHeartbeatAt ?? null
  };
}

function infoStatusOf(state: WorkerState, isHolding: boolean, hasJoined: boolean): WorkerInfoStatus {
  // The actor hears a little later than the roster what the turn has given it.
  if (state === 'idle' && isHolding) return 'active';
  return state === 'error' && hasJoined ? 'unfit' : workerStates[state][1];
}
