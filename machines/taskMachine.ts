import { assign, setup } from 'xstate';
import { nextRetryAt, type RetryPolicy } from './retryPolicy.ts';
import type { TaskError } from './task.ts';

/** Persisted as the task's row, so plain JSON only. The task's data lives beside it, in the store. */
export interface TaskContext {
  /** Order of submission in the fleet. Integer >= 1. */
  readonly seq: number;
  /** `batchId/taskId`, or the id alone for a single task. The handler's idempotency key. */
  readonly key: string;
  readonly batchId: string | null;
  readonly type: string;
  /** Higher first. */
  readonly priority: number;
  /** What a worker has to offer to be given it: sorted, each once. */
  readonly tags: readonly string[];
  /** The task's own limit for an attempt; `null`: the fleet's `workerTimeout`. */
  readonly timeoutMs: number | null;
  /** The task's own limit for retries; `null`: the fleet's `maxRetries`. */
  readonly maxRetries: number | null;
  /** Key of the settled task that this one is a copy of. */
  readonly retryOf: string | null;
  readonly createdAt: number;
  /** Numbers of the tasks that it waits for, while it is `blocked`; `null` elsewhere. */
  readonly blockedBy: readonly number[] | null;
  /** Its age counts from here, over all its attempts, epoch ms; `null`: from when it was submitted. */
  readonly readyAt: number | null;
  /** The fence: +1 at every claim. 0 before the first. */
  readonly attempt: number;
  /** Attempts that failed or timed out: these are charged against `maxRetries`. */
  readonly failures: number;
  /** Attempts lost to a dead worker or process: these have a small budget of their own. */
  readonly recoveries: number;
  /** Worker of the current or last attempt. */
  readonly workerId: string | null;
  /** When it leaves `scheduled` or `backingOff`, epoch ms, and before which a `blocked` one is not queued; `null` elsewhere. */
  readonly dueAt: number | null;
  /** Start of the current or last attempt, epoch ms. */
  readonly startedAt: number | null;
  readonly settledAt: number | null;
  /** Why the last attempt did not complete. */
  readonly error: TaskError | null;
}

export interface TaskInput {
  readonly seq: number;
  readonly key: string;
  readonly batchId: string | null;
  readonly type: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly timeoutMs: number | null;
  readonly maxRetries: number | null;
  readonly retryOf: string | null;
  readonly createdAt: number;
  /** Numbers of the tasks that have to complete first; `null`: it depends on none. */
  readonly blockedBy: readonly number[] | null;
  readonly readyAt: number | null;
  /** Not before this time, epoch ms; `null`: at once. */
  readonly startAfter: number | null;
}

/** The limits that hold when an attempt ends: a task that has none of its own takes the fleet's of that moment. */
export interface AttemptPolicy {
  readonly maxRetries: number;
  readonly maxRecoveries: number;
  readonly retry: RetryPolicy;
  /** Whether what a handler takes down is its worker alone: what poison is told to do about it. */
  readonly isIsolated: boolean;
}

/** How an attempt ended badly. `random` in [0, 1) is drawn by the turn, so that a replay backs off alike. */
export interface AttemptEnd {
  readonly attempt: number;
  readonly at: number;
  readonly random: number;
  readonly policy: AttemptPolicy;
  readonly error: TaskError;
}

export type TaskEvent =
  // Commands, asked of the task
  | { readonly type: 'task.claim'; readonly workerId: string }
  | { readonly type: 'task.cancel'; readonly at: number; readonly error: TaskError }
  // Facts, told to the task
  | { readonly type: 'dependencies.completed'; readonly at: number }
  | { readonly type: 'dependency.failed'; readonly at: number; readonly error: TaskError }
  | { readonly type: 'task.due'; readonly at: number }
  | { readonly type: 'attempt.started'; readonly attempt: number; readonly at: number }
  | { readonly type: 'attempt.completed'; readonly attempt: number; readonly at: number }
  | ({ readonly type: 'attempt.failed' } & AttemptEnd)
  | ({ readonly type: 'attempt.timedOut' } & AttemptEnd)
  | ({ readonly type: 'attempt.lost' } & AttemptEnd)
  | { readonly type: 'attempt.released'; readonly attempt: number; readonly at: number }
  | { readonly type: 'grace.ended'; readonly attempt: number; readonly at: number };

/**
 * The life of one task: blocked by others, queued, attempted, retried with backoff, settled.
 *
 * A lifecycle, not an agent: a million of these are stepped as rows (see `src/ledger/lifecycle.ts`), so the chart is
 * flat, invokes nothing and never waits. It reads no clock and draws no random number: every event carries
 * what its actions need. An event of another attempt than the current one is ignored.
 */
export const taskMachine = /* @__PURE__ */ setup({
  types: {} as {
    context: TaskContext;
    events: TaskEvent;
    /** Left out only where a snapshot is given: `createActor(taskMachine, { snapshot })`. */
    input: TaskInput | undefined;
  },
  guards: {
    dependsOnNothing: ({ context }) => context.blockedBy === null,
    isReady: ({ context }) => context.blockedBy === null && context.dueAt === null,
    isDue: ({ context }, params: { at: number }) => context.dueAt !== null && context.dueAt <= params.at,
    isEarly: ({ context }, params: { at: number }) => context.dueAt !== null && context.dueAt > params.at,
    isCurrent: ({ context }, params: { attempt: number }) => params.attempt === context.attempt,
    isCurrentAndCanRetry: ({ context }, params: AttemptEnd) =>
      params.attempt === context.attempt &&
      params.error.retryable &&
      context.failures < (context.maxRetries ?? params.policy.maxRetries),
    isCurrentAndCanRecover: ({ context }, params: AttemptEnd) =>
      params.attempt === context.attempt && context.recoveries < params.policy.maxRecoveries
  },
  actions: {
    recordClaim: assign({
      attempt: ({ context }) => context.attempt + 1,
      workerId: (_, params: { workerId: string }) => params.workerId,
      startedAt: null
    }),
    recordStart: assign({ startedAt: (_, params: { at: number }) => params.at }),
    recordFailure: assign({
      failures: ({ context }) => context.failures + 1,
      error: (_, params: AttemptEnd) => params.error
    }),
    recordRecovery: assign({
      recoveries: ({ context }) => context.recoveries + 1,
      error: (_, params: AttemptEnd) => params.error
    }),
    recordPoison: assign({
      recoveries: ({ context }) => context.recoveries + 1,
      error: (_, params: AttemptEnd) => poisonError(params)
    }),
    scheduleRetry: assign({
      dueAt: ({ context }, params: AttemptEnd) =>
        nextRetryAt(params.policy.retry, context.failures, params.at, params.random)
    }),
    clearDueAt: assign({ dueAt: null }),
    clearBlockedBy: assign({ blockedBy: null }),
    clearError: assign({ error: null }),
    recordCancellation: assign({ error: (_, params: { error: TaskError }) => params.error }),
    recordSettled: assign({ dueAt: null, settledAt: (_, params: { at: number }) => params.at })
  }
}).createMachine({
  id: 'task',
  description: 'One task, from submission to its one and only settlement.',
  context: ({ input }) => newContext(input),
  initial: 'blocked',
  states: {
    blocked: {
      description:
        'Waits for the tasks that it depends on; one that depends on none passes straight through.',
      tags: ['waiting'],
      always: [
        { guard: 'isReady', target: 'queued' },
        { guard: 'dependsOnNothing', target: 'scheduled' }
      ],
      on: {
        'dependencies.completed': [
          {
            guard: { type: 'isEarly', params: ({ event }) => event },
            target: 'scheduled',
            actions: 'clearBlockedBy'
          },
          { target: 'queued', actions: ['clearBlockedBy', 'clearDueAt'] }
        ],
        'dependency.failed': {
          description: 'A task that it depends on settled without completing.',
          target: 'cancelled',
          actions: [
            'clearBlockedBy',
            { type: 'recordCancellation', params: ({ event }) => event },
            { type: 'recordSettled', params: ({ event }) => event }
          ]
        },
        'task.cancel': {
          target: 'cancelled',
          actions: [
            'clearBlockedBy',
            { type: 'recordCancellation', params: ({ event }) => event },
            { type: 'recordSettled', params: ({ event }) => event }
          ]
        }
      }
    },
    scheduled: {
      description: 'Waits for its start time.',
      tags: ['waiting'],
      on: {
        'task.due': {
          guard: { type: 'isDue', params: ({ event }) => event },
          target: 'queued',
          actions: 'clearDueAt'
        },
        'task.cancel': {
          target: 'cancelled',
          actions: [
            { type: 'recordCancellation', params: ({ event }) => event },
            { type: 'recordSettled', params: ({ event }) => event }
          ]
        }
      }
    },
    queued: {
      description: 'Ready: a worker with room and its tags takes it, by priority and age.',
      tags: ['waiting'],
      on: {
        'task.claim': {
          description: 'Durable before the handler starts.',
          target: 'dispatched',
          actions: { type: 'recordClaim', params: ({ event }) => event }
        },
        'task.cancel': {
          target: 'cancelled',
          actions: [
            { type: 'recordCancellation', params: ({ event }) => event },
            { type: 'recordSettled', params: ({ event }) => event }
          ]
        }
      }
    },
    dispatched: {
      description: 'Handed to a worker that has not started it yet.',
      tags: ['active'],
      on: {
        'attempt.started': {
          description: 'Arms the timeout.',
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'running',
          actions: { type: 'recordStart', params: ({ event }) => event }
        },
        'attempt.lost': [
          {
            guard: { type: 'isCurrentAndCanRecover', params: ({ event }) => event },
            target: 'queued',
            actions: { type: 'recordRecovery', params: ({ event }) => event }
          },
          {
            description: 'It took its worker down too often: poison.',
            guard: { type: 'isCurrent', params: ({ event }) => event },
            target: 'failed',
            actions: [
              { type: 'recordPoison', params: ({ event }) => event },
              { type: 'recordSettled', params: ({ event }) => event }
            ]
          }
        ],
        'attempt.released': {
          description: 'Cut by a stop of the fleet: not charged.',
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'queued'
        },
        'task.cancel': {
          target: 'cancelling',
          actions: { type: 'recordCancellation', params: ({ event }) => event }
        }
      }
    },
    running: {
      description: 'A handler runs it. Its timeout is a row of the due-queue, not a timer of this chart.',
      tags: ['active'],
      on: {
        'attempt.completed': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'completed',
          actions: ['clearError', { type: 'recordSettled', params: ({ event }) => event }]
        },
        'attempt.failed': [
          {
            guard: { type: 'isCurrentAndCanRetry', params: ({ event }) => event },
            target: 'backingOff',
            actions: [
              { type: 'recordFailure', params: ({ event }) => event },
              { type: 'scheduleRetry', params: ({ event }) => event }
            ]
          },
          {
            guard: { type: 'isCurrent', params: ({ event }) => event },
            target: 'failed',
            actions: [
              { type: 'recordFailure', params: ({ event }) => event },
              { type: 'recordSettled', params: ({ event }) => event }
            ]
          }
        ],
        'attempt.timedOut': [
          {
            guard: { type: 'isCurrentAndCanRetry', params: ({ event }) => event },
            target: 'backingOff',
            actions: [
              { type: 'recordFailure', params: ({ event }) => event },
              { type: 'scheduleRetry', params: ({ event }) => event }
            ]
          },
          {
            guard: { type: 'isCurrent', params: ({ event }) => event },
            target: 'timedOut',
            actions: [
              { type: 'recordFailure', params: ({ event }) => event },
              { type: 'recordSettled', params: ({ event }) => event }
            ]
          }
        ],
        'attempt.lost': [
          {
            description: 'Its worker or process died: queued again at once, from its own budget.',
            guard: { type: 'isCurrentAndCanRecover', params: ({ event }) => event },
            target: 'queued',
            actions: { type: 'recordRecovery', params: ({ event }) => event }
          },
          {
            description: 'It took its worker down too often: poison.',
            guard: { type: 'isCurrent', params: ({ event }) => event },
            target: 'failed',
            actions: [
              { type: 'recordPoison', params: ({ event }) => event },
              { type: 'recordSettled', params: ({ event }) => event }
            ]
          }
        ],
        'attempt.released': {
          description: 'Cut by a stop of the fleet: not charged.',
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'queued'
        },
        'task.cancel': {
          description: 'The handler is asked to stop; what it still returns is discarded.',
          target: 'cancelling',
          actions: { type: 'recordCancellation', params: ({ event }) => event }
        }
      }
    },
    backingOff: {
      description: 'Failed, and waits for its next attempt.',
      tags: ['waiting'],
      on: {
        'task.due': {
          guard: { type: 'isDue', params: ({ event }) => event },
          target: 'queued',
          actions: 'clearDueAt'
        },
        'task.cancel': {
          target: 'cancelled',
          actions: [
            { type: 'recordCancellation', params: ({ event }) => event },
            { type: 'recordSettled', params: ({ event }) => event }
          ]
        }
      }
    },
    cancelling: {
      description: 'The abort was sent; any end of the attempt is the end of the task.',
      tags: ['active'],
      on: {
        'attempt.completed': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'cancelled',
          actions: { type: 'recordSettled', params: ({ event }) => event }
        },
        'attempt.failed': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'cancelled',
          actions: { type: 'recordSettled', params: ({ event }) => event }
        },
        'attempt.lost': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'cancelled',
          actions: { type: 'recordSettled', params: ({ event }) => event }
        },
        'attempt.released': {
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'cancelled',
          actions: { type: 'recordSettled', params: ({ event }) => event }
        },
        'grace.ended': {
          description: 'The handler ignored the abort for the whole grace.',
          guard: { type: 'isCurrent', params: ({ event }) => event },
          target: 'cancelled',
          actions: { type: 'recordSettled', params: ({ event }) => event }
        }
      }
    },
    completed: { type: 'final', tags: ['settled'] },
    failed: { type: 'final', tags: ['settled'] },
    timedOut: { type: 'final', tags: ['settled'] },
    cancelled: { type: 'final', tags: ['settled'] }
  }
});

function poisonError({ error, policy }: AttemptEnd): TaskError {
  const { maxRecoveries, isIsolated } = policy;
  const remedy = isIsolated
    ? 'Mend what ends its worker, or raise maxRecoveries.'
    : 'Run it in an isolated executor, or raise maxRecoveries.';
  return {
    name: 'PoisonTaskError',
    message: `Lost its worker ${maxRecoveries + 1} times, last with "${error.message}". ${remedy}`,
    retryable: false
  };
}

/** A copy of a task's context: an object literal like that of a new one, so that all of them have one layout. */
export function copyOfTask(context: TaskContext): TaskContext {
  return {
    seq: context.seq,
    key: context.key,
    batchId: context.batchId,
    type: context.type,
    priority: context.priority,
    tags: context.tags,
    timeoutMs: context.timeoutMs,
    maxRetries: context.maxRetries,
    retryOf: context.retryOf,
    createdAt: context.createdAt,
    blockedBy: context.blockedBy,
    readyAt: context.readyAt,
    attempt: context.attempt,
    failures: context.failures,
    recoveries: context.recoveries,
    workerId: context.workerId,
    dueAt: context.dueAt,
    startedAt: context.startedAt,
    settledAt: context.settledAt,
    error: context.error
  };
}

function newContext(input: TaskInput | undefined): TaskContext {
  if (input === undefined) throw new Error('taskMachine: give it an input, or a snapshot to go on from');
  return {
    seq: input.seq,
    key: input.key,
    batchId: input.batchId,
    type: input.type,
    priority: input.priority,
    tags: input.tags,
    timeoutMs: input.timeoutMs,
    maxRetries: input.maxRetries,
    retryOf: input.retryOf,
    createdAt: input.createdAt,
    blockedBy: input.blockedBy,
    readyAt: input.readyAt,
    attempt: 0,
    failures: 0,
    recoveries: 0,
    workerId: null,
    dueAt: input.startAfter,
    startedAt: null,
    settledAt: null,
    error: null
  };
}
