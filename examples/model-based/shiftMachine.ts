import { assign, sendTo, setup } from 'xstate';
import { workerMachine, type WorkerReport } from 'xstate-fleet/machines';

type ShiftEvent = { readonly type: 'shift.begin' } | { readonly type: 'shift.end' } | WorkerReport;

interface ShiftContext {
  /** Times that the press broke since the shift began. */
  readonly breakdowns: number;
}

/** The library's worker with a rule of its own: a press is replaced as soon as something failed in it. */
export const pressMachine = workerMachine.provide({
  guards: { isSpent: (_, work) => work.failed > 0 }
});

/** A shift at one press. It hears what any worker tells the machine above it, and gives up when repairs do not help. */
export const shiftMachine = setup({
  types: {} as { context: ShiftContext; events: ShiftEvent; children: { press: 'press' } },
  actors: { press: pressMachine },
  delays: { repair: 10 * 60_000, hours: 8 * 3_600_000 },
  guards: { isHopeless: ({ context }) => context.breakdowns >= 2 },
  actions: {
    recordBreakdown: assign({ breakdowns: ({ context }) => context.breakdowns + 1 }),
    clearBreakdowns: assign({ breakdowns: 0 }),
    startPress: sendTo('press', { type: 'worker.start' })
  }
}).createMachine({
  id: 'shift',
  context: { breakdowns: 0 },
  initial: 'closed',
  states: {
    closed: { on: { 'shift.begin': { target: 'open', actions: 'clearBreakdowns' } } },
    open: {
      invoke: {
        id: 'press',
        src: 'press',
        input: { slot: 'press', concurrency: 1, tasksPerWorker: null, tags: [], restored: null }
      },
      initial: 'printing',
      after: { hours: 'closed' },
      on: { 'shift.end': 'closed' },
      states: {
        printing: {
          on: {
            'worker.broken': [
              { guard: 'isHopeless', target: '#shift.abandoned' },
              { target: 'repairing', actions: 'recordBreakdown' }
            ]
          }
        },
        repairing: { after: { repair: { target: 'printing', actions: 'startPress' } } }
      }
    },
    abandoned: { type: 'final' }
  }
});
