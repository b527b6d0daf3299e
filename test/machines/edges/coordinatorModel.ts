import {
  coordinatorMachine,
  nothingCollected,
  type CoordinatorContext,
  type HealthPolicy
} from '../../../machines/coordinatorMachine.ts';
import { modelOf } from './model.ts';

const now = Date.UTC(2026, 0, 1);
const health: HealthPolicy = { window: 2, minResults: 2, degradeBelow: 50, recoverAt: 100 };

/** A result after those that were counted, or the last one once more. */
function added(outcomes: '+' | '-', step: 0 | 1) {
  return ({ settledSeq }: CoordinatorContext) => ({
    successCount: Number(outcomes === '+'),
    failureCount: Number(outcomes === '-'),
    totalDuration: 1,
    oldestResult: now,
    newestResult: now,
    settledSeq: settledSeq + step,
    outcomes,
    health,
    at: now
  });
}

export const coordinatorModel = modelOf(coordinatorMachine, {
  inputs: [
    { restored: null },
    { restored: { ...nothingCollected, settledSeq: 5, clearedSeq: 5, recent: '--', degradedAt: now } }
  ],
  events: {
    'results.added': [added('+', 1), added('-', 1), added('+', 0)],
    'results.clear': [{}],
    'results.removed': [
      ({ clearedSeq }) => ({ upToSettledSeq: clearedSeq }),
      ({ clearedSeq }) => ({ upToSettledSeq: clearedSeq - 1 })
    ]
  },
  // Sums and positions grow without end.
  serializeState: ({ context: { recent, degradedAt, clearedSeq, removedSeq } }) => [
    recent,
    degradedAt,
    clearedSeq > removedSeq
  ],
  restingStates: ['health.healthy'],
  requiredEvents: {
    'results.added': ['*'],
    'results.clear': ['*'],
    'results.removed': ['intake.clearing']
  }
});
