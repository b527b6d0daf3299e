import { noTaskCounts, type TaskCounts } from '../../machines/batch.ts';

/** Counts of a fleet since its first start. They are committed with every turn, so a restart loses none. */
export interface FleetStats {
  readonly totalBatches: number;
  readonly totalTasks: number;
  /** Tasks by status; those of removed batches stay counted as settled. */
  readonly counts: TaskCounts;
  /** Attempts after a first one that failed or timed out. */
  readonly retriedAttempts: number;
  /** Attempts lost to a dead worker or process. */
  readonly lostAttempts: number;
  /** Outcomes that came after their attempt was over, and were ignored. */
  readonly lateOutcomes: number;
}

export const noStats: FleetStats = {
  totalBatches: 0,
  totalTasks: 0,
  counts: noTaskCounts,
  retriedAttempts: 0,
  lostAttempts: 0,
  lateOutcomes: 0
};
