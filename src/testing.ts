/**
 * Testing statecharts, and fleets. Depends on no test runner.
 *
 * @module xstate-fleet/testing
 */
export { assertCovered, coverageOf } from './testing/coverage.ts';
export type { Coverage, CoverageData, MissedEdge, Share, Threshold } from './testing/coverage.ts';
export { edgeTests } from './testing/edgeTests.ts';
export type {
  DrivenSystem,
  EdgeTest,
  EdgeTestOptions,
  PathOptions,
  RunOptions
} from './testing/edgeTests.ts';
export { edgesOf } from './testing/edges.ts';
export type { Edge } from './testing/edges.ts';
export { checkInvariants } from './testing/invariants.ts';
export type { Finding, InvariantOptions } from './testing/invariants.ts';
export type { Start } from './testing/step.ts';
export type { ActorOutcome, ActorOutcomes, EventCase, EventCases } from './testing/moves.ts';
export {
  CoverageError,
  DisagreementError,
  SearchLimitError,
  StepError,
  UndrivenEventError,
  UnreachedEdgesError
} from './testing/testingErrors.ts';
export { script, type Gate, type Script, type ScriptCall } from './testing/script.ts';
export { crashEverywhere } from './testing/crashEverywhere.ts';
export { SeededRandom } from './testing/seededRandom.ts';
export { SimulatedClock } from './testing/simulatedClock.ts';
export type { CommitSide, FleetParts } from './testing/fleetProcess.ts';
export type { TaskAttempt } from './testing/taskLog.ts';
export {
  testFleet,
  type CrashPoint,
  type CreatedFleetOptions,
  type RestartOptions,
  type SimulatedWait,
  type SimulationOptions,
  type TestFleet,
  type TestFleetOptions
} from './testing/testFleet.ts';
export {
  BrokenByCrashError,
  CrashedError,
  NotSettledError,
  type WaitingTask
} from './testing/testFleetErrors.ts';
