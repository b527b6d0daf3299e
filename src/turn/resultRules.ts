import type { LedgerCommandOf } from '../../machines/fleetCommand.ts';
import { externalKey, submittedResultKey } from '../submission/taskKey.ts';
import type { Turn } from './turn.ts';

/** Takes a result in once for each worker, task and attempt. */
export function submitResult(turn: Turn, { workerId, result }: LedgerCommandOf<'result.submit'>): boolean {
  const { taskId, key, type, status, duration, timestamp, attempt, error } = result;
  const name = submittedResultKey(workerId, key, attempt);
  if (turn.context.found.results.has(name) || turn.submittedResults.has(name)) return false;
  turn.submittedResults.add(name);
  turn.addResult({
    taskId,
    key: externalKey(workerId, key),
    batchId: null,
    type,
    success: status === 'completed',
    status,
    result: result.result,
    ...(error && { error: error.message, failure: error }),
    duration,
    timestamp,
    attempts: attempt,
    workerId
  });
  return true;
}
