import type { FinalBatchState } from './batch.ts';
import type { HealthFact } from './coordinatorMachine.ts';
import type { ScheduleRun, SkipReason } from './schedule.ts';
import type { FinalTaskStatus, Json, TaskError } from './task.ts';

/** Why the number of workers changed. */
export type ScalingReason = 'queue' | 'idle' | 'manual';

/** What the fleet tells the world, always after the commit that made it true. */
export type FleetFact =
  | { readonly type: 'batch.accepted'; readonly batchId: string; readonly totalTasks: number }
  | { readonly type: 'batch.settled'; readonly batchId: string; readonly status: FinalBatchState }
  | {
      /** A command that came as an event, without a `commandId`, was refused. */
      readonly type: 'command.refused';
      readonly command: string;
      readonly batchId: string | null;
      readonly code: string;
      readonly message: string;
    }
  | {
      readonly type: 'task.settled';
      readonly key: string;
      readonly batchId: string | null;
      readonly status: FinalTaskStatus;
      readonly workerId: string | null;
      readonly settledSeq: number;
    }
  | {
      readonly type: 'task.retrying';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly retryAt: number;
      readonly error: TaskError;
    }
  | {
      readonly type: 'task.progress';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly value: Json;
    }
  | {
      readonly type: 'task.log';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly line: string;
    }
  | {
      /** Code that its handler left behind threw. `hasFailed`: that failed the attempt, which still ran. */
      readonly type: 'task.detachedError';
      readonly key: string;
      readonly batchId: string | null;
      readonly attempt: number;
      readonly error: TaskError;
      readonly hasFailed: boolean;
    }
  | {
      /** Tasks of this type wait: an earlier process had a handler for it, this one has none yet. */
      readonly type: 'handler.missing';
      readonly taskType: string;
    }
  | {
      /** Tasks of this type and with these tags wait: no remote worker that is there can take them. Told once. */
      readonly type: 'tasks.unroutable';
      readonly taskType: string;
      readonly tags: readonly string[];
    }
  | {
      /** `reason`: its queue was long, or workers had nothing to do; or somebody set the number, or the limits. */
      readonly type: 'workers.scaled';
      readonly from: number;
      readonly to: number;
      readonly reason: ScalingReason;
    }
  | { readonly type: 'schedule.fired'; readonly scheduleId: string; readonly run: ScheduleRun }
  | {
      readonly type: 'schedule.skipped';
      readonly scheduleId: string;
      /** The first of the times that did not fire, epoch ms, and how many there were. */
      readonly at: number;
      readonly count: number;
      readonly reason: SkipReason;
    }
  | { readonly type: 'schedule.ended'; readonly scheduleId: string }
  | { readonly type: 'worker.spawned'; readonly workerId: string }
  | { readonly type: 'worker.stopped'; readonly workerId: string }
  /** It has not answered for two heartbeats, and takes nothing new until it does. */
  | { readonly type: 'worker.unresponsive'; readonly workerId: string }
  /** A remote worker is there and is given nothing, such as one that speaks another version of the protocol. */
  | { readonly type: 'worker.unfit'; readonly workerId: string; readonly problem: string }
  /** It died, stayed silent, or could not be made. Another one follows it, unless it is remote; what it held is queued again. */
  | { readonly type: 'worker.lost'; readonly workerId: string; readonly problem: string }
  | { readonly type: 'store.unavailable'; readonly code: string; readonly message: string }
  | { readonly type: 'store.recovered' }
  /** The fleet stands by: `owner` has it, as far as is known. Told anew when that is another one. */
  | { readonly type: 'standby.began'; readonly owner: string }
  /** The fleet has taken over, and recovers. */
  | { readonly type: 'standby.ended' }
  /** Another process owns the fleet, or may: this one does nothing more. */
  | { readonly type: 'ownership.lost'; readonly code: string; readonly message: string }
  | HealthFact;

/** Every type of fact. */
export const factTypes = [
  'batch.accepted',
  'batch.settled',
  'command.refused',
  'task.settled',
  'task.retrying',
  'task.progress',
  'task.log',
  'task.detachedError',
  'handler.missing',
  'tasks.unroutable',
  'workers.scaled',
  'schedule.fired',
  'schedule.skipped',
  'schedule.ended',
  'worker.spawned',
  'worker.stopped',
  'worker.unresponsive',
  'worker.unfit',
  'worker.lost',
  'store.unavailable',
  'store.recovered',
  'standby.began',
  'standby.ended',
  'ownership.lost',
  'coordinator.degraded',
  'coordinator.recovered'
] as const satisfies readonly FleetFact['type'][];
