import autoscaler from '../../../visualizations/autoscalerMachine.svg';
import batch from '../../../visualizations/batchMachine.svg';
import coordinator from '../../../visualizations/coordinatorMachine.svg';
import fleet from '../../../visualizations/fleetMachine.svg';
import schedule from '../../../visualizations/scheduleMachine.svg';
import task from '../../../visualizations/taskMachine.svg';
import worker from '../../../visualizations/workerMachine.svg';

/** The drawings of the machines, in the order in which they are offered. */
export const drawings = { task, batch, worker, fleet, coordinator, autoscaler, schedule } as const;

export type ChartName = keyof typeof drawings;

export const chartNames = Object.keys(drawings) as ChartName[];
