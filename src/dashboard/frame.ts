import type { BatchState, BatchStatus, TaskCounts } from '../../machines/batch.ts';

/** What a page shows of a fleet at one moment. */
export interface Frame {
  /** Epoch ms. */
  readonly at: number;
  readonly turn: number;
  readonly name: string;
  /** Active state paths of each chart that is an actor, by the machine's id: `{ fleet: ['operation.running', 'journal.clean'], coordinator: [...], autoscaler: [...] }`. */
  readonly active: Readonly<Record<string, readonly string[]>>;
  /** How many are in each state. Tasks and batches in final states: totals since the first start (tasks) or of those in memory (batches). */
  readonly tasks: TaskCounts;
  readonly batchStates: Readonly<Partial<Record<BatchState, number>>>;
  readonly workerStates: Readonly<Record<string, number>>;
  /** The scheduled submissions by state, where there are some. */
  readonly scheduleStates: Readonly<Record<string, number>>;
  readonly totals: {
    readonly totalBatches: number;
    readonly totalTasks: number;
    readonly retriedAttempts: number;
    readonly lostAttempts: number;
    readonly lateOutcomes: number;
  };
  /** Row transitions since the fleet (or the recording) started. */
  readonly transitions: number;
  /** Of the last commits, ms. */
  readonly commitMs: number | null;
  /** Of successful and failed attempts, ms. `null`: none yet. */
  readonly durations: { readonly p50: number; readonly p90: number; readonly p99: number } | null;
  /** At most 50, the latest first. */
  readonly batches: readonly BatchStatus[];
  /** At most 200, by id. Of workers elsewhere those that are there. */
  readonly workers: readonly FrameWorker[];
  /** Workers that were lost and have not come back, at most 20, newest first. Absent where that is told otherwise. */
  readonly lostWorkers?: readonly FrameLostWorker[];
  /** Failed and timed out, at most 50, newest first. */
  readonly failures: readonly FrameFailure[];
  /** maxConcurrentWorkers in force. `null`: workers are elsewhere and come by themselves, so it cannot be scaled. */
  readonly maxWorkers: number | null;
  /** Whether the fleet is paused. */
  readonly isPaused: boolean;
  /** Transitions of rows that were taken while somebody looked, by the edge of their chart. Absent where that is told otherwise. */
  readonly edges?: readonly FrameEdge[];
}
/** One edge of a chart. At most as many as its machine has. */
export interface FrameEdge {
  readonly machine: 'task' | 'batch' | 'schedule';
  readonly event: string;
  /** Paths of states. */
  readonly source: string;
  readonly target: string;
  /** How often. It rises: what was taken between two frames is the difference, whatever frames were missed. */
  readonly count: number;
}
export interface FrameWorker {
  readonly id: string;
  readonly state: string;
  readonly taskIds: readonly string[];
  readonly tags: readonly string[];
  /** Of a remote one: the task types that it has handlers for, and why it is given nothing. */
  readonly types?: readonly string[];
  readonly problem?: string;
  readonly completed: number;
  readonly failed: number;
}
export interface FrameLostWorker {
  readonly id: string;
  /** Why it is taken for gone. At most 500 characters. */
  readonly problem: string;
  readonly tags: readonly string[];
  readonly completed: number;
  readonly failed: number;
  /** When it was lost, epoch ms. */
  readonly at: number;
}
export interface FrameFailure {
  readonly key: string;
  readonly taskId: string;
  readonly batchId: string | null;
  readonly type: string;
  readonly status: string;
  readonly error: string;
  readonly attempts: number;
  readonly workerId: string | null;
  readonly at: number;
}
