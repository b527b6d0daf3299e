import type { AttemptRef } from '../../machines/task.ts';
import type { Attempt } from '../executor.ts';
import type { Payload } from '../store.ts';
import { taskIdOf } from '../submission/taskKey.ts';
import type { Turn } from '../turn/turn.ts';

/** What a turn started, as the executor gets it. */
export interface StartedAttempts {
  readonly attempts: readonly Attempt[];
  /** Those whose data could not be read: nobody runs them. */
  readonly unreadable: readonly AttemptRef[];
}

/** @param payloads - Those that memory lacks. */
export function startedAttempts(turn: Turn, payloads: ReadonlyMap<number, Payload>): StartedAttempts {
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
    attempts.push(requestId === undefined ? started : { ...started, requestId });
  }
  return { attempts, unreadable };
}
