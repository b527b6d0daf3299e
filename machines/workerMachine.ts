import { assign, enqueueActions, fromPromise, setup } from 'xstate';
import { problemOf } from './problem.ts';
import { noTags, unionOfTags } from './tags.ts';

/** Persisted as the worker's snapshot, so plain JSON only. What it holds is no part of it: the running rows say that. */
export interface WorkerContext {
  /** Name of the place in the fleet, `worker-1` …: it stays when the worker is replaced. */
  readonly slot: string;
  /** Which worker of the slot this is. Integer >= 1. */
  readonly incarnation: number;
  /** Tasks at once. Integer >= 1. */
  readonly concurrency: number;
  /** Tasks that one incarnation takes before it is replaced; `null`: no limit. */
  readonly tasksPerWorker: number | null;
  /** What the config says that the slot offers, and what this incarnation brought with it. */
  readonly slotTags: readonly string[];
  readonly ownTags: readonly string[];
  /** When this incarnation was ready, epoch ms; `null` before. */
  readonly spawnedAt: number | null;
  /** Attempts of this slot that completed, and that failed or timed out, up to when it was last idle. */
  readonly completed: number;
  readonly failed: number;
  /** The process elsewhere that has come to fill the place; `null`: the fleet makes its worker, or the place is empty. */
  readonly joined: JoinedProcess | null;
  /** Why the worker could not be made, died while it was idle, or takes nothing; `null` unless it is in `error`, or is about to be. */
  readonly problem: string | null;
}

/** What a worker that has come by itself is known by, and what it can do. */
export interface JoinedProcess {
  readonly workerId: string;
  /** Task types that it has handlers for. */
  readonly types: readonly string[];
  /** Attempts that it is given beyond those that it runs at once, and that wait in it. Integer >= 0. */
  readonly prefetch: number;
}

/** What a process elsewhere says of itself when it comes, and when something of that changes. */
export interface Joining {
  readonly workerId: string;
  /** Attempts at once. Integer >= 1. */
  readonly concurrency: number;
  /** Attempts that it is given beyond those. Integer >= 0. */
  readonly prefetch: number;
  readonly tags: readonly string[];
  readonly types: readonly string[];
  /** Why it is given nothing; `null`: it takes tasks. */
  readonly problem: string | null;
}

export interface WorkerInput {
  readonly slot: string;
  readonly concurrency: number;
  readonly tasksPerWorker: number | null;
  /** What the slot offers by config. */
  readonly tags: readonly string[];
  /** Context of the slot's last snapshot, from which it goes on as the next incarnation; `null`: a new slot. */
  readonly restored: WorkerContext | null;
  /** The process that has come to fill the place; absent: the fleet makes its worker. */
  readonly joining?: Joining;
}

export type WorkerEvent =
  // Commands, asked of the worker
  | { readonly type: 'worker.start' }
  | { readonly type: 'worker.drain' }
  | { readonly type: 'worker.retire' }
  | {
      readonly type: 'worker.configure';
      readonly concurrency: number;
      readonly tasksPerWorker: number | null;
      readonly tags: readonly string[];
    }
  // Facts, told to the worker
  /** A process elsewhere has come to fill the place, or says something else of itself. `isBusy`: it holds an attempt. */
  | { readonly type: 'worker.joined'; readonly joining: Joining; readonly isBusy: boolean }
  | { readonly type: 'attempts.begun' }
  /**
   * `successor`: the worker that follows if this was the last task of this one, where nothing has to be cleaned up or made.
   * Whoever offers it sees by the incarnation whether it was taken: it is not reported.
   */
  | ({ readonly type: 'attempts.ended'; readonly successor?: WorkerSpawn } & WorkDone)
  /** It has not answered for two heartbeats. */
  | { readonly type: 'heartbeat.missed' }
  /** It has answered after all. `isBusy`: it holds an attempt. */
  | { readonly type: 'heartbeat.heard'; readonly isBusy: boolean }
  /** Its thread or process ended, or has not answered for too long. What it held is rescued. */
  | ({ readonly type: 'worker.died'; readonly problem: string } & WorkDone);

/** What the worker did while it was busy. */
export interface WorkDone {
  /** Tasks that this incarnation has taken in all. */
  readonly taken: number;
  /** Attempts that completed, and that failed or timed out, since it was last idle. */
  readonly completed: number;
  readonly failed: number;
}

/** What a worker tells the fleet that spawned it. */
export interface WorkerReport {
  /**
   * `ready`: a worker was made. `offering`: it takes tasks, under these limits. `unresponsive`: it takes none until
   * it offers room again. `unfit`: it is there, and takes none. `lost`: it died.
   */
  readonly type:
    | 'worker.ready'
    | 'worker.offering'
    | 'worker.withdrawn'
    | 'worker.unresponsive'
    | 'worker.unfit'
    | 'worker.lost'
    | 'worker.stopped'
    | 'worker.broken';
  readonly slot: string;
  readonly workerId: string;
  readonly concurrency: number;
  /** Tasks that it is given beyond those that it runs at once; 0 for a worker of the fleet's own. */
  readonly prefetch: number;
  /** Tasks that it takes in all; `null`: no limit. */
  readonly tasksPerWorker: number | null;
  /** What it offers in all: it takes tasks whose tags are all among these. */
  readonly tags: readonly string[];
  /** Task types that it has handlers for; `null`: all that the fleet has. */
  readonly types: readonly string[] | null;
  /** When it was ready, epoch ms; `null` before. */
  readonly spawnedAt: number | null;
  /** Why it could not be made, died, or takes nothing; `null` unless broken, lost or unfit. */
  readonly problem: string | null;
}

/** What a worker was made with. */
export interface WorkerSpawn {
  /** When it was ready, epoch ms. */
  readonly at: number;
  /** What it offers besides what its slot does: sorted, each once. */
  readonly tags: readonly string[];
}

type Ended = Extract<WorkerEvent, { readonly type: 'attempts.ended' }>;
type Died = Extract<WorkerEvent, { readonly type: 'worker.died' }>;
type Limits = Pick<WorkerReport, 'concurrency' | 'tasksPerWorker' | 'tags'>;

/** What a worker offers: the tags of its slot and its own. */
export function offeredTags({ slotTags, ownTags }: WorkerContext): readonly string[] {
  return unionOfTags(slotTags, ownTags);
}

/** The id that tasks and results carry: a replaced worker is another worker, and one that came by itself brought its own. */
export function workerIdOf(worker: Pick<WorkerContext, 'slot' | 'incarnation' | 'joined'>): string {
  if (worker.joined !== null) return worker.joined.workerId;
  return worker.incarnation === 1 ? worker.slot : `${worker.slot}.${worker.incarnation}`;
}

/** What a worker says of itself. */
export function reportOf(context: WorkerContext, type: WorkerReport['type']): WorkerReport {
  return {
    type,
    slot: context.slot,
    workerId: workerIdOf(context),
    concurrency: context.concurrency,
    prefetch: context.joined?.prefetch ?? 0,
    tasksPerWorker: context.tasksPerWorker,
    tags: offeredTags(context),
    types: context.joined?.types ?? null,
    spawnedAt: context.spawnedAt,
    problem: context.problem
  };
}

/**
 * A place in the fleet and the worker that fills it.
 *
 * The actor lives as long as the fleet; the worker in it is made, used, drained, replaced. It never runs a
 * handler (the executor does) and never decides which task comes next (the turn does): it offers room, and is
 * told when it becomes busy and when it is idle again. A stopped worker is parked, not destroyed, because stopping an actor costs
 * its parent a copy of all its children.
 *
 * A process elsewhere fills a place when it joins and leaves it empty when it is gone: it is neither made nor replaced, and
 * the place is the next one's.
 */
export const workerMachine = /* @__PURE__ */ setup({
  types: {} as { context: WorkerContext; events: WorkerEvent; input: WorkerInput },
  actors: {
    /** Port. Resolves with the time, epoch ms, and the worker's own tags, when it can take tasks. Provided by `src/createFleet.ts` from the executor. */
    startWorker: fromPromise<WorkerSpawn, { workerId: string }>(() =>
      Promise.reject(new Error('workerMachine: provide the actor `startWorker`, which makes a worker ready'))
    ),
    /** Port. Resolves when nothing of the worker is left. Never waits for a handler that hangs. */
    stopWorker: fromPromise<void, { workerId: string }>(() =>
      Promise.reject(new Error('workerMachine: provide the actor `stopWorker`, which cleans a worker up'))
    )
  },
  guards: {
    isSpent: ({ context }, params: WorkDone) => isSpent(context, params),
    isSucceeded: ({ context }, params: Ended) => params.successor !== undefined && isSpent(context, params),
    isBusy: (_, params: { isBusy: boolean }) => params.isBusy,
    hasJoined: ({ context }) => context.joined !== null,
    hasProblem: ({ context }) => context.problem !== null,
    isUnfit: (_, params: { joining: Joining }) => params.joining.problem !== null,
    isFitAndBusy: (_, params: { joining: Joining; isBusy: boolean }) =>
      params.joining.problem === null && params.isBusy
  },
  actions: {
    recordWork: assign({
      completed: ({ context }, params: WorkDone) => context.completed + params.completed,
      failed: ({ context }, params: WorkDone) => context.failed + params.failed
    }),
    recordLimits: assign({
      concurrency: (_, params: Limits) => params.concurrency,
      tasksPerWorker: (_, params: Limits) => params.tasksPerWorker,
      slotTags: (_, params: Limits) => params.tags
    }),
    recordSuccessor: assign({
      incarnation: ({ context }) => context.incarnation + 1,
      ownTags: noTags,
      spawnedAt: null,
      joined: null
    }),
    recordJoining: assign((_, params: { joining: Joining }) => joinedContext(params.joining)),
    recordSpawn: assign({
      spawnedAt: (_, params: WorkerSpawn) => params.at,
      ownTags: (_, params: WorkerSpawn) => params.tags
    }),
    /** `recordWork`, `recordSuccessor` and `recordSpawn` in one: each costs XState a copy of the snapshot, and there is one succession for each task. */
    recordSuccession: assign(({ context }, params: Ended) => ({
      completed: context.completed + params.completed,
      failed: context.failed + params.failed,
      incarnation: context.incarnation + 1,
      ownTags: params.successor!.tags,
      spawnedAt: params.successor!.at
    })),
    recordProblem: assign({ problem: (_, params: { error: unknown }) => problemOf(params.error).message }),
    clearProblem: assign({ problem: null }),
    report: enqueueActions(
      ({ context, self, enqueue }, params: Pick<WorkerReport, 'type'> & { problem?: string }) => {
        // `_parent` is undefined for a worker that was started alone: there is no fleet to tell.
        if (self._parent) enqueue.sendTo(self._parent, { ...reportOf(context, params.type), ...params });
      }
    )
  }
}).createMachine({
  id: 'worker',
  description: 'One place in the fleet and the worker that fills it.',
  context: ({ input }) => ({
    slot: input.slot,
    incarnation: (input.restored?.incarnation ?? 0) + 1,
    concurrency: input.concurrency,
    tasksPerWorker: input.tasksPerWorker,
    slotTags: input.tags,
    ownTags: noTags,
    spawnedAt: null,
    completed: input.restored?.completed ?? 0,
    failed: input.restored?.failed ?? 0,
    joined: null,
    problem: null,
    ...(input.joining && joinedContext(input.joining))
  }),
  initial: 'spawning',
  states: {
    spawning: {
      description: 'The worker is being made.',
      tags: ['starting'],
      invoke: {
        id: 'startWorker',
        src: 'startWorker',
        input: ({ context }) => ({ workerId: workerIdOf(context) }),
        onDone: [
          {
            description: 'A process elsewhere is there, and says that it cannot take tasks.',
            guard: 'hasProblem',
            target: 'error',
            actions: { type: 'recordSpawn', params: ({ event }) => event.output }
          },
          {
            target: 'idle',
            actions: [
              { type: 'recordSpawn', params: ({ event }) => event.output },
              { type: 'report', params: { type: 'worker.ready' } }
            ]
          }
        ],
        onError: {
          target: 'error',
          actions: { type: 'recordProblem', params: ({ event }) => ({ error: event.error }) }
        }
      },
      on: {
        'worker.joined': { actions: { type: 'recordJoining', params: ({ event }) => event } },
        'worker.drain': 'stopping',
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    idle: {
      description: 'Holds nothing, and offers room.',
      tags: ['accepting'],
      on: {
        'attempts.begun': 'busy',
        'worker.joined': [
          {
            guard: { type: 'isUnfit', params: ({ event }) => event },
            target: 'error',
            actions: { type: 'recordJoining', params: ({ event }) => event }
          },
          {
            actions: [
              { type: 'recordJoining', params: ({ event }) => event },
              { type: 'report', params: { type: 'worker.offering' } }
            ]
          }
        ],
        'heartbeat.missed': {
          target: 'unresponsive',
          actions: { type: 'report', params: { type: 'worker.unresponsive' } }
        },
        'worker.died': [
          {
            description: 'Nobody but itself can bring it back.',
            guard: 'hasJoined',
            target: 'stopping',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'report', params: lossOf }
            ]
          },
          {
            description: 'No task took it down, so the next one may end as soon: made again after a pause.',
            target: 'error',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'recordProblem', params: ({ event }) => ({ error: event.problem }) }
            ]
          }
        ],
        'worker.drain': {
          target: 'stopping',
          actions: { type: 'report', params: { type: 'worker.withdrawn' } }
        },
        'worker.retire': {
          target: 'recycling',
          actions: { type: 'report', params: { type: 'worker.withdrawn' } }
        },
        'worker.configure': {
          actions: [
            { type: 'recordLimits', params: ({ event }) => event },
            { type: 'report', params: { type: 'worker.offering' } }
          ]
        }
      }
    },
    busy: {
      description: 'Holds at least one attempt, and may have room for more.',
      tags: ['accepting'],
      on: {
        'attempts.ended': [
          {
            description:
              'It has taken its last task, and the next one, which needs nothing, is there at once.',
            guard: { type: 'isSucceeded', params: ({ event }) => event },
            target: 'idle',
            actions: { type: 'recordSuccession', params: ({ event }) => event }
          },
          {
            description: 'It has taken its last task.',
            guard: { type: 'isSpent', params: ({ event }) => event },
            target: 'recycling',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'report', params: { type: 'worker.withdrawn' } }
            ]
          },
          { target: 'idle', actions: { type: 'recordWork', params: ({ event }) => event } }
        ],
        'worker.joined': [
          {
            guard: { type: 'isUnfit', params: ({ event }) => event },
            target: 'error',
            actions: { type: 'recordJoining', params: ({ event }) => event }
          },
          {
            actions: [
              { type: 'recordJoining', params: ({ event }) => event },
              { type: 'report', params: { type: 'worker.offering' } }
            ]
          }
        ],
        'heartbeat.missed': {
          target: 'unresponsive',
          actions: { type: 'report', params: { type: 'worker.unresponsive' } }
        },
        'worker.died': [
          {
            description: 'Nobody but itself can bring it back.',
            guard: 'hasJoined',
            target: 'stopping',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'report', params: lossOf }
            ]
          },
          {
            description: 'Replaced at once.',
            target: 'recycling',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'report', params: lossOf }
            ]
          }
        ],
        'worker.drain': {
          target: 'draining',
          actions: { type: 'report', params: { type: 'worker.withdrawn' } }
        },
        'worker.retire': {
          target: 'retiring',
          actions: { type: 'report', params: { type: 'worker.withdrawn' } }
        },
        'worker.configure': {
          actions: [
            { type: 'recordLimits', params: ({ event }) => event },
            { type: 'report', params: { type: 'worker.offering' } }
          ]
        }
      }
    },
    unresponsive: {
      description:
        'Has not answered for two heartbeats: takes nothing new, and is replaced if it stays silent.',
      on: {
        'heartbeat.heard': [
          {
            guard: { type: 'isBusy', params: ({ event }) => event },
            target: 'busy',
            actions: { type: 'report', params: { type: 'worker.offering' } }
          },
          { target: 'idle', actions: { type: 'report', params: { type: 'worker.offering' } } }
        ],
        'attempts.ended': {
          description: 'By their timeouts: it has said nothing.',
          actions: { type: 'recordWork', params: ({ event }) => event }
        },
        'worker.joined': [
          {
            guard: { type: 'isUnfit', params: ({ event }) => event },
            target: 'error',
            actions: { type: 'recordJoining', params: ({ event }) => event }
          },
          { actions: { type: 'recordJoining', params: ({ event }) => event } }
        ],
        'worker.died': [
          {
            description: 'Nobody but itself can bring it back.',
            guard: 'hasJoined',
            target: 'stopping',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'report', params: lossOf }
            ]
          },
          {
            target: 'recycling',
            actions: [
              { type: 'recordWork', params: ({ event }) => event },
              { type: 'report', params: lossOf }
            ]
          }
        ],
        'worker.drain': {
          description: 'One that holds nothing is told at once that its attempts have ended.',
          target: 'draining',
          actions: { type: 'report', params: { type: 'worker.withdrawn' } }
        },
        'worker.retire': {
          target: 'retiring',
          actions: { type: 'report', params: { type: 'worker.withdrawn' } }
        },
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    draining: {
      description: 'Finishes what it holds, takes nothing new, then stops.',
      on: {
        'attempts.ended': {
          target: 'stopping',
          actions: { type: 'recordWork', params: ({ event }) => event }
        },
        'worker.died': {
          target: 'stopping',
          actions: [
            { type: 'recordWork', params: ({ event }) => event },
            { type: 'report', params: lossOf }
          ]
        },
        'worker.start': {
          description: 'Wanted again before it was empty.',
          target: 'busy',
          actions: { type: 'report', params: { type: 'worker.offering' } }
        },
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    retiring: {
      description: 'Finishes what it holds, takes nothing new, then is replaced.',
      on: {
        'attempts.ended': {
          target: 'recycling',
          actions: { type: 'recordWork', params: ({ event }) => event }
        },
        'worker.died': {
          target: 'recycling',
          actions: [
            { type: 'recordWork', params: ({ event }) => event },
            { type: 'report', params: lossOf }
          ]
        },
        'worker.drain': 'draining',
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    recycling: {
      description: 'Cleans the worker up, then makes another one under a fresh id.',
      tags: ['starting'],
      invoke: {
        id: 'recycleWorker',
        src: 'stopWorker',
        input: ({ context }) => ({ workerId: workerIdOf(context) }),
        onDone: {
          target: 'spawning',
          actions: [{ type: 'report', params: { type: 'worker.stopped' } }, 'recordSuccessor']
        },
        onError: {
          target: 'spawning',
          actions: [{ type: 'report', params: { type: 'worker.stopped' } }, 'recordSuccessor']
        }
      },
      on: {
        'worker.drain': 'stopping',
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    stopping: {
      description: 'Cleans the worker up.',
      invoke: {
        id: 'stopWorker',
        src: 'stopWorker',
        input: ({ context }) => ({ workerId: workerIdOf(context) }),
        onDone: {
          target: 'stopped',
          actions: [{ type: 'report', params: { type: 'worker.stopped' } }, 'recordSuccessor']
        },
        onError: {
          target: 'stopped',
          actions: [{ type: 'report', params: { type: 'worker.stopped' } }, 'recordSuccessor']
        }
      },
      on: {
        'worker.start': {
          description: 'Wanted again: another worker follows.',
          target: 'recycling'
        },
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    stopped: {
      description: 'Parked: the slot is empty until it is wanted again.',
      tags: ['parked'],
      on: {
        'worker.start': 'spawning',
        'worker.joined': {
          description: 'A process elsewhere has come.',
          target: 'spawning',
          actions: { type: 'recordJoining', params: ({ event }) => event }
        },
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    },
    error: {
      description:
        'The worker could not be made, and the slot waits to be told to try again; or a process elsewhere is there, takes nothing, and finishes what it holds.',
      tags: ['parked'],
      entry: {
        type: 'report',
        params: ({ context }) => ({ type: context.joined === null ? 'worker.broken' : 'worker.unfit' })
      },
      exit: 'clearProblem',
      on: {
        'worker.joined': [
          {
            description: 'Still unfit, maybe for another reason.',
            guard: { type: 'isUnfit', params: ({ event }) => event },
            actions: [
              { type: 'recordJoining', params: ({ event }) => event },
              { type: 'report', params: { type: 'worker.unfit' } }
            ]
          },
          {
            guard: { type: 'isFitAndBusy', params: ({ event }) => event },
            target: 'busy',
            actions: [
              { type: 'recordJoining', params: ({ event }) => event },
              { type: 'report', params: { type: 'worker.offering' } }
            ]
          },
          {
            target: 'idle',
            actions: [
              { type: 'recordJoining', params: ({ event }) => event },
              { type: 'report', params: { type: 'worker.offering' } }
            ]
          }
        ],
        'attempts.ended': {
          description: 'What a process elsewhere held when it said that it cannot take more.',
          actions: { type: 'recordWork', params: ({ event }) => event }
        },
        'worker.died': {
          guard: 'hasJoined',
          target: 'stopping',
          actions: [
            { type: 'recordWork', params: ({ event }) => event },
            { type: 'report', params: lossOf }
          ]
        },
        'worker.start': {
          target: 'spawning',
          actions: 'recordSuccessor'
        },
        'worker.drain': [
          {
            guard: 'hasJoined',
            target: 'draining',
            actions: { type: 'report', params: { type: 'worker.withdrawn' } }
          },
          { target: 'stopped', actions: 'recordSuccessor' }
        ],
        'worker.configure': { actions: { type: 'recordLimits', params: ({ event }) => event } }
      }
    }
  }
});

/** What a process elsewhere says of itself, as the context has it. */
function joinedContext({ workerId, types, concurrency, prefetch, tags, problem }: Joining) {
  const joined = { workerId, types, prefetch };
  return { joined, concurrency, tasksPerWorker: null, slotTags: tags, problem };
}

/** What its fleet is told when it has died. */
function lossOf({ event }: { readonly event: Died }) {
  return { type: 'worker.lost', problem: event.problem } as const;
}

function isSpent({ tasksPerWorker }: WorkerContext, { taken }: WorkDone): boolean {
  return tasksPerWorker !== null && taken >= tasksPerWorker;
}
