import type { FinalTaskStatus } from '../../src/index.ts';

/** Something that a fleet has told its caller, which therefore has to be true for ever. */
export type Told =
  | { readonly type: 'accepted'; readonly batchId: string; readonly keys: readonly string[] }
  | { readonly type: 'cancelled'; readonly batchId: string }
  | {
      readonly type: 'settled';
      readonly key: string;
      readonly status: FinalTaskStatus;
      readonly settledSeq: number;
    }
  | { readonly type: 'scheduled' | 'unscheduling' | 'unscheduled'; readonly scheduleId: string }
  /** @param name - Key of the task, or id of the batch, that was submitted. */
  | { readonly type: 'fired'; readonly name: string }
  | { readonly type: 'result'; readonly key: string; readonly result: string | null };

/** What was told, and when: the size that the log of the disk had then. */
export type Acknowledgement = Told & { readonly at: number };
