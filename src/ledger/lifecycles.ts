import { batchMachine } from '../../machines/batchMachine.ts';
import { scheduleMachine } from '../../machines/scheduleMachine.ts';
import { copyOfTask, taskMachine } from '../../machines/taskMachine.ts';
import { compileLifecycle } from './lifecycle.ts';

export const taskLifecycle = compileLifecycle(taskMachine, copyOfTask);
export const batchLifecycle = compileLifecycle(batchMachine);
export const scheduleLifecycle = compileLifecycle(scheduleMachine);
