import { assign, setup } from 'xstate';
import { activeTasks, noTaskCounts, settledTasks, type TaskCounts } from './batch.ts';
import type { Json } from './task.ts';

/** Persisted as the batch's row, so plain JSON only. */
export interface BatchContext {
  readonly id: string;
  /** Changes with every turn that moves one of the batch's tasks. */
  readonly counts: TaskCounts;
  /** First and last `seq` of its tasks, 0 and 0 while it has none: the range to look for them in. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly totalTasks: number;
  readonly metadata: Json;
  /** W3C `traceparent` of what submitted it; absent: it is not traced. */
  readonly traceparent?: string;
  readonly createdAt: number;
  /** When its first task was started; `null` before. */
  readonly startedAt: number | null;
  readonly settledAt: number | null;
}

export interface BatchInput {
  readonly id: string;
  readonly metadata: Json;
  readonly traceparent?: string | undefined;
  readonly createdAt: number;
}

export type BatchEvent =
  // Commands, asked of the batch
  | { readonly type: 'batch.seal'; readonly at: number }
  | { readonly type: 'batch.pause' }
  | { readonly type: 'batch.resume' }
  | { readonly type: 'batch.cancel'; readonly at: number }
  // Facts, told to the batch
  | {
      readonly type: 'tasks.added';
      readonly count: number;
      readonly firstSeq: number;
      readonly lastSeq: number;
    }
  | { readonly type: 'tasks.counted'; readonly counts: TaskCounts; readonly at: number };

/**
 * The life of one batch, from its first task to the settlement of its last.
 *
 * A lifecycle, stepped as a row like the task's. It hears of its tasks once per turn, as counts; it never
 * looks at a task. Cancelling is one event whatever the size of the batch: from then on no task of it is
 * claimed, and the turns settle them in slices.
 */
export const batchMachine = /* @__PURE__ */ setup({
  types: {} as { context: BatchContext; events: BatchEvent; input: BatchInput },
  guards: {
    hasStarted: ({ context }) => context.startedAt !== null,
    hasSettled: ({ context }) => isSettled(context),
    hasCompleted: ({ context }) => isSettled(context) && context.counts.completed === context.totalTasks,
    hasFailed: ({ context }) => isSettled(context) && context.counts.completed === 0
  },
  actions: {
    recordTasks: assign({
      totalTasks: ({ context }, params: { count: number }) => context.totalTasks + params.count
    }),
    recordRange: assign({
      firstSeq: ({ context }, params: { firstSeq: number; lastSeq: number }) =>
        context.firstSeq === 0 ? params.firstSeq : context.firstSeq,
      lastSeq: (_, params: { firstSeq: number; lastSeq: number }) => params.lastSeq
    }),
    recordCounts: assign({
      counts: (_, params: { counts: TaskCounts; at: number }) => params.counts,
      startedAt: ({ context }, params: { counts: TaskCounts; at: number }) =>
        context.startedAt ?? (hasBegun(params.counts) ? params.at : null)
    }),
    recordSettlement: assign({
      settledAt: ({ context }, params: { at: number }) =>
        settledTasks(context.counts) === context.totalTasks ? params.at : null
    })
  }
}).createMachine({
  id: 'batch',
  description: 'One batch of tasks, from acceptance to settlement.',
  context: ({ input }) => ({
    id: input.id,
    counts: noTaskCounts,
    firstSeq: 0,
    lastSeq: 0,
    totalTasks: 0,
    metadata: input.metadata,
    ...(input.traceparent !== undefined && { traceparent: input.traceparent }),
    createdAt: input.createdAt,
    startedAt: null,
    settledAt: null
  }),
  initial: 'accepting',
  states: {
    accepting: {
      description: 'Its tasks arrive and may already run. It cannot settle; submitting again continues it.',
      tags: ['open'],
      on: {
        'tasks.added': {
          actions: [
            { type: 'recordTasks', params: ({ event }) => event },
            { type: 'recordRange', params: ({ event }) => event }
          ]
        },
        'tasks.counted': { actions: { type: 'recordCounts', params: ({ event }) => event } },
        'batch.seal': {
          description: 'All its tasks are there.',
          target: 'pending',
          actions: { type: 'recordSettlement', params: ({ event }) => event }
        },
        'batch.cancel': {
          target: 'cancelling',
          actions: { type: 'recordSettlement', params: ({ event }) => event }
        }
      }
    },
    pending: {
      description: 'Sealed, and none of its tasks was started yet. An empty batch passes straight through.',
      tags: ['open'],
      always: [
        { guard: 'hasCompleted', target: 'completed' },
        { guard: 'hasFailed', target: 'failed' },
        { guard: 'hasSettled', target: 'partial' },
        { guard: 'hasStarted', target: 'processing' }
      ],
      on: {
        'tasks.counted': {
          actions: [
            { type: 'recordCounts', params: ({ event }) => event },
            { type: 'recordSettlement', params: ({ event }) => event }
          ]
        },
        'batch.pause': 'paused',
        'batch.cancel': 'cancelling'
      }
    },
    processing: {
      description: 'At least one of its tasks was started.',
      tags: ['open'],
      always: [
        { guard: 'hasCompleted', target: 'completed' },
        { guard: 'hasFailed', target: 'failed' },
        { guard: 'hasSettled', target: 'partial' }
      ],
      on: {
        'tasks.counted': {
          actions: [
            { type: 'recordCounts', params: ({ event }) => event },
            { type: 'recordSettlement', params: ({ event }) => event }
          ]
        },
        'batch.pause': 'paused',
        'batch.cancel': 'cancelling'
      }
    },
    paused: {
      description: 'None of its tasks is claimed. Those that run go on, and may be the last to settle.',
      tags: ['open'],
      always: [
        { guard: 'hasCompleted', target: 'completed' },
        { guard: 'hasFailed', target: 'failed' },
        { guard: 'hasSettled', target: 'partial' }
      ],
      on: {
        'tasks.counted': {
          actions: [
            { type: 'recordCounts', params: ({ event }) => event },
            { type: 'recordSettlement', params: ({ event }) => event }
          ]
        },
        'batch.resume': 'pending',
        'batch.cancel': 'cancelling'
      }
    },
    cancelling: {
      description: 'None of its tasks is claimed any more; they are settled in slices.',
      tags: ['open'],
      always: { guard: 'hasSettled', target: 'cancelled' },
      on: {
        'tasks.counted': {
          actions: [
            { type: 'recordCounts', params: ({ event }) => event },
            { type: 'recordSettlement', params: ({ event }) => event }
          ]
        }
      }
    },
    completed: { type: 'final', tags: ['settled'], description: 'Every task completed.' },
    failed: { type: 'final', tags: ['settled'], description: 'No task completed.' },
    partial: { type: 'final', tags: ['settled'], description: 'Some tasks completed.' },
    cancelled: { type: 'final', tags: ['settled'], description: 'Cancelled, whatever had completed before.' }
  }
});

/** `settledAt` is recorded with the count that settles the last task, and never while more may come. */
function isSettled(context: BatchContext): boolean {
  return context.settledAt !== null;
}

function hasBegun(counts: TaskCounts): boolean {
  return activeTasks(counts) + counts.backingOff + counts.completed + counts.failed + counts.timedOut > 0;
}
