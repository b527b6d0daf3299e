import { assign, setup } from 'xstate';

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
}

export interface CoordinatorInput {
  /** Context of its last snapshot, from which it goes on; `null`: nothing was collected yet. */
  readonly restored: CoordinatorContext | null;
}

/** Results of one turn, added up. */
export interface ResultsAdded {
  readonly successCount: number;
  readonly failureCount: number;
  readonly totalDuration: number;
  readonly oldestResult: number;
  readonly newestResult: number;
  readonly settledSeq: number;
}

/** `results.added` is a fact: it is told once per turn that settled something. */
export type CoordinatorEvent = { readonly type: 'results.added' } & ResultsAdded;

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

/**
 * Keeps the summary of all results of a fleet.
 *
 * It never holds a result and never reads one back: what was already counted (by `settledSeq`) is ignored, so
 * being told twice, as after a crash, changes nothing.
 */
export const coordinatorMachine = setup({
  types: {} as { context: CoordinatorContext; events: CoordinatorEvent; input: CoordinatorInput },
  guards: {
    isNew: ({ context }, params: ResultsAdded) => params.settledSeq > context.settledSeq
  },
  actions: {
    recordResults: assign({
      successCount: ({ context }, params: ResultsAdded) => context.successCount + params.successCount,
      failureCount: ({ context }, params: ResultsAdded) => context.failureCount + params.failureCount,
      totalDuration: ({ context }, params: ResultsAdded) => context.totalDuration + params.totalDuration,
      oldestResult: ({ context }, params: ResultsAdded) =>
        context.oldestResult === null
          ? params.oldestResult
          : Math.min(context.oldestResult, params.oldestResult),
      newestResult: ({ context }, params: ResultsAdded) =>
        context.newestResult === null
          ? params.newestResult
          : Math.max(context.newestResult, params.newestResult),
      settledSeq: (_, params: ResultsAdded) => params.settledSeq
    })
  }
}).createMachine({
  id: 'coordinator',
  description: 'Adds up the results of the fleet.',
  context: ({ input }) => input.restored ?? nothingCollected,
  initial: 'collecting',
  states: {
    collecting: {
      description: 'Counts each result once.',
      on: {
        'results.added': {
          guard: { type: 'isNew', params: ({ event }) => event },
          actions: { type: 'recordResults', params: ({ event }) => event }
        }
      }
    }
  }
});

const nothingCollected: CoordinatorContext = {
  successCount: 0,
  failureCount: 0,
  totalDuration: 0,
  oldestResult: null,
  newestResult: null,
  settledSeq: 0
};
