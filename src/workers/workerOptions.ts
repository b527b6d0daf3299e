import { systemClock, type Clock } from '../clock.ts';
import type { ShouldRetry } from '../handlers/outcome.ts';
import { assertClock } from '../validation/ports.ts';
import { readTags } from '../validation/tags.ts';
import {
  assertDuration,
  assertFunction,
  assertId,
  assertInteger,
  readOptions
} from '../validation/validation.ts';

/** What a worker is made with. Everything but the id has a default. */
export interface WorkerOptions {
  /** Names it in results. In a fleet, the id that `getWorkerInstance` was asked for. */
  readonly id: string;
  /** What it offers: a fleet gives it tasks whose tags are all among these. At most 16. Defaults to none. */
  readonly tags?: readonly string[];
  /**
   * Tasks at once. Integer in [1, 100,000]. Defaults to 1 alone, and to the fleet's `workerConcurrency` in a fleet,
   * which must not ask for more than what is given here.
   */
  readonly concurrency?: number;
  /** Limit for a task that has none of its own, ms, where no fleet sets it. Defaults to 300,000. */
  readonly timeoutMs?: number;
  /** Decides whether another attempt may help. Defaults to always, but for a `NonRetryableError`. */
  readonly shouldRetry?: ShouldRetry;
  /** Told what a hook threw, or that it hangs. Defaults to a warning of the process. */
  readonly onHookError?: (error: unknown) => void;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
}

export interface ResolvedWorkerOptions extends Required<Omit<WorkerOptions, 'concurrency' | 'onHookError'>> {
  /** `null`: as many as the fleet wants, and 1 alone. */
  readonly concurrency: number | null;
  readonly onHookError: ((error: unknown) => void) | undefined;
}

const optionNames = [
  'id',
  'tags',
  'concurrency',
  'timeoutMs',
  'shouldRetry',
  'onHookError',
  'clock'
] satisfies (keyof WorkerOptions)[];

/** Validates the options and fills in the defaults. @throws {ValidationError} */
export function resolveWorkerOptions(options: WorkerOptions): ResolvedWorkerOptions {
  const given = readOptions('options', options, optionNames);
  const { id, tags = [], concurrency, timeoutMs = 300_000, shouldRetry, onHookError } = given;
  const { clock = systemClock } = given;
  assertId('options.id', id);
  if (concurrency !== undefined) assertInteger('options.concurrency', concurrency, 1, 100_000);
  assertDuration('options.timeoutMs', timeoutMs, Number.MIN_VALUE);
  if (shouldRetry !== undefined) assertFunction('options.shouldRetry', shouldRetry);
  if (onHookError !== undefined) assertFunction('options.onHookError', onHookError);
  assertClock('options.clock', clock);
  return {
    id,
    tags: readTags('options.tags', tags),
    concurrency: concurrency ?? null,
    timeoutMs,
    shouldRetry: shouldRetry ?? (() => true),
    onHookError,
    clock
  };
}
