import { activeTasks, type BatchStatus, settledTasks, type TaskCounts } from '../../machines/batch.ts';

/** What the counts of a batch's tasks make of its status. @param isFinal - Whether the batch has settled. */
export function batchFiguresOf(counts: TaskCounts, totalTasks: number, isFinal: boolean): BatchFigures {
  return {
    totalTasks,
    completedTasks: counts.completed,
    failedTasks: counts.failed + counts.timedOut,
    cancelledTasks: counts.cancelled,
    timedOutTasks: counts.timedOut,
    blockedTasks: counts.blocked,
    queuedTasks: counts.queued + counts.scheduled,
    runningTasks: activeTasks(counts),
    retryingTasks: counts.backingOff,
    progress: totalTasks === 0 ? (isFinal ? 1 : 0) : settledTasks(counts) / totalTasks
  };
}

type BatchFigures = Pick<
  BatchStatus,
  | 'totalTasks'
  | 'completedTasks'
  | 'failedTasks'
  | 'cancelledTasks'
  | 'timedOutTasks'
  | 'blockedTasks'
  | 'queuedTasks'
  | 'runningTasks'
  | 'retryingTasks'
  | 'progress'
>;
