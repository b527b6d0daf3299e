import type { LedgerCommandOf } from '../machines/fleetCommand.ts';
import { externalKey, submittedResultKey } from './taskKey.ts';
import type { Turn } from './turn.ts';

/** Takes a result in once for each worker, task and attempt. */
export function submitResult(turn: Turn, { workerId, result }: LedgerCommandOf<'result.submit'>): boolean {
  const { taskId, type, success, duration, timestamp, attempt, error } = result;
  if (turn.context.found.results.has(submittedResultKey(workerId, taskId, attempt))) return false;
  const isInThisTurn = turn.results.some(
    (other) => other.workerId === workerId && other.taskId === taskId && other.attempts === attempt
  );
  if (isInThisTurn) return false;
  turn.addResult({
    taskId,
    key: externalKey(workerId, taskId),
    batchId: null,
    type,
    success,
    status: success ? 'completed' : 'failed',
    result: result.result,
    ...(error && { error: error.message, failure: error }),
    duration,
    timestamp,
    attempts: attempt,
    workerId
  });
  return true;
}
