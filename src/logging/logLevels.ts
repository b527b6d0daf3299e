import type { FleetFact } from '../../machines/fleetFact.ts';
import type { FinalTaskStatus } from '../../machines/task.ts';
import type { LogLevel } from './fleetLogger.ts';

/**
 * The level of each fact that is logged. `null`: it is no record. `task.settled` is logged from the task's result,
 * which says why, by {@link settledLevels}.
 */
export const factLevels = {
  'batch.accepted': 'info',
  'batch.settled': 'info',
  'command.refused': 'warn',
  'task.settled': null,
  'task.retrying': 'debug',
  'task.progress': null,
  'task.log': 'debug',
  'task.detachedError': 'error',
  'handler.missing': 'warn',
  'workers.scaled': 'info',
  'schedule.fired': 'debug',
  'schedule.skipped': 'warn',
  'schedule.ended': 'info',
  'worker.spawned': 'debug',
  'worker.stopped': 'debug',
  'worker.unresponsive': 'warn',
  'worker.lost': 'error',
  'worker.unfit': 'warn',
  'tasks.unroutable': 'warn',
  'store.unavailable': 'error',
  'store.recovered': 'info',
  'standby.began': 'info',
  'standby.ended': 'info',
  'ownership.lost': 'error',
  'coordinator.degraded': 'warn',
  'coordinator.recovered': 'info'
} as const satisfies Readonly<Record<FleetFact['type'], LogLevel | null>>;

/** The level of a task's end. */
export const settledLevels = {
  completed: 'debug',
  failed: 'warn',
  timedOut: 'warn',
  cancelled: 'debug'
} as const satisfies Readonly<Record<FinalTaskStatus, LogLevel>>;

/** Facts of which there is one for each task or worker, or more: their records are bounded. */
export const boundedFacts: ReadonlySet<FleetFact['type']> = new Set([
  'command.refused',
  'task.retrying',
  'task.log',
  'task.detachedError',
  'schedule.fired',
  'worker.spawned',
  'worker.stopped',
  'worker.unresponsive',
  'worker.lost',
  'worker.unfit',
  'tasks.unroutable'
]);
