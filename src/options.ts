import {
  defaultFleetConfig,
  type FleetConfig,
  type Retention,
  type StartRate,
  type TypeLimit,
  type WorkerGroup
} from '../machines/fleet.ts';
import type { RetryPolicy } from '../machines/retryPolicy.ts';
import { limits } from './limits.ts';
import { showKey } from './show.ts';
import { readTags } from './tags.ts';
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
  refuse
} from './validation.ts';

/** Config as callers give it: `Infinity` for no limit is allowed, and a part of the retry policy or retention is enough. */
export interface ConfigPatch extends Partial<Omit<FleetConfig, 'retry' | 'retention'>> {
  readonly retry?: Partial<RetryPolicy>;
  readonly retention?: Partial<Retention>;
}

/** Validates what the fleet is declared with and fills in the defaults. @throws {ValidationError} */
export function resolveConfig(patch: ConfigPatch): FleetConfig {
  return { ...defaultFleetConfig, ...validateConfig(patch, defaultFleetConfig) };
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
  return given;
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
  }
}

function validateRetry(value: unknown, current: RetryPolicy): RetryPolicy {
  const fields = readOptions('config.retry', value as object, Object.keys(defaultFleetConfig.retry));
  const given = Object.entries(fields).filter(([, part]) => part !== undefined);
  const policy: RetryPolicy = { ...current, ...Object.fromEntries(given) };
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
  const given = Object.entries(fields).filter(([, part]) => part !== undefined);
  const { maxAgeMs, maxBatches }: Retention = { ...current, ...Object.fromEntries(given) };
  const isLimited = (limit: number | null): limit is number => limit !== null && limit !== Infinity;
  if (isLimited(maxAgeMs)) assertDuration('config.retention.maxAgeMs', maxAgeMs, 0);
  if (isLimited(maxBatches)) {
    assertInteger('config.retention.maxBatches', maxBatches, 0, Number.MAX_SAFE_INTEGER);
  }
  return {
    maxAgeMs: isLimited(maxAgeMs) ? maxAgeMs : null,
    maxBatches: isLimited(maxBatches) ? maxBatches : null
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
