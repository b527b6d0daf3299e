/** Where a schedule is in its life: the states of {@link scheduleMachine}. */
export type ScheduleState = 'active' | 'paused' | 'ended';

/** Every schedule state, in the order of a schedule's life. */
export const scheduleStates = ['active', 'paused', 'ended'] as const satisfies readonly ScheduleState[];

/** What becomes of times that passed while nobody ran the fleet, or that it came to more than a minute late. */
export type CatchUp = 'none' | 'last' | 'all';

export const catchUps = ['none', 'last', 'all'] as const satisfies readonly CatchUp[];

/** Whether a time fires while what the time before it has started is still going on. */
export type Overlap = 'allow' | 'skip';

export const overlaps = ['allow', 'skip'] as const satisfies readonly Overlap[];

/** What each firing submits. */
export type ScheduleKind = 'task' | 'batch';

export const scheduleKinds = ['task', 'batch'] as const satisfies readonly ScheduleKind[];

/** When a schedule fires, as it is stored: either `cron` and `timeZone`, or `everyMs`. */
export interface ScheduleSpec {
  /** 5 to 7 fields, or a nickname such as `@daily`; `null`: it has an interval. */
  readonly cron: string | null;
  /** IANA name; `null`: it has an interval. */
  readonly timeZone: string | null;
  readonly everyMs: number | null;
  readonly catchUp: CatchUp;
  readonly overlap: Overlap;
  /** No time before this, epoch ms; an interval counts from it. `null`: from when it was made. */
  readonly startAt: number | null;
  /** No time at or after this, epoch ms; `null`: no end. */
  readonly endAt: number | null;
  /** It ends with this run; `null`: no limit. */
  readonly maxRuns: number | null;
}

/** What one firing of a schedule made: the key of a task, or the id of a batch. */
export interface ScheduleRun {
  /** The time it was due at by its schedule, epoch ms. */
  readonly at: number;
  readonly batchId: string | null;
  readonly taskKey: string | null;
  /** Number of the task; `null`: it is a batch. */
  readonly seq: number | null;
}

/** Why times of a schedule did not fire. */
export type SkipReason =
  /** They were missed, and are not caught up on. */
  | 'missed'
  /** What the time before had started was still going on. */
  | 'overlap'
  /** There is a task or a batch of that name already. */
  | 'taken'
  /** What it starts cannot be submitted any more: it is more than the queue may hold now, or is not allowed any more. */
  | 'refused';
