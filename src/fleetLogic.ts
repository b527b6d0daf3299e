import type { FleetCommand, NewTask } from '../machines/fleetCommand.ts';
import type { Json } from '../machines/task.ts';
import { systemClock } from './clock.ts';
import {
  createFleet,
  fleetLogic,
  resolveOptions,
  type FleetLogic,
  type FleetOptions
} from './createFleet.ts';
import { readHandler, type Handlers } from './handlers/handler.ts';
import { inOrderOfDependencies } from './submission/dependencies.ts';
import { asItIs, dataReader, isToCome, type DataReader } from './submission/schema.ts';
import { prepareTask, type Task } from './submission/task.ts';
import { limits } from './validation/limits.ts';
import { showKey } from './validation/show.ts';
import {
  assertIdWithoutSlash,
  assertTime,
  jsonTextOf,
  readItems,
  readOptions,
  refuse
} from './validation/validation.ts';

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

export interface BatchEventOptions {
  readonly metadata?: Json;
  /** Epoch ms, from which `delayMs` counts. Defaults to the time of the machine. */
  readonly now?: number;
  /**
   * The handlers of the fleet, if some have a schema: an event is not validated in the fleet. Schemas have to answer at
   * once. Defaults to none, whose data is stored as it is.
   */
  readonly handlers?: Handlers;
}

/**
 * The event that submits a whole batch to a fleet's actor.
 *
 * @throws {ValidationError} here, where the batch is made, and not in the fleet.
 */
export function submitBatchEvent(
  batchId: string,
  tasks: Iterable<Task>,
  options: BatchEventOptions = {}
): Extract<FleetCommand, { type: 'batch.submit' }> {
  assertIdWithoutSlash('batchId', batchId);
  const read = readOptions('options', options, ['metadata', 'now', 'handlers']);
  const { metadata = null, now = systemClock.now(), handlers } = read;
  jsonTextOf('metadata', metadata);
  assertTime('now', now);
  const readData = handlers === undefined ? asItIs : readerAtOnce(handlers);
  const indexes = new Map<string, number>();
  const prepared = itemsOf(tasks).map((item, index) => {
    const path = `tasks[${index}]`;
    // Its reader answers at once.
    const task = prepareTask(item, path, batchId, now, { readData }) as NewTask;
    const first = indexes.get(task.id);
    if (first !== undefined) refuse(`${path}.id`, task.id, `unique in its batch; tasks[${first}] has it too`);
    indexes.set(task.id, index);
    return task;
  });
  return {
    type: 'batch.submit',
    batchId,
    metadata,
    tasks: inOrderOfDependencies(prepared, indexes),
    seal: true,
    total: prepared.length,
    fresh: false,
    exclusive: false,
    announced: prepared.length
  };
}

function itemsOf(tasks: unknown): readonly unknown[] {
  if (Array.isArray(tasks)) return readItems('tasks', tasks, limits.arrayTasks);
  if (typeof tasks === 'object' && tasks !== null && Symbol.iterator in tasks) {
    return Array.from(tasks as Iterable<unknown>);
  }
  return refuse('tasks', tasks, 'an array or an iterable');
}

function readerAtOnce(handlers: Handlers): DataReader {
  const read = dataReader({
    schemaOf: (type) =>
      Object.hasOwn(handlers, type)
        ? readHandler(`handlers${showKey(type)}`, handlers[type]).schema
        : undefined,
    clock: systemClock
  });
  return (type, data, argument) => {
    const output = read(type, data, argument);
    if (!isToCome(output, data)) return output;
    output.catch(() => {});
    refuse(argument, data, 'of a type whose schema answers at once; use submitBatch() of a FleetManager');
  };
}
