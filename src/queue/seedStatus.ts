import type { TaskStatus } from '../../machines/task.ts';
import { assertOneOf } from '../validation/validation.ts';

/** The words of FastAgentic for where a task is. */
export type SeedStatus = 'pending' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'timeout';

/** What a status is called there. What waits for a time or for other tasks is `pending`. @throws {ValidationError} */
export function toSeedStatus(status: TaskStatus): SeedStatus {
  assertOneOf('status', status, Object.keys(words));
  return words[status];
}

const words: Readonly<Record<TaskStatus, SeedStatus>> = {
  scheduled: 'pending',
  blocked: 'pending',
  queued: 'queued',
  dispatched: 'running',
  running: 'running',
  backingOff: 'pending',
  cancelling: 'running',
  completed: 'completed',
  failed: 'failed',
  timedOut: 'timeout',
  cancelled: 'cancelled'
};
