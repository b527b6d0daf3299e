import { assign, setup } from 'xstate';
import type { ScheduleKind, ScheduleRun, ScheduleSpec } from './schedule.ts';

/** Persisted as the schedule's row, so plain JSON only. What it starts is kept beside it. */
export interface ScheduleContext {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly kind: ScheduleKind;
  /** How many tasks each firing submits. */
  readonly tasks: number;
  /** Characters of what it starts, as JSON text. */
  readonly size: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The next time that it fires, epoch ms; `null`: none, or it is paused. */
  readonly dueAt: number | null;
  /** Firings that submitted something. */
  readonly runs: number;
  /** Times that were due and submitted nothing. Those that pass while it is paused are not counted. */
  readonly skipped: number;
  readonly lastRun: ScheduleRun | null;
}

export interface ScheduleInput {
  readonly id: string;
  readonly spec: ScheduleSpec;
  readonly kind: ScheduleKind;
  readonly tasks: number;
  readonly size: number;
  readonly createdAt: number;
  readonly dueAt: number | null;
}

/** What an update brings besides the spec. */
export interface ScheduleChanges {
  readonly kind: ScheduleKind;
  readonly tasks: number;
  readonly size: number;
  readonly at: number;
}

export type ScheduleEvent =
  // Commands, asked of the schedule
  | {
      readonly type: 'schedule.update';
      readonly spec: ScheduleSpec;
      readonly kind: ScheduleKind;
      readonly tasks: number;
      readonly size: number;
      readonly dueAt: number | null;
      readonly at: number;
    }
  | { readonly type: 'schedule.pause' }
  | { readonly type: 'schedule.resume'; readonly dueAt: number | null }
  // Facts, told to the schedule. `dueAt`: the time after those that passed; `null`: there is none.
  | { readonly type: 'time.fired'; readonly run: ScheduleRun; readonly dueAt: number | null }
  | { readonly type: 'time.skipped'; readonly count: number; readonly dueAt: number | null };

/**
 * The life of one schedule.
 *
 * A lifecycle, stepped as a row. It knows no calendar: who steps it says when it is due next. That and what came of
 * the time before are one step, so no time fires twice and none is lost.
 */
export const scheduleMachine = /* @__PURE__ */ setup({
  types: {} as { context: ScheduleContext; events: ScheduleEvent; input: ScheduleInput },
  guards: {
    isOver: ({ context }) => context.dueAt === null || hasRunOut(context)
  },
  actions: {
    recordSpec: assign({
      spec: (_, params: { spec: ScheduleSpec }) => params.spec
    }),
    recordTemplate: assign({
      kind: (_, params: ScheduleChanges) => params.kind,
      tasks: (_, params: ScheduleChanges) => params.tasks,
      size: (_, params: ScheduleChanges) => params.size,
      updatedAt: (_, params: ScheduleChanges) => params.at
    }),
    recordRun: assign({
      runs: ({ context }) => context.runs + 1,
      lastRun: (_, params: { run: ScheduleRun }) => params.run
    }),
    recordSkips: assign({
      skipped: ({ context }, params: { count: number }) => context.skipped + params.count
    }),
    recordDue: assign({
      dueAt: (_, params: { dueAt: number | null }) => params.dueAt
    }),
    clearDue: assign({ dueAt: null })
  }
}).createMachine({
  id: 'schedule',
  description: 'One schedule: what it submits, again and again, and when.',
  context: ({ input }) => ({
    id: input.id,
    spec: input.spec,
    kind: input.kind,
    tasks: input.tasks,
    size: input.size,
    createdAt: input.createdAt,
    updatedAt: input.createdAt,
    dueAt: input.dueAt,
    runs: 0,
    skipped: 0,
    lastRun: null
  }),
  initial: 'active',
  states: {
    active: {
      description: 'It waits for its next time.',
      tags: ['open'],
      always: { guard: 'isOver', target: 'ended', actions: 'clearDue' },
      on: {
        'time.fired': {
          actions: [
            { type: 'recordRun', params: ({ event }) => event },
            { type: 'recordDue', params: ({ event }) => event }
          ]
        },
        'time.skipped': {
          actions: [
            { type: 'recordSkips', params: ({ event }) => event },
            { type: 'recordDue', params: ({ event }) => event }
          ]
        },
        'schedule.update': {
          actions: [
            { type: 'recordSpec', params: ({ event }) => event },
            { type: 'recordTemplate', params: ({ event }) => event },
            { type: 'recordDue', params: ({ event }) => event }
          ]
        },
        'schedule.pause': { target: 'paused', actions: 'clearDue' }
      }
    },
    paused: {
      description: 'Its times pass, and nothing comes of them.',
      tags: ['open'],
      on: {
        'schedule.update': {
          description: 'It stays paused.',
          actions: [
            { type: 'recordSpec', params: ({ event }) => event },
            { type: 'recordTemplate', params: ({ event }) => event }
          ]
        },
        'schedule.resume': { target: 'active', actions: { type: 'recordDue', params: ({ event }) => event } }
      }
    },
    ended: {
      type: 'final',
      description: 'It has no time left. Under its id another one may begin.'
    }
  }
});

function hasRunOut({ runs, spec: { maxRuns } }: ScheduleContext): boolean {
  return maxRuns !== null && runs >= maxRuns;
}
