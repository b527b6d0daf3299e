import type { BatchPlan } from './workload.ts';

/** Name of the fleet within its store. */
export const fleetName = 'tortured';

/** What is broken on purpose in a manager, so that the verdict has something to find. */
export const plantedBugs = ['dropped batch', 'double start', 'swallowed outcome'] as const;

export type PlantedBug = (typeof plantedBugs)[number];

/** How often a process says that its event loop turns, ms. */
export const pulseMs = 50;

/**
 * How long a fleet stays that of a manager that says nothing, and a remote worker that of its fleet, ms. On a machine with
 * much else to do, processes stand still for a second without anybody's doing.
 */
export const leaseMs = 2_500;
export const silenceMs = 1_800;

/** Attempts that a manager runs at once where they run in its own process, or each in one of its own. */
export const managerSlots = 3;

/** What a process of a cycle is started with, as JSON text. */
export type ProcessPlan = ManagerPlan | ClientPlan | WorkerPlan | StrangerPlan;

/** Where the fleet's rows are. */
export type LedgerPlan =
  | { readonly kind: 'sqlite'; readonly path: string }
  /** @param schema - Of this cycle alone: cycles share a server. */
  | { readonly kind: 'postgres'; readonly url: string; readonly schema: string };

/** Where handlers run: in the manager's process, in processes that it starts, or in workers that come over Redis. */
export type EnginePlan =
  | { readonly kind: 'in process' | 'processes' }
  | { readonly kind: 'bullmq'; readonly url: string; readonly fleet: string };

export type RemoteEnginePlan = Extract<EnginePlan, { kind: 'bullmq' }>;

/** A manager. Where another one owns the fleet, it stands by until that one has gone. */
export interface ManagerPlan {
  readonly role: 'manager';
  /** Where it tells what it saw, and its workers what they did. */
  readonly witnessFolder: string;
  readonly ledger: LedgerPlan;
  readonly engine: EnginePlan;
  /** Of the loopback address: clients submit there. `null`: they leave what they want in the store. */
  readonly frontPort: number | null;
  readonly maxRecoveries: number;
  readonly planted: PlantedBug | null;
}

/** A client, which submits until it is told that its tasks are durable, and then listens to their results. */
export interface ClientPlan {
  readonly role: 'client';
  readonly witnessFolder: string;
  readonly ledger: LedgerPlan;
  /** Of the link to the manager. `null`: it submits through the store. */
  readonly frontPort: number | null;
  readonly batches: readonly BatchPlan[];
  readonly isRepeated: boolean;
}

/** A process that serves the fleet over Redis. */
export interface WorkerPlan {
  readonly role: 'worker';
  readonly witnessFolder: string;
  readonly engine: RemoteEnginePlan;
  /** Workers in this process: many make a storm. */
  readonly sessions: number;
  /** Attempts that each runs at once. */
  readonly concurrency: number;
  /** Whether it has the handler of the kind `rare`. */
  readonly isComplete: boolean;
}

/** A worker of another version of the protocol: nothing may ever be given to it. */
export interface StrangerPlan {
  readonly role: 'stranger';
  readonly witnessFolder: string;
  readonly engine: RemoteEnginePlan;
}

/** What a process says to who started it. */
export type FromProcess =
  | { readonly type: 'pulse' }
  /** A manager owns its fleet, or a worker has joined it. */
  | { readonly type: 'started' }
  /** A manager owns it no more. */
  | { readonly type: 'fenced' }
  /** A client has been told of all that it asked for. */
  | { readonly type: 'done' };
