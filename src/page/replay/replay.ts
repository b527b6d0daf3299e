import { type BatchState, type BatchStatus, type TaskCounts } from '../../../machines/batch.ts';
import { taskStatuses, type TaskStatus } from '../../../machines/task.ts';
import type { Frame, FrameWorker } from '../../dashboard/frame.ts';
import { batchFiguresOf } from '../../fleet/batchFigures.ts';
import type { Recording } from '../../recording/recording.ts';
import { copyOf, RecordingFold, type Folded } from './fold.ts';

/** Copies that are kept to jump back to: they bound what a jump has to fold, and the memory that they take. */
const maxCheckpoints = 32;

/**
 * The frames of a recording, at any of its turns.
 *
 * The same turn gives the same frame, however it was come to. Going on costs the turns in between; going back costs at
 * most a 32nd of the recording's steps, since copies are kept on the way.
 */
export class Replay {
  readonly recording: Recording;
  readonly #fold: RecordingFold;
  readonly #checkpoints: Folded[];
  /** Steps before each turn, and in all: distances are told in steps, as turns differ in size. */
  readonly #stepsBefore: readonly number[];
  readonly #checkpointSteps: number;
  #folded: Folded;

  constructor(recording: Recording) {
    this.recording = recording;
    this.#fold = new RecordingFold(recording);
    this.#folded = this.#fold.start();
    this.#checkpoints = [copyOf(this.#folded)];
    let steps = 0;
    this.#stepsBefore = [0, ...recording.turns.map((turn) => (steps += turn.steps.length))];
    this.#checkpointSteps = Math.max(1_000, Math.ceil(steps / (maxCheckpoints - 1)));
  }

  /** @param turns - How many turns have been taken, 0 to as many as there are. */
  frameAt(turns: number): Frame {
    this.#goTo(Math.min(Math.max(Math.trunc(turns), 0), this.recording.turns.length));
    return frameOf(this.recording, this.#folded);
  }

  /** The state of a task at the turn of the frame that was asked for last; `null`: it is not there. */
  stateOf(task: number): TaskStatus | null {
    return taskStatuses[(this.#folded.status[task] ?? 0) - 1] ?? null;
  }

  #goTo(turns: number): void {
    const checkpoint = this.#checkpoints.findLast((checkpoint) => checkpoint.turns <= turns);
    if (checkpoint !== undefined && (turns < this.#folded.turns || checkpoint.turns > this.#folded.turns)) {
      this.#folded = copyOf(checkpoint);
    }
    while (this.#folded.turns < turns) {
      this.#fold.add(this.#folded);
      this.#keepCheckpoint();
    }
  }

  #keepCheckpoint(): void {
    const { turns } = this.#folded;
    const last = this.#checkpoints.at(-1)?.turns ?? 0;
    const distance = (this.#stepsBefore[turns] ?? 0) - (this.#stepsBefore[last] ?? 0);
    if (distance >= this.#checkpointSteps) this.#checkpoints.push(copyOf(this.#folded));
  }
}

function frameOf(recording: Recording, folded: Folded): Frame {
  const turn = recording.turns[folded.turns - 1];
  return {
    at: turn?.at ?? recording.startedAt,
    turn: turn?.turn ?? 0,
    name: recording.name,
    active: folded.active,
    tasks: { ...folded.tasks },
    batchStates: {
      ...statesOf([...folded.batches.values()].map(({ state }) => state))
    } as Partial<Record<BatchState, number>>,
    workerStates: statesOf([...folded.workers.values()].map(({ state }) => state)),
    scheduleStates: statesOf([...folded.schedules.values()]),
    totals: { ...folded.totals },
    transitions: folded.transitions,
    commitMs: folded.commitMs,
    durations: percentilesOf(folded.durations),
    batches: batchesOf(recording, folded),
    workers: workersOf(recording, folded),
    failures: folded.failures.toReversed(),
    maxWorkers: folded.workers.size,
    isPaused: folded.active.fleet?.includes('operation.paused') ?? false
  };
}

function statesOf(states: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** The same ranks as `Array.sort` and the nearest one: exact, over the attempts that are kept. */
function percentilesOf(durations: readonly number[]): Frame['durations'] {
  if (durations.length === 0) return null;
  const sorted = Float64Array.from(durations).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

function batchesOf(recording: Recording, folded: Folded): BatchStatus[] {
  const latest = [...folded.batches]
    .sort(([a, { createdAt: first }], [b, { createdAt: second }]) => second - first || b - a)
    .slice(0, 50);
  return latest.map(([number, { state, createdAt, startedAt, settledAt }]) => {
    const counts = countsOf(folded, number);
    const totalTasks = Object.values(counts).reduce((total, count) => total + count, 0);
    return {
      id: recording.batches[number] ?? '',
      status: state as BatchState,
      ...batchFiguresOf(counts, totalTasks, settledAt !== null),
      createdAt,
      ...(startedAt !== null && { startedAt }),
      ...(settledAt !== null && { settledAt })
    };
  });
}

function countsOf({ batchCounts }: Folded, batch: number): TaskCounts {
  const first = batch * taskStatuses.length;
  return Object.fromEntries(
    taskStatuses.map((status, place) => [status, batchCounts[first + place] ?? 0])
  ) as Record<(typeof taskStatuses)[number], number>;
}

function workersOf(recording: Recording, { workers, held }: Folded): FrameWorker[] {
  const taskIds = new Map<string, string[]>();
  for (const [task, worker] of held) {
    const key = recording.tasks[task]?.key ?? '';
    const others = taskIds.get(worker);
    if (others === undefined) taskIds.set(worker, [key]);
    else others.push(key);
  }
  return [...workers]
    .filter(([, { state }]) => state !== 'stopped')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, 200)
    .map(([id, { state, completed, failed }]) => ({
      id,
      state,
      taskIds: taskIds.get(id)?.toSorted() ?? [],
      tags: [],
      completed,
      failed
    }));
}
