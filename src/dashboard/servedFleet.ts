import type { FleetManager } from '../fleetManager.ts';

/** What a page reads and does of a fleet. */
export type ServedFleet = Pick<
  FleetManager,
  | 'listBatches'
  | 'listTasks'
  | 'getBatchResults'
  | 'getTask'
  | 'getTaskSnapshot'
  | 'retryTask'
  | 'cancelTask'
  | 'retryBatch'
  | 'cancelBatch'
  | 'pauseBatch'
  | 'resumeBatch'
  | 'pause'
  | 'resume'
  | 'scaleWorkers'
>;
