import { assign, enqueueActions, fromPromise, setup } from 'xstate';
import { problemOf } from './problem.ts';

export interface HostedFleetContext {
  /** Its name. */
  readonly fleet: string;
  /** Starts that failed since the last one that did not. Integer >= 0. */
  readonly failures: number;
  /** Why it does not run here; `null` unless it has failed, or was lost. */
  readonly problem: string | null;
}

export interface HostedFleetInput {
  readonly fleet: string;
}

export type HostedFleetEvent =
  // Commands, asked by the host
  | { readonly type: 'fleet.claim' }
  | { readonly type: 'fleet.handOver' }
  | { readonly type: 'fleet.leave' }
  // A fact, told by the fleet
  | { readonly type: 'ownership.lost'; readonly message: string };

/** What a fleet is doing on one host. */
export type HostedFleetState =
  'standby' | 'starting' | 'running' | 'handingOver' | 'ending' | 'failed' | 'leaving' | 'left';

/** What a fleet tells the host that spawned it, at the entry of each state. */
export interface HostedFleetReport {
  readonly type: 'fleet.changed';
  readonly fleet: string;
  readonly state: HostedFleetState;
  readonly problem: string | null;
}

/**
 * One fleet of many, as one host sees it: it stands by until the host claims it, runs, and is handed over when another host is
 * to have it.
 *
 * It never decides where the fleet runs: the store's lease does, and the host which of them it asks for. It waits for no
 * lease, and reads no clock.
 */
export const hostedFleetMachine = setup({
  types: {} as { context: HostedFleetContext; events: HostedFleetEvent; input: HostedFleetInput },
  actors: {
    /** Port. Takes the lease and resolves when the fleet runs. Rejects, with nothing left behind, when it does not. */
    startFleet: fromPromise<void, HostedFleetInput>(() =>
      Promise.reject(
        new Error('hostedFleetMachine: provide the actor `startFleet`, which runs the fleet here')
      )
    ),
    /** Port. Resolves when nothing of the fleet is left here, in a time that is bounded. */
    stopFleet: fromPromise<void, HostedFleetInput & { readonly graceful: boolean }>(() =>
      Promise.reject(
        new Error('hostedFleetMachine: provide the actor `stopFleet`, which ends the fleet here')
      )
    ),
    /** Port. Resolves when a start that failed may be tried again. */
    awaitRetry: fromPromise<void, { readonly failures: number }>(() =>
      Promise.reject(new Error('hostedFleetMachine: provide the actor `awaitRetry`, which waits'))
    )
  },
  guards: {
    isOwnedElsewhere: (_, params: { error: unknown }) =>
      ['ERR_LOCKED', 'ERR_FENCED'].includes(problemOf(params.error).code)
  },
  actions: {
    recordFailure: assign({
      failures: ({ context }) => context.failures + 1,
      problem: (_, params: { error: unknown }) => problemOf(params.error).message
    }),
    recordLoss: assign({ problem: (_, params: { message: string }) => params.message }),
    clearProblem: assign({ failures: 0, problem: null }),
    report: enqueueActions(({ context, self, enqueue }, params: Pick<HostedFleetReport, 'state'>) => {
      // `_parent` is undefined for one that was started alone: there is no host to tell.
      if (self._parent) {
        const { fleet, problem } = context;
        enqueue.sendTo(self._parent, {
          type: 'fleet.changed',
          fleet,
          problem,
          ...params
        } satisfies HostedFleetReport);
      }
    })
  }
}).createMachine({
  id: 'hostedFleet',
  description: 'One fleet of many, as one host sees it.',
  context: ({ input }) => ({ fleet: input.fleet, failures: 0, problem: null }),
  initial: 'standby',
  states: {
    standby: {
      description: 'Another host has it, or is to have it.',
      entry: { type: 'report', params: { state: 'standby' } },
      on: { 'fleet.claim': 'starting', 'fleet.leave': 'left' }
    },
    starting: {
      description: 'Takes the lease and recovers.',
      entry: { type: 'report', params: { state: 'starting' } },
      invoke: {
        id: 'startFleet',
        src: 'startFleet',
        input: ({ context }) => context,
        onDone: { target: 'running', actions: 'clearProblem' },
        onError: [
          {
            description: 'Another host was faster.',
            guard: { type: 'isOwnedElsewhere', params: ({ event }) => event },
            target: 'standby'
          },
          { target: 'failed', actions: { type: 'recordFailure', params: ({ event }) => event } }
        ]
      },
      on: { 'fleet.leave': 'leaving' }
    },
    running: {
      description: 'This host owns it.',
      entry: { type: 'report', params: { state: 'running' } },
      on: {
        'fleet.handOver': 'handingOver',
        'fleet.leave': 'leaving',
        'ownership.lost': {
          target: 'ending',
          actions: { type: 'recordLoss', params: ({ event }) => event }
        }
      }
    },
    handingOver: {
      description: 'Another host is to have it: what runs may finish, then the lease is given up.',
      entry: { type: 'report', params: { state: 'handingOver' } },
      invoke: {
        id: 'handOverFleet',
        src: 'stopFleet',
        input: ({ context }) => ({ ...context, graceful: true }),
        onDone: 'standby',
        onError: 'standby'
      },
      on: { 'fleet.leave': 'leaving' }
    },
    ending: {
      description: 'Another host has it already: what is left of it here is cleared.',
      entry: { type: 'report', params: { state: 'ending' } },
      exit: 'clearProblem',
      invoke: {
        id: 'endFleet',
        src: 'stopFleet',
        input: ({ context }) => ({ ...context, graceful: false }),
        onDone: 'standby',
        onError: 'standby'
      },
      on: { 'fleet.leave': 'leaving' }
    },
    failed: {
      description:
        'It could not be started here, and is tried again later; another host may have it meanwhile.',
      entry: { type: 'report', params: { state: 'failed' } },
      invoke: {
        id: 'awaitRetry',
        src: 'awaitRetry',
        input: ({ context }) => context,
        onDone: 'standby',
        onError: 'standby'
      },
      on: { 'fleet.leave': 'left' }
    },
    leaving: {
      description: 'The host leaves: what runs may finish, then the lease is given up.',
      entry: { type: 'report', params: { state: 'leaving' } },
      invoke: {
        id: 'leaveFleet',
        src: 'stopFleet',
        input: ({ context }) => ({ ...context, graceful: true }),
        onDone: 'left',
        onError: 'left'
      }
    },
    left: {
      description: 'Nothing of it is left here.',
      type: 'final',
      entry: { type: 'report', params: { state: 'left' } }
    }
  }
});
