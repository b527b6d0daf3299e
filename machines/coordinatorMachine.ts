import { assign, enqueueActions, setup } from 'xstate';
import { maxHealthWindow } from './outcomes.ts';

/** Aggregates over all results. Kept in O(1): a result is added once and never looked at again. */
export interface ResultSummary {
  readonly totalResults: number;
  readonly successCount: number;
  readonly failureCount: number;
  /** Ms; 0 while there are no results. */
  readonly averageDuration: number;
  /** Epoch ms of the first and the last result; `null` while there are none. */
  readonly oldestResult: number | null;
  readonly newestResult: number | null;
}

/** When the coordinator raises an alarm, and when it takes it back. What was cancelled says nothing of health. */
export interface HealthPolicy {
  /** How many of the last results are looked at. Integer in [1, 1,000]. Defaults to 100. */
  readonly window: number;
  /** With fewer results than this in the window nothing changes. Integer in [1, `window`]. Defaults to 20. */
  readonly minResults: number;
  /** Degraded below this success rate, per cent in [0, 100]; 0: never. Defaults to 50. */
  readonly degradeBelow: number;
  /** Healthy again from this success rate on, per cent in [`degradeBelow`, 100]. Defaults to 80. */
  readonly recoverAt: number;
}

export const defaultHealthPolicy: HealthPolicy = {
  window: 100,
  minResults: 20,
  degradeBelow: 50,
  recoverAt: 80
};

/** How the last results went. */
export interface ResultHealth {
  readonly status: 'healthy' | 'degraded';
  /** Of the window, per cent; 100 while it is empty. */
  readonly successRate: number;
  /** Results in the window. */
  readonly results: number;
  /** Since when it is degraded, epoch ms; `null` while it is healthy. */
  readonly degradedAt: number | null;
}

/** Persisted with the snapshot, so plain JSON only. The results themselves live in the store. */
export interface CoordinatorContext {
  readonly successCount: number;
  readonly failureCount: number;
  /** Sum over all results, ms. */
  readonly totalDuration: number;
  readonly oldestResult: number | null;
  readonly newestResult: number | null;
  /** The last `settledSeq` that is counted here: after a restart the coordinator catches up from it. */
  readonly settledSeq: number;
  /** Results up to this `settledSeq` were cleared: they are neither counted nor shown. */
  readonly clearedSeq: number;
  /** Cleared results from outside are gone from the store up to this `settledSeq`. */
  readonly removedSeq: number;
  /** The window of the health policy: `+` and `-` for each result, the last one last. */
  readonly recent: string;
  /** Epoch ms; `null` while it is healthy. */
  readonly degradedAt: number | null;
}

export interface CoordinatorInput {
  /** Context of its last snapshot, from which it goes on; `null`: nothing was collected yet. */
  readonly restored: CoordinatorContext | null;
  /** Of the policy that holds now: what was caught up with may be more. Defaults to what is restored. */
  readonly window?: number;
}

interface ResultSums {
  readonly successCount: number;
  readonly failureCount: number;
  readonly totalDuration: number;
  readonly oldestResult: number;
  readonly newestResult: number;
}

/** Results of one turn, or of some, added up. */
export interface ResultsAdded extends ResultSums {
  readonly settledSeq: number;
  /** See {@link outcomesOf}. */
  readonly outcomes: string;
  /** The policy that holds now. */
  readonly health: HealthPolicy;
  /** Epoch ms. */
  readonly at: number;
}

export type CoordinatorEvent =
  | { readonly type: 'results.clear' }
  // Facts, told to the coordinator
  /** Told at once of what may change the health; of other successes when the turns rest, and after a thousand. */
  | ({ readonly type: 'results.added' } & ResultsAdded)
  /** What was cleared is gone from the store. */
  | { readonly type: 'results.removed'; readonly upToSettledSeq: number };

/** An alert, and its end. */
export type HealthFact =
  | ({ readonly type: 'coordinator.degraded' } & HealthNews)
  | ({ readonly type: 'coordinator.recovered' } & HealthNews);

export interface HealthNews {
  /** Of the window, per cent. */
  readonly successRate: number;
  /** Results in the window. */
  readonly results: number;
}

/** The summary as callers see it. */
export function summaryOf(context: CoordinatorContext): ResultSummary {
  const totalResults = context.successCount + context.failureCount;
  return {
    totalResults,
    successCount: context.successCount,
    failureCount: context.failureCount,
    averageDuration: totalResults === 0 ? 0 : context.totalDuration / totalResults,
    oldestResult: context.oldestResult,
    newestResult: context.newestResult
  };
}

/** The health as callers see it. */
export function healthOf({ recent, degradedAt }: CoordinatorContext): ResultHealth {
  return {
    status: degradedAt === null ? 'healthy' : 'degraded',
    successRate: successRateOf(recent),
    results: recent.length,
    degradedAt
  };
}

/**
 * Keeps the summary of all results of a fleet, and tells when too many of the last ones failed.
 *
 * It never holds a result and never reads one back: what was already counted (by `settledSeq`) is ignored, so
 * being told twice, as after a crash, changes nothing.
 */
export const coordinatorMachine = /* @__PURE__ */ setup({
  types: {} as {
    context: CoordinatorContext;
    events: CoordinatorEvent;
    emitted: HealthFact;
    input: CoordinatorInput;
  },
  guards: {
    isNew: ({ context }, params: ResultsAdded) => params.settledSeq > context.settledSeq,
    isDegrading: ({ context }, params: ResultsAdded) => {
      const recent = windowAfter(context, params);
      return isEnough(recent, params) && successRateOf(recent) < params.health.degradeBelow;
    },
    isRecovering: ({ context }, params: ResultsAdded) => {
      const recent = windowAfter(context, params);
      return isEnough(recent, params) && successRateOf(recent) >= params.health.recoverAt;
    },
    wasDegraded: ({ context }) => context.degradedAt !== null,
    hasCleared: ({ context }) => context.clearedSeq > context.removedSeq,
    isAllRemoved: ({ context }, params: { upToSettledSeq: number }) =>
      params.upToSettledSeq >= context.clearedSeq
  },
  actions: {
    /** One function, not one for each field: it runs once a turn. */
    recordResults: assign(({ context }, params: ResultsAdded) => ({
      ...sumsAfter(context, params),
      settledSeq: params.settledSeq,
      recent: windowAfter(context, params)
    })),
    /** The window stays: how the last results went is no statistic. */
    clearResults: assign(({ context }) => ({
      ...nothingCollected,
      settledSeq: context.settledSeq,
      clearedSeq: context.settledSeq,
      removedSeq: context.removedSeq,
      recent: context.recent,
      degradedAt: context.degradedAt
    })),
    recordRemoval: assign({
      removedSeq: ({ context }, params: { upToSettledSeq: number }) =>
        Math.max(context.removedSeq, params.upToSettledSeq)
    }),
    recordDegradation: assign({ degradedAt: (_, params: { at: number }) => params.at }),
    clearDegradation: assign({ degradedAt: null }),
    emitHealth: enqueueActions(
      ({ context, self, enqueue }, params: { type: HealthFact['type']; added: ResultsAdded }) => {
        const recent = windowAfter(context, params.added);
        const fact: HealthFact = {
          type: params.type,
          successRate: successRateOf(recent),
          results: recent.length
        };
        enqueue.emit(fact);
        // `_parent` is undefined for a coordinator that was started alone: there is no fleet to tell.
        if (self._parent) enqueue.sendTo(self._parent, fact);
      }
    )
  }
}).createMachine({
  id: 'coordinator',
  description: 'Adds up the results of the fleet, and watches how the last ones went.',
  type: 'parallel',
  context: ({ input }) =>
    input.restored === null ? nothingCollected : resumed(input.restored, input.window),
  states: {
    health: {
      description: 'Whether enough of the last results are successes.',
      initial: 'resuming',
      states: {
        resuming: {
          description: 'Goes on as it was left.',
          always: [{ guard: 'wasDegraded', target: 'degraded' }, { target: 'healthy' }]
        },
        healthy: {
          description: 'All is well, or too few results are known.',
          on: {
            'results.added': {
              guard: { type: 'isDegrading', params: ({ event }) => event },
              target: 'degraded',
              actions: [
                { type: 'recordDegradation', params: ({ event }) => event },
                {
                  type: 'emitHealth',
                  params: ({ event }) => ({ type: 'coordinator.degraded', added: event })
                }
              ]
            }
          }
        },
        degraded: {
          description: 'The success rate fell below one threshold, and has not reached the other since.',
          on: {
            'results.added': {
              guard: { type: 'isRecovering', params: ({ event }) => event },
              target: 'healthy',
              actions: [
                'clearDegradation',
                {
                  type: 'emitHealth',
                  params: ({ event }) => ({ type: 'coordinator.recovered', added: event })
                }
              ]
            }
          }
        }
      }
    },
    intake: {
      description: 'Counts each result once.',
      initial: 'resuming',
      on: {
        'results.added': {
          guard: { type: 'isNew', params: ({ event }) => event },
          actions: { type: 'recordResults', params: ({ event }) => event }
        },
        'results.clear': { target: '.clearing', actions: 'clearResults' }
      },
      states: {
        resuming: {
          description: 'Goes on as it was left.',
          always: [{ guard: 'hasCleared', target: 'clearing' }, { target: 'collecting' }]
        },
        collecting: { description: 'All that is kept is counted.' },
        clearing: {
          description: 'Begun anew; results from outside that were cleared are being removed from the store.',
          on: {
            'results.removed': [
              {
                guard: { type: 'isAllRemoved', params: ({ event }) => event },
                target: 'collecting',
                actions: { type: 'recordRemoval', params: ({ event }) => event }
              },
              {
                description: 'It was cleared again meanwhile.',
                actions: { type: 'recordRemoval', params: ({ event }) => event }
              }
            ]
          }
        }
      }
    }
  }
});

/** The context of a coordinator that begins. */
export const nothingCollected: CoordinatorContext = {
  successCount: 0,
  failureCount: 0,
  totalDuration: 0,
  oldestResult: null,
  newestResult: null,
  settledSeq: 0,
  clearedSeq: 0,
  removedSeq: 0,
  recent: '',
  degradedAt: null
};

function resumed(restored: CoordinatorContext, window = maxHealthWindow): CoordinatorContext {
  return { ...restored, recent: restored.recent.slice(-window) };
}

/** The sums once those of more results are added. */
export function sumsAfter(
  context: CoordinatorContext,
  added: ResultSums
): Pick<CoordinatorContext, keyof ResultSums> {
  return {
    successCount: context.successCount + added.successCount,
    failureCount: context.failureCount + added.failureCount,
    totalDuration: context.totalDuration + added.totalDuration,
    oldestResult: Math.min(context.oldestResult ?? Infinity, added.oldestResult),
    newestResult: Math.max(context.newestResult ?? -Infinity, added.newestResult)
  };
}

/** The window once the results are in it; what was counted before is in it already. */
function windowAfter({ recent, settledSeq }: CoordinatorContext, added: ResultsAdded): string {
  return added.settledSeq > settledSeq ? (recent + added.outcomes).slice(-added.health.window) : recent;
}

function isEnough(recent: string, { health }: ResultsAdded): boolean {
  return recent.length >= health.minResults;
}

function successRateOf(recent: string): number {
  let successes = 0;
  for (const outcome of recent) if (outcome === '+') successes += 1;
  return recent.length === 0 ? 100 : (successes / recent.length) * 100;
}
