import type { TaskStatus } from '../../machines/task.ts';
import type { TaskEvent } from '../../machines/taskMachine.ts';

/** How an attempt ended. `lost`: with its worker or process. `released`: the fleet stopped, or nobody ran it. */
export type AttemptOutcome = 'completed' | 'failed' | 'timedOut' | 'cancelled' | 'lost' | 'released';

const outcomes: Partial<Record<TaskEvent['type'], AttemptOutcome>> = {
  'attempt.completed': 'completed',
  'attempt.failed': 'failed',
  'attempt.timedOut': 'timedOut',
  'attempt.lost': 'lost',
  'attempt.released': 'released',
  'grace.ended': 'cancelled'
};

/** @param before - The state of its task until then. @returns `null`: no attempt has ended. */
export function attemptOutcomeOf(event: TaskEvent['type'], before: TaskStatus): AttemptOutcome | null {
  const outcome = outcomes[event];
  if (outcome === undefined) return null;
  return before === 'cancelling' ? 'cancelled' : outcome;
}
