import type { Autoscale, FleetConfig } from './fleetConfig.ts';

/** What a fleet keeps of its config. */
export interface PersistedConfig {
  /** What was declared at the last start. */
  readonly declared: FleetConfig;
  /** What `config.update` has made of it. */
  readonly config: FleetConfig;
}

/** A field that was declared anew at this start wins; the others keep what `config.update` had made of them. */
export function mergeConfig(declared: FleetConfig, persisted: PersistedConfig): FleetConfig {
  const changed = Object.entries(declared).filter(
    ([field, value]) => !isSame(value, persisted.declared[field as keyof FleetConfig])
  );
  return { ...declared, ...persisted.config, ...Object.fromEntries(changed) };
}

/** Config values are plain JSON, and validation writes their fields in one order. */
export function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** The number of workers that autoscaling begins with. */
export function withinLimits({ minWorkers, maxWorkers }: Autoscale, count: number): number {
  return Math.min(maxWorkers, Math.max(minWorkers, count));
}
