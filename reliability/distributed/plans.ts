import type { BatchPlan } from './workload.ts';

/** Name of the fleet within its store. */
export const fleetName = 'tortured';

/** What is broken on purpose in a manager, so that the verdict has something to find. */
export const plantedBugs = ['dropped batch', 'double start', 'swallowed outcome'] as const;

export type PlantedBug = (typeof plantedBugs)[number];

/** How often a process says that its event loop turns, ms. */
export const pulseMs = 50;

/** What a process of a cycle is started with, as JSON text. */
export type ProcessPlan = ManagerPlan | ClientPlan;

/** A manager. Where another one owns the fleet, it stands by until that one has gone. */
export interface ManagerPlan {
  readonly role: 'manager';
  readonly storePath: string;
  /** Where it tells what it saw, and its workers what they did. */
  readonly witnessFolder: string;
  /** Of the loopback address: clients submit there. */
  readonly frontPort: number;
  readonly maxRecoveries: number;
  readonly planted: PlantedBug | null;
}

/** A client, which submits until it is told that its tasks are durable. */
export interface ClientPlan {
  readonly role: 'client';
  readonly storePath: string;
  readonly witnessFolder: string;
  /** Of the link to the manager. */
  readonly frontPort: number;
  readonly batches: readonly BatchPlan[];
  readonly isRepeated: boolean;
}

/** What a process says to who started it. */
export type FromProcess =
  | { readonly type: 'pulse' }
  /** A manager owns its fleet. */
  | { readonly type: 'started' }
  /** A client has been told of all that it asked for. */
  | { readonly type: 'done' };
