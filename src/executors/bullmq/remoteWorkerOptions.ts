import { hostname } from 'node:os';
import { longestTimerMs } from '../../clock.ts';
import type { Handlers } from '../../handlers/handler.ts';
import { HandlerRegistry } from '../../handlers/handlerRegistry.ts';
import type { ShouldRetry } from '../../handlers/outcome.ts';
import { readTags } from '../../validation/tags.ts';
import { assertFunction, assertInteger, assertOneOf, readOptions } from '../../validation/validation.ts';
import type { DetachedErrorPolicy } from '../inProcess.ts';
import {
  addressOptionNames,
  resolveAddress,
  type AddressOptions,
  type ResolvedAddress
} from './addressOptions.ts';

/** How a process serves a fleet. */
export interface RemoteWorkerOptions extends AddressOptions {
  /** By task type. At least one. */
  readonly handlers: Handlers | HandlerRegistry;
  /** Attempts that run at once. Integer from 1 to 10,000. Defaults to 1. */
  readonly concurrency?: number | undefined;
  /** What the worker offers: tasks with other tags do not come. At most 16. Defaults to none. */
  readonly tags?: readonly string[] | undefined;
  /**
   * How often the worker says that it is there, ms; six times that long without a word, and it counts as gone. A handler
   * that blocks the event loop for so long costs the worker all that it runs. Integer >= 10. Defaults to 5,000.
   */
  readonly heartbeatMs?: number | undefined;
  /**
   * How long BullMQ keeps the lock of an attempt without renewal, ms: what runs while Redis is away for longer is lost. It is
   * renewed after half of it. Nobody else may take the job meanwhile, so it can be long. Integer >= 1,000. Defaults to
   * 300,000.
   */
  readonly lockDurationMs?: number | undefined;
  /** Decides whether another attempt may help. Defaults to always, but for a `NonRetryableError`. */
  readonly shouldRetry?: ShouldRetry | undefined;
  /** What becomes of an error of a handler's detached code. Defaults to `isolate`. */
  readonly onDetachedError?: DetachedErrorPolicy | undefined;
}

export interface ResolvedWorkerOptions extends ResolvedAddress {
  readonly handlers: HandlerRegistry;
  readonly concurrency: number;
  readonly tags: readonly string[];
  readonly heartbeatMs: number;
  readonly lockDurationMs: number;
  readonly shouldRetry: ShouldRetry;
  readonly onDetachedError: DetachedErrorPolicy;
  /** As the entry of the worker names the machine: a part of its id. */
  readonly host: string;
}

const optionNames = [
  ...addressOptionNames,
  'handlers',
  'concurrency',
  'tags',
  'heartbeatMs',
  'lockDurationMs',
  'shouldRetry',
  'onDetachedError'
] satisfies (keyof RemoteWorkerOptions)[];

/** @throws {ValidationError} */
export function resolveWorkerOptions(options: RemoteWorkerOptions): ResolvedWorkerOptions {
  const given = readOptions('options', options, optionNames);
  const address = resolveAddress('options', given);
  const {
    concurrency = 1,
    tags = [],
    heartbeatMs = 5_000,
    lockDurationMs = 300_000,
    shouldRetry = () => true,
    onDetachedError = 'isolate'
  } = given;
  assertInteger('options.concurrency', concurrency, 1, 10_000);
  assertInteger('options.heartbeatMs', heartbeatMs, 10, 600_000);
  assertInteger('options.lockDurationMs', lockDurationMs, 1_000, longestTimerMs);
  assertFunction('options.shouldRetry', shouldRetry);
  assertOneOf('options.onDetachedError', onDetachedError, ['isolate', 'exit']);
  const handlers =
    given.handlers instanceof HandlerRegistry ? given.handlers : new HandlerRegistry(given.handlers);
  return {
    ...address,
    handlers,
    concurrency,
    tags: readTags('options.tags', tags),
    heartbeatMs,
    lockDurationMs,
    shouldRetry,
    onDetachedError,
    host:
      hostname()
        .replace(/[^A-Za-z0-9._-]/g, '-')
        .slice(0, 64) || 'host'
  };
}
