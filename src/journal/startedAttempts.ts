import type { AttemptRef } from '../../machines/task.ts';
import type { Attempt } from '../executor.ts';
import type { Mutable } from '../mutable.ts';
import type { Payload } from '../store.ts';
import { taskIdOf } from '../submission/taskKey.ts';
import type { Turn } from '../turn/turn.ts';

/** What a turn started, as the executor gets it. */
export interface StartedAttempts {
  readonly attempts: readonly Attempt[];
  /** Those whose data could not be read: nobody runs them. */
  readonly unreadable: readonly AttemptRef[];
}

/**
 * @param payloads - Those that memory lacks.
 * @param isTraced - Whether they are given the trace of what submitted them.
 */
export function startedAttempts(
  turn: Turn,
  payloads: ReadonlyMap<number, Payload>,
  isTraced = false
): StartedAttempts {
  const attempts: Attempt[] = [];
  const unreadable: AttemptRef[] = [];
  for (const { context } of turn.started) {
    const { seq, attempt, key, batchId, type, workerId } = context;
    const payload = turn.payload(seq) ?? payloads.get(seq);
    if (payload === undefined) {
      unreadable.push({ seq, attempt });
      continue;
    }
    const { data, metadata } = payload;
    const taskId = taskIdOf(key, batchId);
    const started = { seq, attempt, key, taskId, batchId, type, data, metadata, workerId: workerId! };
    const requestId = turn.requests.get(seq)?.id;
    const traceparent = isTraced ? traceparentOf(turn, batchId, payload) : undefined;
    const attempted: Mutable<Attempt> = started;
    // Not spread: there is one for each task.
    if (requestId !== undefined) attempted.requestId = requestId;
    if (traceparent !== undefined) attempted.traceparent = traceparent;
    attempts.push(attempted);
  }
  return { attempts, unreadable };
}

function traceparentOf(turn: Turn, batchId: string | null, payload: Payload): string | undefined {
  return batchId === null ? payload.traceparent : turn.batch(batchId)?.context.traceparent;
}
