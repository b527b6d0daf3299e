import { noTaskCounts } from '../../../machines/batch.ts';
import { taskStatuses, type TaskStatus } from '../../../machines/task.ts';
import type { FrameFailure } from '../../dashboard/frame.ts';
import type { RecordedStep, RecordedTurn, Recording } from '../../recording/recording.ts';

/** Durations of the last attempts, of which percentiles are told. */
const keptDurations = 500;
const keptFailures = 50;

/** What a fleet had come to after some of its turns. Cheap to copy: that is what checkpoints are made of. */
export interface Folded {
  /** Turns that are in it. */
  turns: number;
  transitions: number;
  commitMs: number | null;
  tasks: Record<TaskStatus, number>;
  totals: {
    totalBatches: number;
    totalTasks: number;
    retriedAttempts: number;
    lostAttempts: number;
    lateOutcomes: number;
  };
  /** By task: 0 where it is not there yet, else one more than the place of its status in `taskStatuses`. */
  status: Uint8Array;
  attempts: Uint16Array;
  /** By task: when its attempt started, epoch ms; 0: it has none. */
  startedAt: Float64Array;
  /** Which slot has which task. */
  held: Map<number, string>;
  /** By batch, and in it by status. */
  batchCounts: Uint32Array;
  /** By batch; absent where it is not there yet. */
  batches: Map<number, FoldedBatch>;
  schedules: Map<number, string>;
  /** By slot. */
  workers: Map<string, FoldedWorker>;
  active: Record<string, readonly string[]>;
  /** Newest last. */
  failures: readonly FrameFailure[];
  /** Of the last attempts, ms, in no order. */
  durations: number[];
}

/** Never changed in place: copies share them. */
export interface FoldedBatch {
  readonly state: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly settledAt: number | null;
}

/** Never changed in place. */
export interface FoldedWorker {
  readonly state: string;
  readonly completed: number;
  readonly failed: number;
}

/** Folds the turns of one recording. What it folds into is given, so that any number of checkpoints can be kept. */
export class RecordingFold {
  readonly #recording: Recording;
  readonly #batchNumbers: ReadonlyMap<string, number>;
  readonly #slots: ReadonlySet<string>;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#slots = new Set(recording.workers);
    this.#batchNumbers = new Map(recording.batches.map((id, number) => [id, number]));
  }

  /** What was there before the first turn. */
  start(): Folded {
    const { tasks, batches, initial } = this.#recording;
    const folded: Folded = {
      turns: 0,
      transitions: 0,
      commitMs: null,
      tasks: { ...noTaskCounts },
      totals: {
        totalBatches: sum(initial.batches),
        totalTasks: sum(initial.tasks),
        retriedAttempts: 0,
        lostAttempts: 0,
        lateOutcomes: 0
      },
      status: new Uint8Array(tasks.length),
      attempts: new Uint16Array(tasks.length),
      startedAt: new Float64Array(tasks.length),
      held: new Map(),
      batchCounts: new Uint32Array(batches.length * taskStatuses.length),
      batches: new Map(),
      schedules: new Map(),
      workers: new Map(),
      active: {},
      failures: [],
      durations: []
    };
    for (const status of taskStatuses) folded.tasks[status] = initial.tasks[status] ?? 0;
    this.#findWhatWasThere(folded);
    return folded;
  }

  /** Adds the next turn. */
  add(folded: Folded): void {
    const turn = this.#recording.turns[folded.turns];
    if (turn === undefined) return;
    folded.turns += 1;
    folded.commitMs = turn.commitMs;
    for (const step of turn.steps) this.#step(folded, step, turn);
  }

  /** Rows and agents whose first step is not their birth: they were there, in the state that it leads from. */
  #findWhatWasThere(folded: Folded): void {
    const { turns, startedAt } = this.#recording;
    const seen = new Set<string>();
    for (const { steps } of turns) {
      for (const { machine, subject, from } of steps) {
        const id = `${machine} ${subject}`;
        if (seen.has(id)) continue;
        seen.add(id);
        if (from === null) continue;
        if (machine === 'task') {
          const place = placeOf(from);
          folded.status[subject] = place + 1;
          this.#countInBatch(folded, subject, place, 1);
        } else if (machine === 'batch') {
          folded.batches.set(subject, {
            state: from,
            createdAt: startedAt,
            startedAt: null,
            settledAt: null
          });
        } else this.#enter(folded, machine, subject, from);
      }
    }
  }

  #step(folded: Folded, step: RecordedStep, turn: RecordedTurn): void {
    if (step.machine === 'task') this.#stepTask(folded, step, turn);
    else if (step.machine === 'batch') this.#stepBatch(folded, step, turn.at);
    else this.#enter(folded, step.machine, step.subject, step.to);
    if (isRow(step.machine) && step.event !== null) folded.transitions += 1;
  }

  #stepTask(folded: Folded, { subject, event, to, detail }: RecordedStep, turn: RecordedTurn): void {
    const before = folded.status[subject] ?? 0;
    const place = placeOf(to);
    const status = taskStatuses[place];
    if (status === undefined) return;
    if (before === 0) folded.totals.totalTasks += 1;
    else {
      folded.tasks[taskStatuses[before - 1] ?? status] -= 1;
      this.#countInBatch(folded, subject, before - 1, -1);
    }
    folded.tasks[status] += 1;
    this.#countInBatch(folded, subject, place, 1);
    folded.status[subject] = place + 1;

    if (event === 'attempt.lost') folded.totals.lostAttempts += 1;
    if (status === 'backingOff') folded.totals.retriedAttempts += 1;
    if (status === 'dispatched') {
      folded.attempts[subject] = detail?.attempt ?? (folded.attempts[subject] ?? 0) + 1;
      if (detail?.workerId !== undefined) folded.held.set(subject, this.#slotOf(detail.workerId));
    } else if (status === 'running') {
      folded.startedAt[subject] = turn.at;
    } else if (status !== 'cancelling') this.#endAttempt(folded, subject, status, turn.at);
    if (status === 'failed' || status === 'timedOut')
      this.#recordFailure(folded, subject, status, detail, turn);
    if (status !== 'dispatched' && status !== 'running' && status !== 'cancelling')
      folded.held.delete(subject);
  }

  #endAttempt(folded: Folded, subject: number, status: TaskStatus, at: number): void {
    const startedAt = folded.startedAt[subject] ?? 0;
    if (startedAt > 0) {
      if (status !== 'queued' && status !== 'cancelled') {
        folded.durations.push(at - startedAt);
        if (folded.durations.length > keptDurations) folded.durations.shift();
      }
      folded.startedAt[subject] = 0;
    }
    const id = folded.held.get(subject);
    const worker = id === undefined ? undefined : folded.workers.get(id);
    if (id === undefined || worker === undefined || status === 'queued' || status === 'cancelled') return;
    const succeeded = status === 'completed';
    folded.workers.set(id, {
      ...worker,
      completed: worker.completed + (succeeded ? 1 : 0),
      failed: worker.failed + (succeeded ? 0 : 1)
    });
  }

  #recordFailure(
    folded: Folded,
    subject: number,
    status: TaskStatus,
    detail: RecordedStep['detail'],
    turn: RecordedTurn
  ): void {
    const task = this.#recording.tasks[subject];
    if (task === undefined) return;
    const { key, batchId, type } = task;
    const failure: FrameFailure = {
      key,
      taskId: batchId !== null && key.startsWith(`${batchId}/`) ? key.slice(batchId.length + 1) : key,
      batchId,
      type,
      status,
      error: detail?.error ?? detail?.reason ?? '',
      attempts: folded.attempts[subject] ?? 0,
      workerId: detail?.workerId ?? folded.held.get(subject) ?? null,
      at: turn.at
    };
    folded.failures = [...folded.failures.slice(1 - keptFailures), failure];
  }

  #stepBatch(folded: Folded, { subject, to }: RecordedStep, at: number): void {
    const before = folded.batches.get(subject);
    if (before === undefined) folded.totals.totalBatches += 1;
    const { createdAt, startedAt, settledAt } = before ?? { createdAt: at, startedAt: null, settledAt: null };
    folded.batches.set(subject, {
      state: to,
      createdAt,
      startedAt: to === 'processing' ? (startedAt ?? at) : startedAt,
      settledAt: isFinalBatch(to) ? (settledAt ?? at) : null
    });
  }

  #enter(folded: Folded, machine: RecordedStep['machine'], subject: number, to: string): void {
    if (machine === 'worker') {
      const id = this.#recording.workers[subject];
      if (id === undefined) return;
      const { completed, failed } = folded.workers.get(id) ?? { completed: 0, failed: 0 };
      folded.workers.set(id, { state: to, completed, failed });
    } else if (machine === 'schedule') folded.schedules.set(subject, to);
    else folded.active = { ...folded.active, [machine]: to.split(' ') };
  }

  /** Tasks name the worker, of whom a slot may have had several: `worker-1`, `worker-1.2`. */
  #slotOf(workerId: string): string {
    return this.#slots.has(workerId) ? workerId : workerId.replace(/\.\d+$/, '');
  }

  #countInBatch(folded: Folded, task: number, place: number, change: 1 | -1): void {
    const batchId = this.#recording.tasks[task]?.batchId;
    const batch = batchId == null ? undefined : this.#batchNumbers.get(batchId);
    if (batch === undefined) return;
    const at = batch * taskStatuses.length + place;
    folded.batchCounts[at] = (folded.batchCounts[at] ?? 0) + change;
  }
}

/** A copy that goes its own way. */
export function copyOf(folded: Folded): Folded {
  return {
    ...folded,
    tasks: { ...folded.tasks },
    totals: { ...folded.totals },
    status: folded.status.slice(),
    attempts: folded.attempts.slice(),
    startedAt: folded.startedAt.slice(),
    held: new Map(folded.held),
    batchCounts: folded.batchCounts.slice(),
    batches: new Map(folded.batches),
    schedules: new Map(folded.schedules),
    workers: new Map(folded.workers),
    durations: [...folded.durations]
  };
}

const places: ReadonlyMap<string, number> = new Map(taskStatuses.map((status, place) => [status, place]));

function placeOf(status: string): number {
  return places.get(status) ?? -1;
}

function isRow(machine: RecordedStep['machine']): boolean {
  return machine === 'task' || machine === 'batch' || machine === 'schedule';
}

function isFinalBatch(state: string): boolean {
  return state === 'completed' || state === 'failed' || state === 'partial' || state === 'cancelled';
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
