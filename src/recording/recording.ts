/** A run of a fleet, turn by turn, as it is read from a `.fleetlog` file. */
export interface Recording {
  readonly version: 1;
  readonly name: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Of machines, by id: what a step's number means. */
  readonly states: Readonly<
    Record<
      'task' | 'batch' | 'schedule' | 'worker' | 'fleet' | 'coordinator' | 'autoscaler',
      readonly string[]
    >
  >;
  /** Keys and ids of the rows and agents that steps name by number. */
  readonly tasks: readonly { readonly key: string; readonly batchId: string | null; readonly type: string }[];
  readonly batches: readonly string[];
  readonly schedules: readonly string[];
  readonly workers: readonly string[];
  /** What was there before the first turn: counts by state. */
  readonly initial: {
    readonly tasks: Readonly<Record<string, number>>;
    readonly batches: Readonly<Record<string, number>>;
  };
  readonly turns: readonly RecordedTurn[];
  /** Steps beyond what was kept (the file was cut to `maxSteps`): 0 = all are here. */
  readonly omittedSteps: number;
}
export interface RecordedTurn {
  readonly turn: number;
  readonly at: number;
  readonly commitMs: number;
  /** How many inputs came, by type: `{ 'batch.submit': 1, 'attempt.settled': 20 }`. */
  readonly inputs: Readonly<Record<string, number>>;
  readonly steps: readonly RecordedStep[];
}
export interface RecordedStep {
  readonly machine: 'task' | 'batch' | 'schedule' | 'worker' | 'fleet' | 'coordinator' | 'autoscaler';
  /** Index into the list of its kind; 0 for fleet, coordinator, autoscaler. */
  readonly subject: number;
  /** Its event's type; `null`: it came into being. */
  readonly event: string | null;
  /** State(s) before and after: paths with dots; several regions are joined by ` `. */
  readonly from: string | null;
  readonly to: string;
  /** What tells why, where there is something to tell: `{ error, attempt, retryAt, workerId, reason, durationMs }`. */
  readonly detail?: {
    readonly error?: string;
    readonly attempt?: number;
    readonly retryAt?: number;
    readonly workerId?: string;
    readonly reason?: string;
  };
}
