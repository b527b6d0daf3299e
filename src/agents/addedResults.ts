import type { ResultsAdded } from '../../machines/coordinatorMachine.ts';
import { outcomesOf } from '../../machines/outcomes.ts';
import type { Turn } from '../turn/turn.ts';

/** The results of a turn added up, on top of those that the coordinator has not heard of; `null`: there are none. */
export function addedResults(
  untold: ResultsAdded | null,
  turn: Pick<Turn, 'results' | 'context'>
): ResultsAdded {
  const { results, context } = turn;
  let { successCount, failureCount, totalDuration, oldestResult, newestResult } = untold ?? noResults;
  for (const { success, duration, timestamp } of results) {
    if (success) successCount += 1;
    else failureCount += 1;
    totalDuration += duration;
    oldestResult = Math.min(oldestResult, timestamp);
    newestResult = Math.max(newestResult, timestamp);
  }
  return {
    successCount,
    failureCount,
    totalDuration,
    oldestResult,
    newestResult,
    settledSeq: results.at(-1)!.settledSeq,
    outcomes: (untold?.outcomes ?? '') + outcomesOf(results),
    health: context.config.health,
    at: context.at
  };
}

const noResults = {
  successCount: 0,
  failureCount: 0,
  totalDuration: 0,
  oldestResult: Infinity,
  newestResult: -Infinity
};
