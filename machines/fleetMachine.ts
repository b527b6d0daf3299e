import {
  assign,
  enqueueActions,
  fromCallback,
  fromPromise,
  not,
  or,
  raise,
  sendTo,
  setup,
  stateIn,
  type ActorRefFrom,
  type SnapshotFrom
} from 'xstate';
import { autoscalerMachine, type AutoscalerReport, type RestoredAutoscaler } from './autoscalerMachine.ts';
import { coordinatorMachine, type CoordinatorContext, type HealthFact } from './coordinatorMachine.ts';
import { isSame, mergeConfig, withinLimits } from './declaredConfig.ts';
import type { FleetCommand, MetadataPatch } from './fleetCommand.ts';
import type { FleetConfig } from './fleetConfig.ts';
import type { FleetFact } from './fleetFact.ts';
import { problemOf, type Problem } from './problem.ts';
import { tagsOfSlot } from './tags.ts';
import type { Json } from './task.ts';
import { workerMachine, type Joining, type WorkerContext, type WorkerReport } from './workerMachine.ts';
import { planSlots, slotNumber, wantedSlots } from './workerSlots.ts';

/** Persisted with the snapshot, so plain JSON only. Tasks and batches are rows of the ledger, not of this. */
export interface FleetContext {
  readonly name: string;
  /** What was declared at the last start: a field that changes there wins over what `config.update` had set. */
  readonly declared: FleetConfig;
  readonly config: FleetConfig;
  /** Worker slots spawned so far, `worker-1` to `worker-<slots>`. */
  readonly slots: number;
  /** Numbers of the slots that are not wanted now: their workers are gone, or finish what they hold. */
  readonly parked: readonly number[];
  /** Of slots that an earlier run had and this one has not spawned yet, by name: their ids must not come again. */
  readonly formerWorkers: Readonly<Record<string, WorkerContext>>;
  /** Why it failed, or why the store is unavailable; `null` when all is well. */
  readonly problem: Problem | null;
  /** Whether nothing is to be dispatched, also after a restart: a fleet that drains is not in `paused` any more. */
  readonly paused: boolean;
  /** Whether it waits while another process owns the fleet. As it was declared at the last start. */
  readonly standby: boolean;
  /**
   * What callers keep with the coordinator. Here and not there, because this snapshot is written when it changes, and
   * the coordinator's with every result.
   */
  readonly metadata: Readonly<Record<string, Json>>;
}

export interface FleetInput {
  readonly name: string;
  readonly config: FleetConfig;
  /** Whether it waits while another process owns the fleet; otherwise that is a failure. Defaults to `false`. */
  readonly standby?: boolean;
}

/** What `recover` finds in the store. */
export interface Recovered {
  /** The fleet's last persisted context; `null` for a new store. */
  readonly fleet: FleetContext | null;
  readonly coordinator: CoordinatorContext | null;
  readonly autoscaler: RestoredAutoscaler | null;
  readonly workers: Readonly<Record<string, WorkerContext>>;
}

export type FleetEvent =
  | FleetCommand
  // Facts, told to the fleet
  | { readonly type: 'turn.due' }
  | ({ readonly type: 'turn.committed' } & TurnSummary)
  | { readonly type: 'commit.failed'; readonly problem: Problem }
  | { readonly type: 'facts.released'; readonly facts: readonly FleetFact[] }
  | { readonly type: 'deadline.changed'; readonly delayMs: number | null }
  /** `spare`: slots that hold nothing and are parked before any other, if some have to be. */
  | { readonly type: 'workers.adjust'; readonly spare?: readonly string[] }
  /** Workers have come by themselves, and no place of others is empty: these are to be made for them. */
  | { readonly type: 'workers.joined'; readonly workers: readonly JoinedPlace[] }
  | { readonly type: 'alarm.rang' }
  | { readonly type: 'journal.closed' }
  /** Another process owns the fleet, or may: nothing of this one counts any more. */
  | { readonly type: 'ownership.lost'; readonly problem: Problem }
  | HealthFact
  | WorkerReport
  | AutoscalerReport;

/** A place that is made for a worker that has come by itself. */
export interface JoinedPlace {
  readonly slot: string;
  readonly joining: Joining;
}

/** What is left to do after a turn. */
export interface TurnSummary {
  /** Inputs wait for another turn. */
  readonly more: boolean;
  /** Attempts that workers hold. */
  readonly held: number;
  /** These workers are elsewhere, and go on without the fleet. */
  readonly goesOn?: boolean;
}

/** Events of the alarm actor. */
export type AlarmEvent = { readonly type: 'alarm.set'; readonly delayMs: number | null };

/**
 * The fleet manager: spawns the workers and the coordinator, and decides when a turn is taken.
 *
 * It never sees a task: commands are collected for the ledger, which steps rows in turns. No fact that it
 * emits can be taken back, because a turn reports only after its commit. All its waiting is done
 * by one alarm actor and by the store; it has no delayed transition that a restart could lose.
 */
export const fleetMachine = /* @__PURE__ */ setup({
  types: {} as {
    context: FleetContext;
    events: FleetEvent;
    emitted: FleetFact;
    input: FleetInput;
    output: { readonly problem: Problem | null };
    children: { alarm: 'alarm'; coordinator: 'coordinator'; autoscaler: 'autoscaler' };
  },
  actors: {
    worker: workerMachine,
    coordinator: coordinatorMachine,
    autoscaler: autoscalerMachine,
    /** Port. Sends `alarm.rang` to its parent once the delay of the last `alarm.set` has passed. */
    alarm: fromCallback<AlarmEvent>(() => {
      throw new Error(instruction('actor', 'alarm', 'wakes the fleet at the next deadline'));
    }),
    /** Port. Waits until no other process owns the fleet, and takes it. Rejects when the store cannot be opened at all. */
    standBy: fromPromise<void>(() =>
      Promise.reject(new Error(instruction('actor', 'standBy', 'waits for the ownership of the fleet')))
    ),
    /** Port. Opens the store, loads the ledger and says which agents it found. Rejects when it can't. */
    recover: fromPromise<Recovered>(() =>
      Promise.reject(new Error(instruction('actor', 'recover', 'opens the store')))
    ),
    /** Port. Resolves when the store may be tried again. Never rejects. */
    awaitStore: fromPromise<void>(() =>
      Promise.reject(new Error(instruction('actor', 'awaitStore', 'waits until the store is back')))
    ),
    /** Port. Ends what is left of the executor, writes the last snapshots, closes the store. */
    close: fromPromise<void>(() =>
      Promise.reject(new Error(instruction('actor', 'close', 'closes the store')))
    )
  },
  guards: {
    isStandby: ({ context }) => context.standby,
    wasPaused: (_, params: Recovered) => params.fleet?.paused === true,
    hasMore: (_, params: TurnSummary) => params.more,
    isDrained: (_, params: TurnSummary) => params.held === 0 && !params.more,
    isLeaving: (_, params: TurnSummary) => params.goesOn === true && !params.more,
    isOpen: or([stateIn({ operation: 'running' }), stateIn({ operation: 'paused' })]),
    isTakingTasks: or([
      stateIn({ operation: 'recovering' }),
      stateIn({ operation: 'running' }),
      stateIn({ operation: 'paused' })
    ]),
    isJournaling: or([
      stateIn({ operation: 'running' }),
      stateIn({ operation: 'paused' }),
      stateIn({ operation: 'draining' }),
      stateIn({ operation: 'releasing' })
    ]),
    isTakingCommands: not(
      or([
        stateIn({ operation: 'standby' }),
        stateIn({ operation: 'releasing' }),
        stateIn({ operation: 'closing' }),
        stateIn({ operation: 'stopped' }),
        stateIn({ operation: 'failed' })
      ])
    ),
    isStoreUnavailable: stateIn({ journal: 'storeUnavailable' })
  },
  actions: {
    /** Port. Puts a command into the inbox of the next turn. */
    collectCommand: (_, _params: { command: FleetCommand }) => {
      throw new Error(instruction('action', 'collectCommand', 'puts a command into the inbox'));
    },
    /** Port. Answers a command that this state does not take. */
    rejectCommand: (_, _params: { command: FleetCommand }) => {
      throw new Error(instruction('action', 'rejectCommand', 'answers a refused command'));
    },
    /**
     * Port. Takes turns, soon, until nothing is left to do; they end in `turn.committed` or `commit.failed`. The first one
     * after a failure ends so alone, and may leave more to do.
     */
    beginTurn: () => {
      throw new Error(instruction('action', 'beginTurn', 'takes turns'));
    },
    /** Port. Gives every attempt back to the queue, uncharged, and aborts its handler. */
    releaseAttempts: () => {
      throw new Error(instruction('action', 'releaseAttempts', 'gives the running attempts back'));
    },
    /** Port. Keeps the roster of workers that take tasks. */
    recordReport: (_, _params: { report: WorkerReport }) => {
      throw new Error(instruction('action', 'recordReport', 'keeps the roster of workers'));
    },
    requestTurn: raise({ type: 'turn.due' }),
    closeJournal: raise({ type: 'journal.closed' }),
    recordRecovered: assign({
      config: ({ context }, params: Recovered) =>
        params.fleet === null ? context.config : mergeConfig(context.declared, params.fleet),
      formerWorkers: (_, params: Recovered) => ({ ...params.fleet?.formerWorkers, ...params.workers }),
      paused: (_, params: Recovered) => params.fleet?.paused === true,
      metadata: (_, params: Recovered) => params.fleet?.metadata ?? {}
    }),
    recordPause: assign({ paused: true }),
    recordResumption: assign({ paused: false }),
    recordProblem: assign({ problem: (_, params: { problem: Problem }) => params.problem }),
    clearProblem: assign({ problem: null }),
    recordScale: assign({
      config: ({ context }, params: { count: number }) => ({
        ...context.config,
        maxConcurrentWorkers: params.count
      })
    }),
    recordConfig: assign({
      config: ({ context }, params: { config: Partial<FleetConfig> }) => ({
        ...context.config,
        ...params.config,
        ...(params.config.autoscale && {
          maxConcurrentWorkers: withinLimits(
            params.config.autoscale,
            params.config.maxConcurrentWorkers ?? context.config.maxConcurrentWorkers
          )
        })
      })
    }),
    recordMetadata: assign({
      metadata: ({ context }, params: { patch: MetadataPatch }) =>
        mergeMetadata(context.metadata, params.patch)
    }),
    clearResults: sendTo('coordinator', { type: 'results.clear' }),
    spawnCoordinator: assign(({ context, spawn }, params: Recovered) => {
      const { window } = context.config.health;
      spawn('coordinator', { id: 'coordinator', input: { restored: params.coordinator, window } });
      return {};
    }),
    /** Where autoscaling is on. It goes on as it was, unless the fleet is declared with another one. */
    spawnAutoscaler: assign(({ context, spawn }, params: Recovered) => {
      const { declared, config } = context;
      if (config.autoscale === null) return {};
      const isDeclaredAnew =
        params.fleet === null || !isSame(declared.autoscale, params.fleet.declared.autoscale);
      const restored = isDeclaredAnew ? null : params.autoscaler;
      spawn('autoscaler', { id: 'autoscaler', input: { policy: config.autoscale, restored } });
      if (restored?.manual) return {};
      const maxConcurrentWorkers = withinLimits(config.autoscale, config.maxConcurrentWorkers);
      return { config: { ...config, maxConcurrentWorkers } };
    }),
    /** All that are missing in one `assign`: XState copies the children once per spawning action. */
    spawnWorkers: assign(({ context, spawn, self }, params: { spare: readonly string[] }) => {
      const { workerConcurrency, tasksPerWorker } = context.config;
      const { slots, parked } = planSlots(context, context.config.maxConcurrentWorkers, params.spare);
      const existing = self.getSnapshot().children as Record<string, unknown>;
      const former = { ...context.formerWorkers };
      for (const slot of wantedSlots({ slots, parked })) {
        if (existing[slot] !== undefined) continue;
        const restored = former[slot] ?? null;
        delete former[slot];
        spawn('worker', {
          id: slot,
          input: {
            slot,
            concurrency: workerConcurrency,
            tasksPerWorker,
            tags: tagsOfSlot(context.config, slotNumber(slot)!),
            restored
          }
        });
      }
      return { slots, parked, formerWorkers: former };
    }),
    /** Those that have come at once in one `assign`. */
    spawnJoined: assign(({ context, spawn }, params: { workers: readonly JoinedPlace[] }) => {
      const former = { ...context.formerWorkers };
      for (const { slot, joining } of params.workers) {
        const { concurrency, tags } = joining;
        const restored = former[slot] ?? null;
        delete former[slot];
        spawn('worker', {
          id: slot,
          input: { slot, concurrency, tasksPerWorker: null, tags, restored, joining }
        });
      }
      return { slots: context.slots + params.workers.length, formerWorkers: former };
    }),
    setAlarm: sendTo('alarm', (_, params: { delayMs: number | null }) => ({
      type: 'alarm.set',
      delayMs: params.delayMs
    }))
  }
})
  .extend({
    // Composed actions: their types need to know the ones above.
    actions: {
      /** Tells every slot whether it is wanted, and under which limits. */
      instructWorkers: enqueueActions(({ context, self, enqueue }) => {
        const { workerConcurrency, tasksPerWorker } = context.config;
        const parked = new Set(context.parked);
        for (const [id, child] of Object.entries(self.getSnapshot().children)) {
          const number = slotNumber(id);
          if (number === null || child === undefined) continue;
          enqueue.sendTo(child, {
            type: 'worker.configure',
            concurrency: workerConcurrency,
            tasksPerWorker,
            tags: tagsOfSlot(context.config, number)
          });
          enqueue.sendTo(child, { type: parked.has(number) ? 'worker.drain' : 'worker.start' });
        }
      }),
      /** Somebody set the number of workers: that is not undone. */
      instructAutoscaler: enqueueActions(
        ({ self, enqueue }, { config }: { config: Partial<FleetConfig> }) => {
          const { autoscaler } = self.getSnapshot().children;
          if (config.autoscale === undefined) {
            if (autoscaler && config.maxConcurrentWorkers !== undefined) {
              enqueue.sendTo(autoscaler, { type: 'workers.scale' });
            }
          } else if (autoscaler) {
            enqueue.sendTo(autoscaler, { type: 'autoscale.configure', policy: config.autoscale });
          } else if (config.autoscale !== null) {
            const input = { policy: config.autoscale, restored: null };
            enqueue.spawnChild('autoscaler', { id: 'autoscaler', input });
          }
        }
      ),
      /** To subscribers, and to the machine that invoked the fleet, which is spared the single tasks. */
      emitFacts: enqueueActions(({ self, enqueue }, params: { facts: readonly FleetFact[] }) => {
        for (const fact of params.facts) {
          enqueue.emit(fact);
          if (self._parent && !fact.type.startsWith('task.')) enqueue.sendTo(self._parent, fact);
        }
      })
    }
  })
  .createMachine({
    id: 'fleet',
    description: 'The fleet manager: what it is doing, and whether what it knows is durable.',
    type: 'parallel',
    context: ({ input }) => ({
      name: input.name,
      declared: input.config,
      config: input.config,
      slots: 0,
      parked: [],
      formerWorkers: {},
      problem: null,
      paused: false,
      standby: input.standby ?? false,
      metadata: {}
    }),
    output: ({ context }) => ({ problem: context.problem }),
    invoke: { id: 'alarm', src: 'alarm' },
    on: {
      'batch.submit': [
        {
          guard: 'isTakingTasks',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'task.submit': [
        {
          guard: 'isTakingTasks',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'task.retry': [
        {
          guard: 'isTakingTasks',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'batch.*': [
        {
          guard: 'isTakingCommands',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'task.*': [
        {
          guard: 'isTakingCommands',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'schedule.*': [
        {
          guard: 'isTakingCommands',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'result.submit': [
        {
          guard: 'isTakingCommands',
          actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'workers.scale': [
        {
          guard: 'isOpen',
          actions: [
            { type: 'recordScale', params: ({ event }) => event },
            {
              type: 'instructAutoscaler',
              params: ({ event }) => ({ config: { maxConcurrentWorkers: event.count } })
            },
            { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
          ]
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'config.update': [
        {
          guard: 'isOpen',
          actions: [
            { type: 'recordConfig', params: ({ event }) => event },
            { type: 'instructAutoscaler', params: ({ event }) => event },
            { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
          ]
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'results.clear': [
        {
          guard: 'isOpen',
          actions: ['clearResults', { type: 'collectCommand', params: ({ event }) => ({ command: event }) }]
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'metadata.update': [
        {
          guard: 'isOpen',
          actions: [
            { type: 'recordMetadata', params: ({ event }) => event },
            { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
          ]
        },
        { actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) } }
      ],
      'coordinator.*': {
        description: 'An alert of the coordinator, or its end.',
        actions: { type: 'emitFacts', params: ({ event }) => ({ facts: [event] }) }
      },
      'workers.adjust': {
        description: 'A change of the config is durable: workers are spawned, started, drained.',
        guard: 'isOpen',
        actions: [
          { type: 'spawnWorkers', params: ({ event: { spare = [] } }) => ({ spare }) },
          'instructWorkers'
        ]
      },
      'workers.joined': { actions: { type: 'spawnJoined', params: ({ event }) => event } },
      'scaling.decided': {
        description: 'The autoscaler wants another number of workers; it counts once it is durable.',
        guard: 'isOpen',
        actions: { type: 'recordScale', params: ({ event }) => ({ count: event.to }) }
      },
      'fleet.*': {
        description: 'A command that the present state of the operation does not take.',
        actions: { type: 'rejectCommand', params: ({ event }) => ({ command: event }) }
      },
      'worker.ready': {
        actions: [
          { type: 'recordReport', params: ({ event }) => ({ report: event }) },
          { type: 'emitFacts', params: ({ event }) => ({ facts: [spawned(event)] }) }
        ]
      },
      'worker.offering': { actions: { type: 'recordReport', params: ({ event }) => ({ report: event }) } },
      'worker.withdrawn': { actions: { type: 'recordReport', params: ({ event }) => ({ report: event }) } },
      'worker.stopped': {
        actions: [
          { type: 'recordReport', params: ({ event }) => ({ report: event }) },
          { type: 'emitFacts', params: ({ event }) => ({ facts: [stopped(event)] }) }
        ]
      },
      'worker.unresponsive': {
        actions: [
          { type: 'recordReport', params: ({ event }) => ({ report: event }) },
          { type: 'emitFacts', params: ({ event }) => ({ facts: [unresponsive(event)] }) }
        ]
      },
      'worker.unfit': {
        actions: [
          { type: 'recordReport', params: ({ event }) => ({ report: event }) },
          { type: 'emitFacts', params: ({ event }) => ({ facts: [unfit(event)] }) }
        ]
      },
      'worker.lost': {
        actions: [
          { type: 'recordReport', params: ({ event }) => ({ report: event }) },
          { type: 'emitFacts', params: ({ event }) => ({ facts: [lost(event)] }) }
        ]
      },
      'worker.broken': {
        actions: [
          { type: 'recordReport', params: ({ event }) => ({ report: event }) },
          { type: 'emitFacts', params: ({ event }) => ({ facts: [lost(event)] }) }
        ]
      },
      'ownership.lost': {
        description: 'Whatever it is doing, another process does it now.',
        target: '.operation.failed',
        actions: [
          { type: 'recordProblem', params: ({ event }) => event },
          {
            type: 'emitFacts',
            params: ({ event }) => ({ facts: [{ type: 'ownership.lost', ...event.problem }] })
          }
        ]
      },
      'deadline.changed': { actions: { type: 'setAlarm', params: ({ event }) => event } },
      'facts.released': { actions: { type: 'emitFacts', params: ({ event }) => event } }
    },
    states: {
      operation: {
        description: 'What the fleet is doing.',
        initial: 'starting',
        states: {
          starting: {
            description: 'Left at once.',
            always: [{ guard: 'isStandby', target: 'standby' }, { target: 'recovering' }]
          },
          standby: {
            description:
              'Another process may own the fleet: this one waits until that has gone, and takes it over.',
            tags: ['standby'],
            invoke: {
              id: 'standBy',
              src: 'standBy',
              onDone: 'recovering',
              onError: {
                description: 'The store cannot be opened at all.',
                target: 'failed',
                actions: {
                  type: 'recordProblem',
                  params: ({ event }) => ({ problem: problemOf(event.error) })
                }
              }
            },
            on: { 'fleet.drain': 'closing', 'fleet.stop': 'closing' }
          },
          recovering: {
            description: 'Opens the store and brings back what an earlier process left. Commands wait.',
            invoke: {
              id: 'recover',
              src: 'recover',
              onDone: [
                {
                  guard: { type: 'wasPaused', params: ({ event }) => event.output },
                  target: 'paused',
                  actions: [
                    { type: 'recordRecovered', params: ({ event }) => event.output },
                    { type: 'spawnCoordinator', params: ({ event }) => event.output },
                    { type: 'spawnAutoscaler', params: ({ event }) => event.output },
                    { type: 'spawnWorkers', params: { spare: [] } }
                  ]
                },
                {
                  target: 'running',
                  actions: [
                    { type: 'recordRecovered', params: ({ event }) => event.output },
                    { type: 'spawnCoordinator', params: ({ event }) => event.output },
                    { type: 'spawnAutoscaler', params: ({ event }) => event.output },
                    { type: 'spawnWorkers', params: { spare: [] } }
                  ]
                }
              ],
              onError: {
                description: 'The store is locked, damaged, foreign, or of another version.',
                target: 'failed',
                actions: {
                  type: 'recordProblem',
                  params: ({ event }) => ({ problem: problemOf(event.error) })
                }
              }
            },
            on: { 'fleet.drain': 'closing', 'fleet.stop': 'closing' }
          },
          running: {
            description: 'Queued tasks are dispatched to workers with room.',
            tags: ['dispatching'],
            entry: 'requestTurn',
            on: {
              'fleet.pause': {
                target: 'paused',
                actions: [
                  'recordPause',
                  { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
                ]
              },
              'fleet.resume': {
                actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
              },
              'fleet.drain': 'draining',
              'fleet.stop': 'releasing'
            }
          },
          paused: {
            description: 'Nothing new is dispatched; what runs goes on.',
            entry: 'requestTurn',
            on: {
              'fleet.pause': {
                actions: { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
              },
              'fleet.resume': {
                target: 'running',
                actions: [
                  'recordResumption',
                  { type: 'collectCommand', params: ({ event }) => ({ command: event }) }
                ]
              },
              'fleet.drain': 'draining',
              'fleet.stop': 'releasing'
            }
          },
          draining: {
            description: 'A graceful stop: running attempts finish, nothing new is dispatched.',
            entry: 'requestTurn',
            on: {
              'turn.committed': {
                guard: { type: 'isDrained', params: ({ event }) => event },
                target: 'closing'
              },
              'fleet.drain': { description: 'It is draining already.' },
              'fleet.stop': { description: 'Its time is up.', target: 'releasing' }
            }
          },
          releasing: {
            description: 'A hard stop: running attempts are aborted and go back to the queue, uncharged.',
            entry: ['releaseAttempts', 'requestTurn'],
            always: {
              description: 'Nothing can be written: the next start finds the attempts lost instead.',
              guard: 'isStoreUnavailable',
              target: 'closing'
            },
            on: {
              'turn.committed': [
                { guard: { type: 'isDrained', params: ({ event }) => event }, target: 'closing' },
                {
                  description: 'What runs elsewhere goes on.',
                  guard: { type: 'isLeaving', params: ({ event }) => event },
                  target: 'closing'
                }
              ],
              'fleet.drain': { description: 'It is past draining.' },
              'fleet.stop': { description: 'It is stopping already.' }
            }
          },
          closing: {
            description: 'Ends what is left of the executor and closes the store.',
            invoke: {
              id: 'close',
              src: 'close',
              onDone: { target: 'stopped', actions: 'closeJournal' },
              onError: {
                target: 'stopped',
                actions: [
                  { type: 'recordProblem', params: ({ event }) => ({ problem: problemOf(event.error) }) },
                  'closeJournal'
                ]
              }
            },
            on: {
              'fleet.drain': { description: 'It is past draining.' },
              'fleet.stop': { description: 'It is stopping already.' }
            }
          },
          stopped: { type: 'final', description: 'Everything unfinished is in the store.' },
          failed: {
            type: 'final',
            description: 'It could not start, or another process owns it now; `problem` says why.',
            entry: 'closeJournal'
          }
        }
      },
      journal: {
        description: 'Whether what the fleet knows is durable.',
        initial: 'clean',
        on: { 'journal.closed': '.closed' },
        states: {
          clean: {
            description: 'All that was taken in is durable.',
            on: {
              'turn.due': { guard: 'isJournaling', target: 'committing' },
              'alarm.rang': {
                description: 'A deadline has come.',
                guard: 'isJournaling',
                target: 'committing'
              }
            }
          },
          committing: {
            description:
              'Turns are taken, one after the other; what comes in meanwhile is collected for the next one.',
            entry: 'beginTurn',
            on: {
              'turn.committed': 'clean',
              'commit.failed': {
                target: 'storeUnavailable',
                actions: [
                  { type: 'recordProblem', params: ({ event }) => event },
                  {
                    type: 'emitFacts',
                    params: ({ event }) => ({ facts: [{ type: 'store.unavailable', ...event.problem }] })
                  }
                ]
              }
            }
          },
          storeUnavailable: {
            description:
              'A commit failed. Handlers go on, submissions wait, until the store may be tried again.',
            tags: ['degraded'],
            invoke: {
              id: 'awaitStore',
              src: 'awaitStore',
              onDone: {
                description: 'Unless the store is being closed.',
                guard: 'isJournaling',
                target: 'retrying'
              },
              onError: [
                { guard: 'isJournaling', target: 'retrying' },
                { description: 'The store is being closed. An error that nothing takes would end the fleet.' }
              ]
            }
          },
          retrying: {
            description: 'The turn is taken again.',
            tags: ['degraded'],
            entry: 'beginTurn',
            on: {
              'turn.committed': [
                {
                  guard: { type: 'hasMore', params: ({ event }) => event },
                  target: 'committing',
                  actions: [
                    'clearProblem',
                    { type: 'emitFacts', params: { facts: [{ type: 'store.recovered' }] } }
                  ]
                },
                {
                  target: 'clean',
                  actions: [
                    'clearProblem',
                    { type: 'emitFacts', params: { facts: [{ type: 'store.recovered' }] } }
                  ]
                }
              ],
              'commit.failed': {
                target: 'storeUnavailable',
                actions: { type: 'recordProblem', params: ({ event }) => event }
              }
            }
          },
          closed: { type: 'final', description: 'Nothing is written any more.' }
        }
      }
    }
  });

export type FleetRef = ActorRefFrom<typeof fleetMachine>;
export type FleetSnapshot = SnapshotFrom<typeof fleetMachine>;

function mergeMetadata(
  metadata: FleetContext['metadata'],
  patch: MetadataPatch
): Readonly<Record<string, Json>> {
  const merged = Object.entries({ ...metadata, ...patch }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(merged) as Record<string, Json>;
}

function spawned({ workerId }: WorkerReport): FleetFact {
  return { type: 'worker.spawned', workerId };
}

function stopped({ workerId }: WorkerReport): FleetFact {
  return { type: 'worker.stopped', workerId };
}

function unresponsive({ workerId }: WorkerReport): FleetFact {
  return { type: 'worker.unresponsive', workerId };
}

function unfit({ workerId, problem }: WorkerReport): FleetFact {
  return { type: 'worker.unfit', workerId, problem: problem ?? 'unknown' };
}

function lost({ workerId, problem }: WorkerReport): FleetFact {
  return { type: 'worker.lost', workerId, problem: problem ?? 'unknown' };
}

function instruction(kind: 'actor' | 'action', port: string, purpose: string): string {
  return `fleetMachine: provide the ${kind} \`${port}\`, which ${purpose}; or use createFleetLogic() of xstate-fleet`;
}
