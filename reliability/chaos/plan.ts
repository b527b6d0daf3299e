import type { CrashPoint } from './crashPoints.ts';
import type { Lane } from './calls.ts';
import type { Fault } from './faults.ts';
import type { WayToDie } from './kinds.ts';

/** All that a process is told, as JSON in its first argument. */
export interface Plan {
  readonly storePath: string;
  readonly logPath: string;
  readonly durability: 'full' | 'process';
  readonly lanes: readonly Lane[];
  /** Where the process kills itself, and the how manieth pass it is. `null`: nowhere. */
  readonly trap: { readonly point: CrashPoint; readonly pass: number } | null;
  /** The process sends itself SIGTERM when the handler of this task begins. */
  readonly terminateWhenBegun: string | null;
  /** How long running tasks may take after SIGTERM, ms. */
  readonly drainMs: number;
  /** A batch whose results are followed from a position on. */
  readonly follow: { readonly batchId: string; readonly afterSettledSeq: number } | null;
  /** Runs a second fleet in the same store, with a task that ends the process. */
  readonly lethal: { readonly way: WayToDie } | null;
  /** The process waits until all is settled and ends by itself. */
  readonly finish: Finish | null;
  /** What is broken in this process on purpose, to see that it is seen. */
  readonly fault: Fault | null;
}

export interface Finish {
  readonly batchIds: readonly string[];
  readonly keys: readonly string[];
  /** How long all that may take, ms. */
  readonly withinMs: number;
}

/** Names of the fleets within the store. */
export const scopes = { main: 'main', lethal: 'lethal' } as const;

export const lethalKey = 'poison';

/** Config of the main fleet. Innocent tasks are never poison: they lose attempts to every kill. */
export const mainConfig = {
  maxConcurrentWorkers: 4,
  maxRecoveries: 1_000,
  maxStuck: 1_000,
  cancelGraceMs: 100,
  retry: { baseMs: 150, factor: 2, maxMs: 1_000, jitter: 'equal' }
} as const;

/** Config of the fleet with the lethal task. */
export const lethalConfig = { maxConcurrentWorkers: 1, maxRecoveries: 1 } as const;
