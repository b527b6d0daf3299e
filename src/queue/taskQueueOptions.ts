import type { FleetConfig, Retention } from '../../machines/fleetConfig.ts';
import type { RetryPolicy } from '../../machines/retryPolicy.ts';
import type { Clock } from '../clock.ts';
import type { ShouldRetry } from '../handlers/outcome.ts';
import type { Store } from '../store.ts';

/** What a queue is made of. Everything has a default. */
export interface TaskQueueOptions {
  /** Names the queue within its store. Defaults to `queue`. */
  readonly name?: string;
  /** Where everything is durable. Defaults to `memoryStore()`, which is not. */
  readonly store?: Store;
  /** Tasks that may wait at once. Integer >= 1. Defaults to no limit. */
  readonly maxQueueSize?: number;
  /** What `enqueue` does when the queue is full. Defaults to `wait`. */
  readonly onQueueFull?: FleetConfig['onQueueFull'];
  /**
   * A task counts as one priority point higher for each such time that it has waited, ms. Finite, >= 1; `null`: never.
   * Defaults to 60,000.
   */
  readonly ageingMs?: number | null;
  /** Time until a lease ends that is not extended, ms. Finite, > 0. Defaults to 30,000. */
  readonly leaseMs?: number;
  /** Limit for an attempt of a task that has none of its own, however often its lease is extended, ms. Defaults to none. */
  readonly timeoutMs?: number;
  /** Retries of a task that has no limit of its own. Integer >= 0. Defaults to 3. */
  readonly maxRetries?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Leases that a task may lose before it counts as poison. Integer >= 0. Defaults to 3. */
  readonly maxRecoveries?: number;
  /** How long settled tasks are kept: `maxAgeMs`. Defaults to for ever. */
  readonly retention?: Partial<Retention>;
  /** Decides whether another attempt may help. Defaults to always, but for a `NonRetryableError`. */
  readonly shouldRetry?: ShouldRetry;
  /** Source of time. Defaults to the machine's. */
  readonly clock?: Clock;
  /** In [0, 1): spreads retries. Defaults to `Math.random`. */
  readonly random?: () => number;
  /** Mints ids of tasks. Defaults to UUID v7. */
  readonly newId?: () => string;
}

export const queueOptionNames = [
  'name',
  'store',
  'maxQueueSize',
  'onQueueFull',
  'ageingMs',
  'leaseMs',
  'timeoutMs',
  'maxRetries',
  'retry',
  'maxRecoveries',
  'retention',
  'shouldRetry',
  'clock',
  'random',
  'newId'
] satisfies (keyof TaskQueueOptions)[];

/** Options that are the fleet's config. */
export const queueConfigFields = [
  'maxQueueSize',
  'onQueueFull',
  'ageingMs',
  'maxRetries',
  'retry',
  'maxRecoveries',
  'retention'
] as const;
