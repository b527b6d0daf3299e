import type { TaskError } from '../../../machines/task.ts';
import {
  taskMachine,
  type AttemptEnd,
  type TaskContext,
  type TaskInput
} from '../../../machines/taskMachine.ts';
import { modelOf } from './model.ts';

const now = Date.UTC(2026, 0, 1);
const error: TaskError = { name: 'Error', message: 'no', retryable: true };
const input: TaskInput = {
  seq: 7,
  key: 'b1/t1',
  batchId: 'b1',
  type: 'echo',
  priority: 5,
  tags: [],
  timeoutMs: null,
  maxRetries: null,
  retryOf: null,
  createdAt: now,
  blockedBy: null,
  readyAt: null,
  startAfter: null
};
const end: Omit<AttemptEnd, 'attempt'> = {
  at: now,
  random: 0.5,
  policy: {
    maxRetries: 1,
    maxRecoveries: 1,
    retry: { baseMs: 1_000, factor: 2, maxMs: 60_000, jitter: 'none' },
    isIsolated: false
  },
  error
};

/** Told of the attempt that runs, and of one before it. */
function fenced<TPayload extends object>(payload: TPayload) {
  return [0, 1].map((age) => ({ attempt }: TaskContext) => ({ ...payload, attempt: attempt - age }));
}

export const taskModel = modelOf(taskMachine, {
  inputs: [
    input,
    { ...input, startAfter: now + 1 },
    { ...input, blockedBy: [3] },
    { ...input, blockedBy: [3], startAfter: now + 1 }
  ],
  events: {
    'task.claim': [{ workerId: 'worker-1' }],
    'task.cancel': [{ at: now, error }],
    'dependencies.completed': [{ at: now }],
    'dependency.failed': [{ at: now, error }],
    'task.due': [{ at: now + 60_000 }, { at: now }],
    'attempt.started': fenced({ at: now }),
    'attempt.completed': fenced({ at: now }),
    'attempt.failed': fenced(end),
    'attempt.timedOut': fenced(end),
    'attempt.lost': fenced(end),
    'attempt.released': fenced({ at: now }),
    'grace.ended': fenced({ at: now })
  },
  // Released attempts are not charged: their number has no bound, and means nothing but "this one".
  serializeState: ({ context: { failures, recoveries, blockedBy, dueAt } }) => [
    failures,
    recoveries,
    blockedBy,
    dueAt
  ],
  requiredEvents: {
    'task.cancel': ['blocked', 'scheduled', 'queued', 'dispatched', 'running', 'backingOff'],
    'task.due': ['scheduled', 'backingOff'],
    'attempt.lost': ['dispatched', 'running', 'cancelling'],
    'attempt.released': ['dispatched', 'running', 'cancelling']
  }
});
