import type { RestoredAutoscaler } from '../../machines/autoscalerMachine.ts';
import type { CoordinatorContext } from '../../machines/coordinatorMachine.ts';
import { defaultFleetConfig, type FleetConfig } from '../../machines/fleetConfig.ts';
import type { FleetContext } from '../../machines/fleetMachine.ts';
import { maxHealthWindow } from '../../machines/outcomes.ts';
import type { WorkerContext } from '../../machines/workerMachine.ts';
import { validateConfig } from '../options.ts';
import {
  assertBoolean,
  assertDuration,
  assertFinite,
  assertInteger,
  assertObject,
  assertOneOf,
  assertText,
  refuse
} from '../validation/validation.ts';

// What is restored goes through the same rules as what callers give. Each throws a ValidationError that names the
// field. A field that is not looked at is not used after a restart.

const maxInteger = Number.MAX_SAFE_INTEGER;
const isWindow = new RegExp(`^[+-]{0,${maxHealthWindow}}$`);

export function assertFleetContext(path: string, value: unknown): asserts value is FleetContext {
  assertObject(path, value);
  assertText(`${path}.name`, value.name);
  assertConfig(`${path}.declared`, value.declared);
  assertConfig(`${path}.config`, value.config);
  assertBoolean(`${path}.paused`, value.paused);
  assertInteger(`${path}.slots`, value.slots, 0, maxInteger);
  assertObject(`${path}.formerWorkers`, value.formerWorkers);
  assertObject(`${path}.metadata`, value.metadata);
  for (const [slot, worker] of Object.entries(value.formerWorkers)) {
    assertWorkerContext(`${path}.formerWorkers.${slot}`, worker, slot);
  }
}

export function assertCoordinatorContext(path: string, value: unknown): asserts value is CoordinatorContext {
  assertObject(path, value);
  for (const count of ['successCount', 'failureCount', 'settledSeq', 'clearedSeq', 'removedSeq']) {
    assertInteger(`${path}.${count}`, value[count], 0, maxInteger);
  }
  const { recent, degradedAt } = value;
  assertText(`${path}.recent`, recent);
  if (!isWindow.test(recent)) refuse(`${path}.recent`, recent, 'signs of the last results');
  if (degradedAt !== null) assertFinite(`${path}.degradedAt`, degradedAt);
  assertDuration(`${path}.totalDuration`, value.totalDuration, 0);
  for (const time of ['oldestResult', 'newestResult']) {
    if (value[time] !== null) assertFinite(`${path}.${time}`, value[time]);
  }
}

export function assertAutoscalerContext(path: string, value: unknown): asserts value is RestoredAutoscaler {
  assertObject(path, value);
  assertBoolean(`${path}.manual`, value.manual);
  if (value.direction !== null) assertOneOf(`${path}.direction`, value.direction, ['up', 'down']);
}

/** @param slot - The place that it is the context of. */
export function assertWorkerContext(
  path: string,
  value: unknown,
  slot: string
): asserts value is WorkerContext {
  assertObject(path, value);
  if (value.slot !== slot) refuse(`${path}.slot`, value.slot, slot);
  assertInteger(`${path}.incarnation`, value.incarnation, 1, maxInteger);
  for (const count of ['completed', 'failed']) assertInteger(`${path}.${count}`, value[count], 0, maxInteger);
}

/** A field that is missing takes the value that the fleet is declared with. */
function assertConfig(path: string, value: unknown): asserts value is FleetConfig {
  assertObject(path, value);
  if ('retry' in value) assertObject(`${path}.retry`, value.retry);
  validateConfig(value, defaultFleetConfig);
}
