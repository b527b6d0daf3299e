import type { Rows } from './rowCheck.ts';
import type { LogState } from './walLog.ts';

/** What is wrong with a store, and what to do about it. */
export interface StoreFinding {
  /**
   * `absent`, `empty`: there is nothing to check. `foreign`: it is no store. `version`: another version wrote it.
   * `schema`, `log`, `pages`: the file is damaged. `row`: a row is. `link`: rows do not belong together. `counts`:
   * rows and their counts differ. `agent`: an agent's snapshot does not fit.
   */
  readonly kind:
    | 'absent'
    | 'empty'
    | 'foreign'
    | 'version'
    | 'schema'
    | 'log'
    | 'pages'
    | 'row'
    | 'link'
    | 'counts'
    | 'agent';
  /** Name of the fleet; `null`: the file. */
  readonly fleet: string | null;
  readonly problem: string;
  readonly remedy: string;
}

/** What a fleet has in a store. */
export interface FleetReport {
  readonly name: string;
  /** 0: none yet. */
  readonly turn: number;
  readonly tasks: number;
  readonly liveTasks: number;
  /** Tasks that were submitted and are not there any more: their batches were removed. */
  readonly removedTasks: number;
  readonly batches: number;
  readonly results: number;
  readonly schedules: number;
  readonly agents: number;
}

/** What {@link checkStore} found. */
export interface StoreReport {
  readonly path: string;
  /** Nothing is wrong with it. */
  readonly isSound: boolean;
  /** `older`: it is migrated when a fleet opens it. */
  readonly condition: 'absent' | 'empty' | 'unreadable' | 'older' | 'store';
  /** Of its tables; `null` where it has none. */
  readonly schemaVersion: number | null;
  readonly bytes: number;
  /** Who owns it, or did when it last was not closed; `null`: nobody. */
  readonly owner: { readonly name: string; readonly isAlive: boolean } | null;
  readonly log: LogState;
  readonly fleets: readonly FleetReport[];
  /** The first 100. */
  readonly findings: readonly StoreFinding[];
  /** How many there are beyond those. */
  readonly moreFindings: number;
}

/** The report as the thread makes it: whether snapshots fit is not for it to say. */
export interface RawReport extends Omit<StoreReport, 'isSound'> {
  readonly agents: readonly { readonly fleet: string; readonly rows: Rows }[];
}
