/** A run of a fleet, turn by turn, as it is read from a `.fleetlog` file. */
export interface Recording {
  readonly version: 1;
  readonly name: string;
  /** Epoch ms of the first session's start and of the last thing recorded. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Of machines, by id: the states that steps of theirs may be in. */
  readonly states: Readonly<Record<RecordedMachine, readonly string[]>>;
  /** Keys and ids of the rows and agents that steps name by number. */
  readonly tasks: readonly RecordedTask[];
  readonly batches: readonly string[];
  readonly schedules: readonly string[];
  /** Slots: the place of a worker, which stays when the worker is replaced. */
  readonly workers: readonly string[];
  /** What was there before the first turn: counts by state. Of batches, those that were stepped since. */
  readonly initial: {
    readonly tasks: Readonly<Record<string, number>>;
    readonly batches: Readonly<Record<string, number>>;
  };
  readonly turns: readonly RecordedTurn[];
  /** Processes that recorded, one after the other; `firstTurn` is an index into `turns`. What one of them did last may be missing, if it was killed. */
  readonly sessions: readonly { readonly startedAt: number; readonly firstTurn: number }[];
  /** Steps beyond what was kept (it was read up to `maxSteps`): 0 = all are here. */
  readonly omittedSteps: number;
  /** Whether the last session was stopped, still runs (or was killed between two writes), or was cut in a write. */
  readonly ending: RecordingEnding;
}

export type RecordingEnding = 'stopped' | 'running' | 'torn';

export const recordedMachines = [
  'task',
  'batch',
  'schedule',
  'worker',
  'fleet',
  'coordinator',
  'autoscaler'
] as const;

export type RecordedMachine = (typeof recordedMachines)[number];

export interface RecordedTask {
  readonly key: string;
  readonly batchId: string | null;
  readonly type: string;
}

/** A turn, with what the agents did since the one before. What they did after the last one is a turn of no inputs. */
export interface RecordedTurn {
  readonly turn: number;
  /** Epoch ms. */
  readonly at: number;
  readonly commitMs: number;
  /** How many inputs came, by type: `{ 'batch.submit': 1, 'attempt.settled': 20 }`. */
  readonly inputs: Readonly<Record<string, number>>;
  readonly steps: readonly RecordedStep[];
}

export interface RecordedStep {
  readonly machine: RecordedMachine;
  /** Index into the list of its kind; 0 for fleet, coordinator, autoscaler. */
  readonly subject: number;
  /** Its event's type; `null`: it came into being. */
  readonly event: string | null;
  /** State(s) before and after: paths with dots; several regions are joined by ` `. */
  readonly from: string | null;
  readonly to: string;
  /** What tells why, where there is something to tell. */
  readonly detail?: StepDetail;
}

export interface StepDetail {
  /** Message of the attempt's error; bounded. */
  readonly error?: string;
  readonly attempt?: number;
  /** When the next attempt may begin, epoch ms. */
  readonly retryAt?: number;
  readonly workerId?: string;
  /** Why a worker was lost or could not be made. */
  readonly reason?: string;
}
