import { assign, enqueueActions, fromPromise, setup } from 'xstate';
import { hostedFleetMachine, type HostedFleetReport, type HostedFleetState } from './hostedFleetMachine.ts';
import { problemOf } from './problem.ts';
import { fairShare, preferredFleets, type Spread } from './spread.ts';

export interface HostContext {
  /** Names of the fleets, in the order in which every host has them. */
  readonly fleets: readonly string[];
  /** What each of them is doing here. */
  readonly states: Readonly<Record<string, HostedFleetState>>;
  /** The place that this host holds among the others, from 1 on; `null` while it has none. */
  readonly seat: number | null;
  /** Seats of the hosts that lived at the last look, this one's among them, in rising order. */
  readonly hosts: readonly number[];
  /** Looks since the seat was taken. Integer >= 0. */
  readonly looks: number;
  /** In how many looks on end a fleet belonged to nobody; absent: it belongs to somebody. */
  readonly freeLooks: Readonly<Record<string, number>>;
  /** In how many looks on end this host ran more than its share, and the hosts were the same. */
  readonly overLooks: number;
  /** The fleet that was handed over last; `null`: none was. */
  readonly handedOver: string | null;
  /** Times that what was handed over came back, because nobody else could run it; 0 again when another host comes or goes. */
  readonly vain: number;
  /** Why the store failed when it was asked last; `null`: it did not. */
  readonly problem: string | null;
}

export interface HostInput {
  /** Each name once. At least one. */
  readonly fleets: readonly string[];
}

/** What a look at the store shows. */
export interface Sight {
  /** Seats that are taken, in rising order. */
  readonly hosts: readonly number[];
  /** Names of fleets that nobody owns. */
  readonly free: readonly string[];
}

export type HostEvent =
  // A command
  | { readonly type: 'host.leave' }
  // Facts
  | { readonly type: 'seat.lost'; readonly message: string }
  | HostedFleetReport;

/** What a host tells whoever listens. */
export type HostFact =
  | { readonly type: 'seat.taken'; readonly seat: number }
  | { readonly type: 'seat.lost'; readonly message: string }
  /** Another host has come or gone. */
  | { readonly type: 'hosts.changed'; readonly hosts: readonly number[] }
  /** The store failed; what runs goes on. Told once until a look succeeds. */
  | { readonly type: 'store.failed'; readonly message: string }
  | HostedFleetReport;

/** Looks after which a host claims for the first time: hosts that start together see each other before. */
const joiningLooks = 2;
/** Looks for which a fleet has to be free before a host takes it beyond its share: those below theirs are faster. */
const graceLooks = 10;
/** Looks for which a host has to be above its share before it hands a fleet over; four times as many each time that it was in vain. */
const patienceLooks = 3;
const mostInVain = 5;

/**
 * A process that runs its share of many fleets.
 *
 * It has a seat among the other hosts, looks at the store again and again, claims fleets that nobody owns while it is below its
 * share, and hands over one at a time while it is above. It never takes a fleet from anybody: the lease of the store decides
 * who owns one. It has no clock: what takes time is counted in looks.
 */
export const hostMachine = setup({
  types: {} as { context: HostContext; events: HostEvent; input: HostInput; emitted: HostFact },
  actors: {
    hostedFleet: hostedFleetMachine,
    /** Port. Resolves with the seat that this host holds and nobody else has. Rejects when the store fails. */
    takeSeat: fromPromise<number>(() =>
      Promise.reject(new Error('hostMachine: provide the actor `takeSeat`, which takes a lease of the host'))
    ),
    /** Port. Says who lives, and what is free. Rejects when the store cannot be read. */
    look: fromPromise<Sight>(() =>
      Promise.reject(new Error('hostMachine: provide the actor `look`, which reads who owns what'))
    ),
    /** Port. Resolves when it is time for the next look. */
    rest: fromPromise<void>(() =>
      Promise.reject(new Error('hostMachine: provide the actor `rest`, which waits between looks'))
    ),
    /** Port. Gives the seat up. */
    releaseSeat: fromPromise<void>(() =>
      Promise.reject(
        new Error('hostMachine: provide the actor `releaseSeat`, which gives up the lease of the host')
      )
    )
  },
  guards: {
    haveAllLeft: ({ context }) => context.fleets.every((fleet) => context.states[fleet] === 'left')
  },
  actions: {
    spawnFleets: enqueueActions(({ context, enqueue }) => {
      for (const fleet of context.fleets) enqueue.spawnChild('hostedFleet', { id: fleet, input: { fleet } });
    }),
    recordFleet: assign(({ context }, { fleet, state }: HostedFleetReport) => ({
      states: { ...context.states, [fleet]: state },
      ...(state === 'running' &&
        fleet === context.handedOver && { handedOver: null, vain: Math.min(context.vain + 1, mostInVain) })
    })),
    recordSeat: assign({
      seat: (_, params: { output: number }) => params.output,
      hosts: (_, params: { output: number }) => [params.output],
      looks: 0,
      overLooks: 0,
      freeLooks: {}
    }),
    clearSeat: assign({ seat: null, hosts: [] }),
    recordSight: assign(({ context }, params: { output: Sight }) => sighted(context, params.output)),
    recordProblem: assign({ problem: (_, params: { error: unknown }) => problemOf(params.error).message }),
    claimFleets: enqueueActions(({ context, enqueue }) => {
      for (const fleet of claimsOf(context)) enqueue.sendTo(fleet, { type: 'fleet.claim' });
    }),
    handOverFleet: enqueueActions(({ context, enqueue }) => {
      const fleet = surplusOf(context);
      if (fleet === null) return;
      enqueue.assign({ handedOver: fleet, overLooks: 0 });
      enqueue.sendTo(fleet, { type: 'fleet.handOver' });
    }),
    tellFleetsToLeave: enqueueActions(({ context, enqueue }) => {
      for (const fleet of context.fleets) {
        if (context.states[fleet] !== 'left') enqueue.sendTo(fleet, { type: 'fleet.leave' });
      }
    }),
    emitFleet: enqueueActions(({ enqueue }, params: HostedFleetReport) => enqueue.emit(params)),
    emitSeat: enqueueActions(({ enqueue }, params: { output: number }) =>
      enqueue.emit({ type: 'seat.taken', seat: params.output })
    ),
    emitLoss: enqueueActions(({ enqueue }, params: { message: string }) =>
      enqueue.emit({ type: 'seat.lost', message: params.message })
    ),
    /** Before what was seen is recorded. */
    emitHosts: enqueueActions(({ context, enqueue }, params: { output: Sight }) => {
      const hosts = seatsOf(context, params.output);
      if (!isSame(hosts, context.hosts)) enqueue.emit({ type: 'hosts.changed', hosts });
    }),
    /** Before the problem is recorded. */
    emitProblem: enqueueActions(({ context, enqueue }, params: { error: unknown }) => {
      if (context.problem !== null) return;
      enqueue.emit({ type: 'store.failed', message: problemOf(params.error).message });
    })
  }
}).createMachine({
  id: 'host',
  description: 'A process that runs its share of many fleets.',
  context: ({ input }) => ({
    fleets: input.fleets,
    states: {},
    seat: null,
    hosts: [],
    looks: 0,
    freeLooks: {},
    overLooks: 0,
    handedOver: null,
    vain: 0,
    problem: null
  }),
  entry: 'spawnFleets',
  initial: 'joining',
  on: {
    'fleet.changed': {
      actions: [
        { type: 'recordFleet', params: ({ event }) => event },
        { type: 'emitFleet', params: ({ event }) => event }
      ]
    }
  },
  states: {
    joining: {
      description: 'Takes a seat, so that the others count this host. What runs goes on.',
      initial: 'taking',
      on: { 'host.leave': 'leaving' },
      states: {
        taking: {
          description: 'Asks for the first seat that is free.',
          invoke: {
            id: 'takeSeat',
            src: 'takeSeat',
            onDone: {
              target: '#host.hosting',
              actions: [
                { type: 'recordSeat', params: ({ event }) => event },
                { type: 'emitSeat', params: ({ event }) => event }
              ]
            },
            onError: {
              target: 'waiting',
              actions: [
                { type: 'emitProblem', params: ({ event }) => event },
                { type: 'recordProblem', params: ({ event }) => event }
              ]
            }
          }
        },
        waiting: {
          description: 'Until the store may be asked again.',
          invoke: { id: 'wait', src: 'rest', onDone: 'taking', onError: 'taking' }
        }
      }
    },
    hosting: {
      description: 'Runs its share.',
      initial: 'looking',
      on: {
        'host.leave': 'leaving',
        'seat.lost': {
          description: 'It was paused or cut off: the others take it for dead.',
          target: 'joining',
          actions: ['clearSeat', { type: 'emitLoss', params: ({ event }) => event }]
        }
      },
      states: {
        looking: {
          description: 'Reads who lives, and what nobody owns.',
          invoke: {
            id: 'look',
            src: 'look',
            onDone: {
              target: 'resting',
              actions: [
                { type: 'emitHosts', params: ({ event }) => event },
                { type: 'recordSight', params: ({ event }) => event },
                'claimFleets',
                'handOverFleet'
              ]
            },
            onError: {
              target: 'resting',
              actions: [
                { type: 'emitProblem', params: ({ event }) => event },
                { type: 'recordProblem', params: ({ event }) => event }
              ]
            }
          }
        },
        resting: {
          description: 'Until the next look.',
          invoke: { id: 'rest', src: 'rest', onDone: 'looking', onError: 'looking' }
        }
      }
    },
    leaving: {
      description: 'Hands over all that it runs. It keeps its seat, and claims nothing.',
      entry: 'tellFleetsToLeave',
      always: { guard: 'haveAllLeft', target: 'releasing' }
    },
    releasing: {
      description: 'Nothing runs here any more: the seat is given up.',
      invoke: { id: 'releaseSeat', src: 'releaseSeat', onDone: 'left', onError: 'left' }
    },
    left: { description: 'The others share what it ran.', type: 'final' }
  }
});

/** What a look changes. */
function sighted(context: HostContext, sight: Sight): Partial<HostContext> {
  const hosts = seatsOf(context, sight);
  const hasChanged = !isSame(hosts, context.hosts);
  const freeLooks: Record<string, number> = {};
  for (const fleet of sight.free) freeLooks[fleet] = (context.freeLooks[fleet] ?? 0) + 1;
  const isOver = runningHere(context).length > fairShare({ ...context, hosts, seat: context.seat! });
  return {
    hosts,
    freeLooks,
    looks: context.looks + 1,
    overLooks: isOver && !hasChanged ? context.overLooks + 1 : 0,
    problem: null,
    ...(hasChanged && { vain: 0 })
  };
}

/** The fleets to ask for: those that nobody owns, up to the share of this host, and one that nobody else has taken for long. */
function claimsOf(context: HostContext): readonly string[] {
  if (context.looks < joiningLooks) return [];
  const spread = spreadOf(context);
  const free = preferredFleets(spread).filter(
    (fleet) => context.states[fleet] === 'standby' && (context.freeLooks[fleet] ?? 0) > 0
  );
  const room = fairShare(spread) - runningHere(context).length;
  if (room > 0) return free.slice(0, room);
  return free.filter((fleet) => context.freeLooks[fleet]! >= graceLooks).slice(0, 1);
}

/** The fleet to hand over now; `null`: none. One at a time, and not before everything here has come to rest. */
function surplusOf(context: HostContext): string | null {
  if (context.overLooks < patienceLooks * 4 ** context.vain) return null;
  const isMoving = context.fleets.some((fleet) =>
    ['starting', 'handingOver', 'ending'].includes(context.states[fleet]!)
  );
  if (isMoving) return null;
  return preferredFleets(spreadOf(context)).findLast((fleet) => context.states[fleet] === 'running') ?? null;
}

function spreadOf({ fleets, hosts, seat }: HostContext): Spread {
  return { fleets, hosts, seat: seat! };
}

function runningHere({ fleets, states }: HostContext): readonly string[] {
  return fleets.filter((fleet) => states[fleet] === 'running' || states[fleet] === 'starting');
}

/** The seats that are taken, this host's among them, whatever the store shows of that. */
function seatsOf({ seat }: HostContext, { hosts }: Sight): readonly number[] {
  return [...new Set([...hosts, seat!])].sort((left, right) => left - right);
}

function isSame(left: readonly number[], right: readonly number[]): boolean {
  return left.length === right.length && left.every((seat, index) => seat === right[index]);
}
