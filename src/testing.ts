export { script, type Gate, type Script, type ScriptCall } from './testing/script.ts';
export { SeededRandom } from './testing/seededRandom.ts';
export { SimulatedClock } from './testing/simulatedClock.ts';
export type { FleetParts } from './testing/fleetProcess.ts';
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
export { CrashedError, NotSettledError, type WaitingTask } from './testing/testFleetErrors.ts';
