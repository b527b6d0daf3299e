import autoscaler from '../../../visualizations/autoscalerMachine.svg';
import batch from '../../../visualizations/batchMachine.svg';
import coordinator from '../../../visualizations/coordinatorMachine.svg';
import fleet from '../../../visualizations/fleetMachine.svg';
import schedule from '../../../visualizations/scheduleMachine.svg';
import task from '../../../visualizations/taskMachine.svg';
import worker from '../../../visualizations/workerMachine.svg';
import type { ChartName } from './chartName.ts';

/** The drawings of the machines. */
export const drawings: Readonly<Record<ChartName, string>> = {
  task,
  batch,
  worker,
  fleet,
  coordinator,
  autoscaler,
  schedule
};
