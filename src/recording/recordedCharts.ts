import { autoscalerMachine } from '../../machines/autoscalerMachine.ts';
import { batchMachine } from '../../machines/batchMachine.ts';
import { coordinatorMachine } from '../../machines/coordinatorMachine.ts';
import { fleetMachine } from '../../machines/fleetMachine.ts';
import { scheduleMachine } from '../../machines/scheduleMachine.ts';
import { taskMachine } from '../../machines/taskMachine.ts';
import { workerMachine } from '../../machines/workerMachine.ts';
import { leafPathsOf } from '../charts/statePaths.ts';
import type { RecordedMachine, Recording } from './recording.ts';

/** The charts of what is recorded. */
export const recordedCharts = {
  task: taskMachine,
  batch: batchMachine,
  schedule: scheduleMachine,
  worker: workerMachine,
  fleet: fleetMachine,
  coordinator: coordinatorMachine,
  autoscaler: autoscalerMachine
} as const;

/** Of each, the states that steps may be in. */
export const recordedStates: Recording['states'] = statesOf();

function statesOf(): Recording['states'] {
  const states: Partial<Record<RecordedMachine, readonly string[]>> = {};
  for (const [id, chart] of Object.entries(recordedCharts)) {
    states[id as RecordedMachine] = leafPathsOf(chart.root);
  }
  return states as Recording['states'];
}
