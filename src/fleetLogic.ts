import type { FleetCommand } from '../machines/fleet.ts';
import type { Json } from '../machines/task.ts';
import { systemClock } from './clock.ts';
import {
  createFleet,
  fleetLogic,
  resolveOptions,
  type FleetLogic,
  type FleetOptions
} from './createFleet.ts';
import { inOrderOfDependencies } from './dependencies.ts';
import type { Handlers } from './handler.ts';
import { prepareTask, type Task } from './task.ts';
import { assertIdWithoutSlash, jsonTextOf } from './validation.ts';

export type { FleetLogic } from './createFleet.ts';

/**
 * The fleet machine with all its ports provided: actor logic to invoke or spawn in an app's own machine.
 *
 * It takes no input. Its parent hears of batches, workers and the store; single tasks are told to subscribers
 * only. Stopped by its parent it stops at once, like a process that was killed: everything unfinished is in the
 * store, and it may be started again. The name is owned by one running actor at a time.
 */
export function createFleetLogic<THandlers extends Handlers>(options: FleetOptions<THandlers>): FleetLogic {
  const resolved = resolveOptions(options);
  return fleetLogic(resolved, () => createFleet(resolved));
}

/**
 * The event that submits a whole batch to a fleet's actor.
 *
 * @throws {ValidationError} here, where the batch is made, and not in the fleet.
 */
export function submitBatchEvent(
  batchId: string,
  tasks: Iterable<Task>,
  { metadata = null, now = systemClock.now() }: { readonly metadata?: Json; readonly now?: number } = {}
): Extract<FleetCommand, { type: 'batch.submit' }> {
  assertIdWithoutSlash('batchId', batchId);
  const prepared = Array.from(tasks, (task, index) => prepareTask(task, `tasks[${index}]`, batchId, now));
  jsonTextOf('metadata', metadata);
  return {
    type: 'batch.submit',
    batchId,
    metadata,
    tasks: inOrderOfDependencies(prepared, new Map(prepared.map(({ id }, index) => [id, index]))),
    seal: true,
    total: prepared.length,
    fresh: false,
    exclusive: false,
    announced: prepared.length
  };
}
