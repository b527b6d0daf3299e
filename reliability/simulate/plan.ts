import type { CatchUp, ConfigPatch, Overlap } from '../../src/index.ts';

/**
 * A simulated life, written down: what is asked of the fleet, and what goes wrong, each at its time.
 *
 * Plain JSON. A plan says everything that happens, so the same plan is the same life, and any part of it is a
 * plan too: an operation that has become meaningless (a cancel of what was never submitted) does nothing.
 */
export interface Plan {
  /** Where the fleet's own dice start: they spread retries. */
  readonly seed: number;
  readonly config: ConfigPatch;
  /** In any order; those of one moment are carried out in this order, without a rest in between. */
  readonly operations: readonly Operation[];
}

/** What one attempt of a task's handler does. */
export interface Behaviour {
  readonly does: 'return' | 'throw' | 'returnFailure' | 'returnUnstorable' | 'hang';
  /** How long it takes. 0: it ends before it returns to the fleet. */
  readonly ms: number;
  /** Whether it ends when it is aborted. */
  readonly obeys: boolean;
  /** Which odd value it throws or returns, where it does. */
  readonly oddity: number;
}

/** Tasks that are alike. Attempt n behaves as the n-th behaviour says, later ones as the last. */
export interface TaskPlan {
  readonly count: number;
  /** Which of the types that do the same. Defaults to `work`; `metered` may have limits. */
  readonly type?: TaskType;
  readonly tags?: readonly string[];
  /** Each has an idempotency key, its own key. */
  readonly isUnique?: boolean;
  readonly attempts: readonly Behaviour[];
  readonly priority?: number;
  readonly delayMs?: number;
  readonly timeoutMs?: number;
  readonly maxRetries?: number;
  /** Each depends on the tasks of its batch that come so many places before it, as far as there are any. */
  readonly behind?: readonly number[];
}

export type TaskType = 'work' | 'metered';

/** How one commit ends. Faults are used up in order, one by each commit. */
export interface CommitFault {
  /** `lostWrite` and `lostAnswer` are told as unknown: the first did not take effect, the second did. */
  readonly ends: 'well' | 'refused' | 'lostWrite' | 'lostAnswer';
  readonly beforeMs: number;
  readonly afterMs: number;
}

export type Operation = { readonly atMs: number } & (
  | {
      readonly do: 'submitBatch';
      readonly id: string;
      readonly as: 'array' | 'iterable' | 'stream';
      /** Between two tasks of a stream. */
      readonly gapMs: number;
      readonly tasks: readonly TaskPlan[];
    }
  /** The same tasks under the same id, or, where `altered`, other ones: these have to be refused. */
  | { readonly do: 'resubmit'; readonly id: string; readonly altered: boolean }
  | { readonly do: 'submitTask'; readonly id: string; readonly waits: boolean; readonly task: TaskPlan }
  /** Submits the task of an idempotency key under whatever id: the first one is the only one. */
  | {
      readonly do: 'submitOnce';
      readonly id: string;
      readonly idempotencyKey: string;
      readonly attempts: TaskPlan['attempts'];
    }
  /** Of a single task, or of a batch where there are several. It ends by itself. */
  | {
      readonly do: 'schedule';
      readonly id: string;
      readonly everyMs: number;
      readonly catchUp: CatchUp;
      readonly overlap: Overlap;
      readonly maxRuns: number;
      readonly tasks: TaskPlan;
    }
  | { readonly do: 'pauseSchedule' | 'resumeSchedule' | 'unschedule'; readonly id: string }
  | { readonly do: 'cancelTask'; readonly key: string }
  | { readonly do: 'cancelBatch' | 'pauseBatch' | 'resumeBatch' | 'removeBatch'; readonly id: string }
  /** Reads the batch's results as they come. */
  | { readonly do: 'follow'; readonly id: string }
  | { readonly do: 'retryBatch'; readonly id: string; readonly newId: string }
  | { readonly do: 'retryTask'; readonly key: string; readonly newId: string }
  | {
      readonly do: 'submitResult';
      readonly workerId: string;
      readonly taskId: string;
      readonly success: boolean;
    }
  | { readonly do: 'pause' | 'resume' }
  | { readonly do: 'scale'; readonly count: number }
  | { readonly do: 'configure'; readonly patch: ConfigPatch }
  | { readonly do: 'failCommits'; readonly faults: readonly CommitFault[] }
  | { readonly do: 'failReads'; readonly count: number }
  /** `now`, or in the next commit, before or after it took effect. */
  | { readonly do: 'crash'; readonly when: 'now' | 'beforeWrite' | 'afterWrite'; readonly downMs: number }
  | {
      readonly do: 'stop';
      readonly graceful: boolean;
      readonly timeoutMs: number;
      readonly downMs: number;
      /** Whether the same `FleetManager` is started again, or one of another process. */
      readonly again: 'same' | 'other';
    }
  /**
   * Another process takes the fleet over, and gives it up after a while. This one is told at once, or hears it from the store
   * with its next commit.
   */
  | { readonly do: 'loseOwnership'; readonly hears: 'now' | 'atCommit'; readonly awayMs: number }
  /** Sets the wall clock. */
  | { readonly do: 'jump'; readonly ms: number }
  /** Blocks the event loop. */
  | { readonly do: 'block'; readonly ms: number }
);

export type OperationOf<TName extends Operation['do']> = Extract<Operation, { readonly do: TName }>;
