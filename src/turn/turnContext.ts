import type { FleetConfig } from '../../machines/fleetConfig.ts';
import type { Found } from './turnInput.ts';

/** All that a turn may read besides the ledger: with the same inputs it does the same. */
export interface TurnContext {
  /** Epoch ms. */
  readonly at: number;
  readonly activeNow: number;
  readonly random: () => number;
  readonly config: FleetConfig;
  /** Whether queued tasks may be claimed. */
  readonly isDispatching: boolean;
  /** Task types that can be run. `null`: any. */
  readonly types: ReadonlySet<string> | null;
  /** Whether a handler that hangs ends with its worker. */
  readonly canEndHandlers: boolean;
  /** Whether facts about single tasks are wanted. */
  readonly tellsTasks: boolean;
  /** Whether workers are processes elsewhere, which begin an attempt when they get to it. */
  readonly isRemote: boolean;
  /** Whether somebody follows the rows step by step. */
  readonly keepsSteps: boolean;
  readonly found: Found;
}
