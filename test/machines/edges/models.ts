import { autoscalerModel } from './autoscalerModel.ts';
import { batchModel } from './batchModel.ts';
import { coordinatorModel } from './coordinatorModel.ts';
import { fleetModel } from './fleetModel.ts';
import { hostedFleetModel } from './hostedFleetModel.ts';
import { hostModel } from './hostModel.ts';
import type { Model } from './model.ts';
import { scheduleModel } from './scheduleModel.ts';
import { taskModel } from './taskModel.ts';
import { workerModel } from './workerModel.ts';

/** Stepped as rows. */
export const lifecycleModels: readonly Model[] = [taskModel, batchModel, scheduleModel];

/** Every machine of the library. */
export const models: readonly Model[] = [
  ...lifecycleModels,
  workerModel,
  coordinatorModel,
  autoscalerModel,
  fleetModel,
  hostedFleetModel,
  hostModel
];
