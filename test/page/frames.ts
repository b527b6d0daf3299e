import { noTaskCounts, type BatchStatus } from '../../machines/batch.ts';
import type { Frame, FrameEdge, FrameFailure, FrameWorker } from '../../src/dashboard/frame.ts';

export const frameStart = Date.UTC(2026, 10, 21, 9, 30);

/** A frame of a fleet that has not done anything, but for `changes`. */
export function frameWith(changes: Partial<Frame> = {}): Frame {
  return {
    at: frameStart,
    turn: 1,
    name: 'images',
    active: {
      fleet: ['operation.running', 'journal.clean'],
      coordinator: ['health.healthy', 'intake.collecting'],
      autoscaler: ['manual']
    },
    tasks: noTaskCounts,
    batchStates: {},
    workerStates: {},
    scheduleStates: {},
    totals: { totalBatches: 0, totalTasks: 0, retriedAttempts: 0, lostAttempts: 0, lateOutcomes: 0 },
    transitions: 0,
    commitMs: null,
    durations: null,
    batches: [],
    workers: [],
    failures: [],
    maxWorkers: 4,
    isPaused: false,
    ...changes
  };
}

/**
 * A busy fleet, at its `number`th frame of a tenth of a second each: 200 workers, 50 batches and 50 failures, of which
 * most change from frame to frame, and 1,000 transitions a second.
 */
export function busyFrame(number: number): Frame {
  const wave = (period: number, size: number) =>
    Math.round(size * (1 + Math.sin((number / period) * 2 * Math.PI)));
  const completed = number * 25;
  return frameWith({
    at: frameStart + number * 100,
    turn: number * 7,
    tasks: {
      ...noTaskCounts,
      blocked: 120,
      scheduled: 40,
      queued: Math.max(0, 93_412 - completed),
      dispatched: wave(17, 4),
      running: 190 - wave(23, 20),
      backingOff: wave(40, 30),
      completed,
      failed: Math.floor(number / 9),
      timedOut: Math.floor(number / 31),
      cancelled: 14
    },
    batchStates: { accepting: 1, processing: 46, paused: 1, completed: 9, partial: 2 },
    workerStates: { idle: wave(23, 20), busy: 200 - wave(23, 20) },
    scheduleStates: { active: 3, paused: 1 },
    totals: {
      totalBatches: 59,
      totalTasks: 93_600,
      retriedAttempts: number * 2,
      lostAttempts: 3,
      lateOutcomes: 0
    },
    transitions: number * 100,
    commitMs: 3 + wave(31, 2),
    durations: { p50: 80 + wave(50, 10), p90: 190 + wave(70, 20), p99: 600 + wave(90, 90) },
    batches: Array.from({ length: 50 }, (_, index) => batchOf(index, number)),
    workers: Array.from({ length: 200 }, (_, index) => workerOf(index, number)),
    failures: Array.from({ length: 50 }, (_, index) => failureOf(Math.floor(number / 9) + 50 - index)),
    maxWorkers: 200,
    edges: [
      edgeOf('task.claim', 'queued', 'dispatched', number * 30),
      edgeOf('attempt.started', 'dispatched', 'running', number * 30),
      edgeOf('attempt.completed', 'running', 'completed', completed),
      edgeOf('attempt.failed', 'running', 'backingOff', number * 2),
      edgeOf('attempt.failed', 'running', 'failed', Math.floor(number / 9)),
      edgeOf('attempt.timedOut', 'running', 'timedOut', Math.floor(number / 31)),
      edgeOf('task.due', 'backingOff', 'queued', number * 2)
    ]
  });
}

function edgeOf(event: string, source: string, target: string, count: number): FrameEdge {
  return { machine: 'task', event, source, target, count };
}

function batchOf(index: number, number: number): BatchStatus {
  const totalTasks = 1_000 + index * 37;
  const failedTasks = index % 5 === 0 ? Math.floor(number / 60) + 12 : 0;
  const completedTasks = Math.min(totalTasks - failedTasks, Math.round(number / 2) + (50 - index) * 17);
  const isOver = completedTasks + failedTasks >= totalTasks;
  const runningTasks = isOver ? 0 : 4;
  return {
    id: `thumbnails-${String(2_000 - index)}`,
    status: isOver ? (failedTasks > 0 ? 'partial' : 'completed') : index === 3 ? 'paused' : 'processing',
    totalTasks,
    completedTasks,
    failedTasks,
    cancelledTasks: 0,
    timedOutTasks: 0,
    blockedTasks: 0,
    queuedTasks: Math.max(0, totalTasks - completedTasks - failedTasks - runningTasks),
    runningTasks,
    retryingTasks: index % 3,
    progress: (completedTasks + failedTasks) / totalTasks,
    createdAt: frameStart - index * 60_000
  };
}

function workerOf(index: number, number: number): FrameWorker {
  const isBusy = (index * 7 + number) % 11 !== 0;
  return {
    id: `worker-${String(index + 1).padStart(3, '0')}`,
    state: isBusy ? 'busy' : 'idle',
    taskIds: isBusy ? [`thumbnails-${2_000 - (index % 50)}/image-${number * 3 + index}`] : [],
    tags: index % 4 === 0 ? ['gpu'] : [],
    completed: number + index,
    failed: index % 9 === 0 ? 1 + (index % 4) : 0
  };
}

function failureOf(number: number): FrameFailure {
  const isLate = number % 7 === 0;
  return {
    key: `thumbnails-${1_950 + (number % 50)}/image-${4_000 + number}`,
    taskId: `image-${4_000 + number}`,
    batchId: `thumbnails-${1_950 + (number % 50)}`,
    type: 'resize',
    status: isLate ? 'timedOut' : 'failed',
    error: isLate
      ? 'The attempt took longer than 30,000 ms'
      : `ENOENT: no such file or directory, open 'images/${4_000 + number}.png'`,
    attempts: 1 + (number % 4),
    workerId: `worker-${String(1 + (number % 200)).padStart(3, '0')}`,
    at: frameStart + number * 900
  };
}
