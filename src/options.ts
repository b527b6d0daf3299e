import type { HealthPolicy } from '../machines/coordinatorMachine.ts';
import {
  defaultAutoscale,
  defaultFleetConfig,
  type Autoscale,
  type FleetConfig,
  type Retention,
  type StartRate,
  type TypeLimit,
  type WorkerGroup
} from '../machines/fleetConfig.ts';
import { maxHealthWindow } from '../machines/outcomes.ts';
import type { RetryPolicy } from '../machines/retryPolicy.ts';
import { limits } from './validation/limits.ts';
import { showKey } from './validation/show.ts';
import { readTags } from './validation/tags.ts';
import {
  assertBoolean,
  assertDuration,
  assertFinite,
  assertId,
  assertInteger,
  assertOneOf,
  readFields,
  readItems,
  readOptions,
  refuse,
  withoutUndefined
} from './validation/validation.ts';

/** Config as callers give it: `Infinity` for no limit is allowed, and a part of a policy is enough. */
export interface ConfigPatch extends Partial<
  Omit<FleetConfig, 'retry' | 'retention' | 'autoscale' | 'health'>
> {
  readonly retry?: Partial<RetryPolicy>;
  readonly retention?: Partial<Retention>;
  /** Setting it, be it to `{}`, also has it go on after the number of workers was set by hand. */
  readonly autoscale?: Partial<Autoscale> | null;
  readonly health?: Partial<HealthPolicy>;
}

/** Validates what the fleet is declared with and fills in the defaults. @throws {ValidationError} */
export function resolveConfig(patch: ConfigPatch): FleetConfig {
  const given = validateConfig(patch, defaultFleetConfig);
  const minWorkers = given.autoscale?.minWorkers;
  return {
    ...defaultFleetConfig,
    ...(minWorkers !== undefined && { maxConcurrentWorkers: minWorkers }),
    ...given
  };
}

/**
 * Validates a change of the config.
 *
 * @param current - What holds now: rules across fields are checked against the whole.
 * @throws {ValidationError} naming the field, its value and what is allowed.
 */
export function validateConfig(patch: ConfigPatch, current: FleetConfig): Partial<FleetConfig> {
  const fields = readOptions('config', patch, Object.keys(defaultFleetConfig));
  const given: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(fields) as [keyof FleetConfig, unknown][]) {
    if (value === undefined) continue;
    given[field] = normalize(field, value, current);
  }
  assertHeartbeats({ ...current, ...given });
  return given;
}

/** What is decided where a remote worker is started. */
const workerFields = [
  'maxConcurrentWorkers',
  'workerConcurrency',
  'tasksPerWorker',
  'workerGroups',
  'autoscale',
  'maxStuck'
] as const satisfies readonly (keyof FleetConfig)[];

/**
 * Refuses what a fleet whose workers come by themselves cannot decide.
 *
 * @param path - Of the config.
 * @throws {ValidationError} naming the first field.
 */
export function assertNoWorkerConfig(path: string, config: ConfigPatch | undefined): void {
  const fields = config === undefined ? {} : readFields(path, config);
  for (const field of workerFields) {
    if (fields[field] === undefined) continue;
    const remedy =
      'absent where workers come by themselves: say it where they are started, and start as many as you want';
    refuse(`${path}.${field}`, fields[field], remedy);
  }
}

function normalize(field: keyof FleetConfig, value: unknown, current: FleetConfig): unknown {
  const path = `config.${field}`;
  switch (field) {
    case 'maxConcurrentWorkers':
    case 'workerConcurrency':
      assertInteger(path, value, 1, 100_000);
      return value;
    case 'tasksPerWorker':
    case 'maxQueueSize':
      if (value === null || value === Infinity) return null;
      assertInteger(path, value, 1, Number.MAX_SAFE_INTEGER);
      return value;
    case 'maxStuck':
      if (value === null) return null;
      assertInteger(path, value, 0, 100_000);
      return value;
    case 'workerTimeout':
      assertDuration(path, value, Number.MIN_VALUE);
      return value;
    case 'heartbeatMs':
    case 'heartbeatTimeoutMs':
      assertDuration(path, value, 1);
      return value;
    case 'cancelGraceMs':
      assertDuration(path, value, 0);
      return value;
    case 'retryFailedTasks':
      assertBoolean(path, value);
      return value;
    case 'maxRetries':
    case 'maxRecoveries':
      assertInteger(path, value, 0, 1_000_000);
      return value;
    case 'onQueueFull':
      assertOneOf(path, value, ['wait', 'reject']);
      return value;
    case 'retry':
      return validateRetry(value, current.retry);
    case 'retention':
      return validateRetention(value, current.retention);
    case 'workerGroups':
      return validateGroups(path, value);
    case 'ageingMs':
      if (value === null) return null;
      assertDuration(path, value, 1);
      return value;
    case 'typeLimits':
      return validateTypeLimits(path, value);
    case 'autoscale':
      return value === null ? null : validateAutoscale(value, current.autoscale);
    case 'health':
      return validateHealth(value, current.health);
  }
}

function assertHeartbeats({ heartbeatMs, heartbeatTimeoutMs }: FleetConfig): void {
  if (heartbeatTimeoutMs > 2 * heartbeatMs) return;
  const allowed = `more than twice heartbeatMs, which is ${heartbeatMs}`;
  refuse('config.heartbeatTimeoutMs', heartbeatTimeoutMs, allowed);
}

function validateRetry(value: unknown, current: RetryPolicy): RetryPolicy {
  const fields = readOptions('config.retry', value as object, Object.keys(defaultFleetConfig.retry));
  const policy: RetryPolicy = { ...current, ...withoutUndefined(fields) };
  assertDuration('config.retry.baseMs', policy.baseMs, 0);
  assertDuration('config.retry.maxMs', policy.maxMs, 0);
  assertFinite('config.retry.factor', policy.factor);
  if (policy.factor < 1) refuse('config.retry.factor', policy.factor, 'at least 1');
  if (policy.maxMs < policy.baseMs) {
    refuse('config.retry.maxMs', policy.maxMs, `at least baseMs, which is ${policy.baseMs}`);
  }
  assertOneOf('config.retry.jitter', policy.jitter, ['full', 'equal', 'none']);
  return policy;
}

function validateRetention(value: unknown, current: Retention): Retention {
  const fields = readOptions('config.retention', value as object, Object.keys(defaultFleetConfig.retention));
  const { maxAgeMs, maxBatches, maxResults }: Retention = { ...current, ...withoutUndefined(fields) };
  const isLimited = (limit: number | null): limit is number => limit !== null && limit !== Infinity;
  if (isLimited(maxAgeMs)) assertDuration('config.retention.maxAgeMs', maxAgeMs, 0);
  if (isLimited(maxBatches)) {
    assertInteger('config.retention.maxBatches', maxBatches, 0, Number.MAX_SAFE_INTEGER);
  }
  if (isLimited(maxResults)) {
    assertInteger('config.retention.maxResults', maxResults, 0, Number.MAX_SAFE_INTEGER);
  }
  return {
    maxAgeMs: isLimited(maxAgeMs) ? maxAgeMs : null,
    maxBatches: isLimited(maxBatches) ? maxBatches : null,
    maxResults: isLimited(maxResults) ? maxResults : null
  };
}

function validateGroups(path: string, value: unknown): readonly WorkerGroup[] {
  return readItems(path, value, limits.configEntries).map((group, index) => {
    const at = `${path}[${index}]`;
    const { tags, workers } = readOptions(at, group as Partial<WorkerGroup>, ['tags', 'workers']);
    assertInteger(`${at}.workers`, workers, 1, 100_000);
    return { tags: readTags(`${at}.tags`, tags), workers };
  });
}

function validateTypeLimits(path: string, value: unknown): FleetConfig['typeLimits'] {
  const entries = Object.entries(readFields(path, value as Record<string, unknown>));
  if (entries.length > limits.configEntries) {
    refuse(path, value, `limits of at most ${limits.configEntries} types`);
  }
  return Object.fromEntries(
    entries.map(([type, limit]) => {
      assertId(`a type in ${path}`, type);
      return [type, validateTypeLimit(`${path}${showKey(type)}`, limit)];
    })
  );
}

function validateTypeLimit(path: string, value: unknown): TypeLimit {
  const { concurrency, rate } = readOptions(path, value as TypeLimit, ['concurrency', 'rate']);
  if (concurrency !== undefined) assertInteger(`${path}.concurrency`, concurrency, 1, 100_000);
  return {
    ...(concurrency !== undefined && { concurrency }),
    ...(rate !== undefined && { rate: validateRate(`${path}.rate`, rate) })
  };
}

function validateRate(path: string, value: StartRate): StartRate {
  const { limit, intervalMs } = readOptions(path, value, ['limit', 'intervalMs']);
  assertInteger(`${path}.limit`, limit, 1, 100_000);
  assertDuration(`${path}.intervalMs`, intervalMs, Number.MIN_VALUE);
  if (intervalMs > longestInterval) refuse(`${path}.intervalMs`, intervalMs, `at most ${longestInterval}`);
  return { limit, intervalMs };
}

/** Of a rate: after a restart the first starts may wait for as long. */
const longestInterval = 3_600_000;

function validateAutoscale(value: unknown, current: Autoscale | null): Autoscale {
  const path = 'config.autoscale';
  const fields = readOptions(path, value as object, [
    'minWorkers',
    'maxWorkers',
    ...Object.keys(defaultAutoscale)
  ]);
  // What is missing of a first one is refused with the others.
  const policy = { ...defaultAutoscale, ...current, ...withoutUndefined(fields) } as Autoscale;
  const { minWorkers, maxWorkers, scaleUpThreshold, scaleDownThreshold, intervalMs, cooldownMs } = policy;
  assertInteger(`${path}.minWorkers`, minWorkers, 1, 100_000);
  assertInteger(`${path}.maxWorkers`, maxWorkers, 1, 100_000);
  if (maxWorkers < minWorkers) {
    refuse(`${path}.maxWorkers`, maxWorkers, `at least minWorkers, which is ${minWorkers}`);
  }
  assertInteger(`${path}.scaleUpThreshold`, scaleUpThreshold, 0, Number.MAX_SAFE_INTEGER);
  assertInteger(`${path}.scaleDownThreshold`, scaleDownThreshold, 0, Number.MAX_SAFE_INTEGER);
  if (scaleDownThreshold > scaleUpThreshold) {
    const allowed = `at most scaleUpThreshold, which is ${scaleUpThreshold}`;
    refuse(`${path}.scaleDownThreshold`, scaleDownThreshold, allowed);
  }
  assertDuration(`${path}.intervalMs`, intervalMs, 1);
  assertDuration(`${path}.cooldownMs`, cooldownMs, 0);
  return policy;
}

function validateHealth(value: unknown, current: HealthPolicy): HealthPolicy {
  const fields = readOptions('config.health', value as object, Object.keys(defaultFleetConfig.health));
  const policy: HealthPolicy = { ...current, ...withoutUndefined(fields) };
  assertInteger('config.health.window', policy.window, 1, maxHealthWindow);
  assertInteger('config.health.minResults', policy.minResults, 1, policy.window);
  assertPerCent('config.health.degradeBelow', policy.degradeBelow, 0);
  assertPerCent('config.health.recoverAt', policy.recoverAt, policy.degradeBelow);
  return policy;
}

function assertPerCent(argument: string, value: unknown, min: number): asserts value is number {
  if (Number.isFinite(value) && (value as number) >= min && (value as number) <= 100) return;
  refuse(argument, value, `a number from ${min} to 100`);
}
