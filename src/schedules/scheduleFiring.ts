import type { ScheduleRun, SkipReason } from '../../machines/schedule.ts';
import { ValidationError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { batchLifecycle, scheduleLifecycle, taskLifecycle } from '../ledger/lifecycles.ts';
import type { ScheduleRow } from '../store.ts';
import { submitBatch } from '../turn/batchRules.ts';
import { submitTask } from '../turn/taskRules.ts';
import type { Turn } from '../turn/turn.ts';
import type { PlannedSchedule, SchedulePlan } from './schedulePlan.ts';
import { stageIfChanged } from './scheduleRules.ts';
import { firingId, firingOf, type Firing } from './scheduleTemplate.ts';

/**
 * Submits what is due, in the same turn as the time after it: a time that has fired is past, whatever happens.
 *
 * @param plan - Made before the turn, from the committed rows. What a command of this turn changed is left to the next.
 */
export function fireDue(turn: Turn, ledger: Ledger, plan: SchedulePlan): void {
  for (const planned of plan.schedules) fireSchedule(turn, ledger, planned);
  // What waits for room is looked at again when there is some, not at once.
  if (plan.isCutShort && !ledger.schedules.isWaitingForRoom) turn.isCutShort = true;
}

function fireSchedule(turn: Turn, ledger: Ledger, { row: before, times, nextAt }: PlannedSchedule): void {
  const { id } = before.context;
  let row = turn.schedules.get(id);
  if (row !== before) {
    turn.isCutShort = true;
    return;
  }
  for (const [index, time] of times.entries()) {
    const dueAt = times[index + 1]?.at ?? nextAt;
    const done = time.skipped > 0 ? skip(time, 'missed', time.skipped) : fire(turn, row, time.at);
    if (done === 'full') {
      ledger.schedules.isWaitingForRoom = true;
      break;
    }
    row = turn.stepSchedule(
      row,
      'run' in done
        ? { type: 'time.fired', run: done.run, dueAt }
        : { type: 'time.skipped', count: done.count, dueAt }
    );
    if ('run' in done) turn.facts.push({ type: 'schedule.fired', scheduleId: id, run: done.run });
    else turn.facts.push({ type: 'schedule.skipped', scheduleId: id, ...done });
    if (scheduleLifecycle.isFinal(row.state)) break;
  }
  stageIfChanged(turn, before, row);
}

interface Skipped {
  /** The first of the times. */
  readonly at: number;
  readonly count: number;
  readonly reason: SkipReason;
}

function skip({ at }: { readonly at: number }, reason: SkipReason, count = 1): Skipped {
  return { at, count, reason };
}

/** Submits what is due at one time. `full`: it has to wait for room in the queue. */
function fire(
  turn: Turn,
  { context: { id, spec, kind, tasks, lastRun } }: ScheduleRow,
  at: number
): { readonly run: ScheduleRun } | Skipped | 'full' {
  const { maxQueueSize } = turn.context.config;
  if (spec.overlap === 'skip' && lastRun !== null && isGoingOn(turn, lastRun)) return skip({ at }, 'overlap');
  const name = firingId(id, at);
  const isTaken =
    kind === 'task'
      ? turn.taskByKey(name) !== undefined
      : turn.batch(name) !== undefined || turn.removalOf(name) !== undefined;
  if (isTaken) return skip({ at }, 'taken');
  const template = turn.templateOf(id);
  if (template === undefined || (maxQueueSize !== null && tasks > maxQueueSize))
    return skip({ at }, 'refused');
  if (maxQueueSize !== null && turn.waiting + tasks > maxQueueSize) return 'full';
  try {
    return { run: submit(turn, at, firingOf(template, id, at, turn.context.at)) };
  } catch (error) {
    // It was allowed when it was put in: the rules have changed since.
    if (error instanceof ValidationError) return skip({ at }, 'refused');
    throw error;
  }
}

const scheduled = { type: 'command', commandId: undefined, isScheduled: true } as const;

function submit(turn: Turn, at: number, command: Firing): ScheduleRun {
  if (command.type === 'batch.submit') {
    submitBatch(turn, { ...scheduled, command }, command);
    return { at, batchId: command.batchId, taskKey: null, seq: null };
  }
  submitTask(turn, { ...scheduled, command }, command);
  const { key } = command.task;
  return { at, batchId: null, taskKey: key, seq: turn.taskByKey(key)!.context.seq };
}

/** Whether what a firing submitted has not settled. What has settled is not in memory. */
function isGoingOn(turn: Turn, { batchId, seq }: ScheduleRun): boolean {
  const batch = batchId === null ? undefined : turn.batch(batchId);
  const task = seq === null ? undefined : turn.task(seq);
  return (
    (batch !== undefined && !batchLifecycle.isFinal(batch.state)) ||
    (task !== undefined && !taskLifecycle.isFinal(task.state))
  );
}
