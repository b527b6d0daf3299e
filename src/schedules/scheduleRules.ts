import type { LedgerCommandOf } from '../../machines/fleetCommand.ts';
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts';
import { scheduleLifecycle } from '../ledger/lifecycles.ts';
import type { ScheduleRow } from '../store.ts';
import type { Turn } from '../turn/turn.ts';
import { show } from '../validation/show.ts';
import { nextTime } from './scheduleTimes.ts';

/** Schedules that a fleet has at most, those included that have ended. */
export const maxSchedules = 10_000;

/** Makes a schedule, or changes the one that is there. @returns Whether anything changed. */
export function putSchedule(turn: Turn, { schedule }: LedgerCommandOf<'schedule.put'>): boolean {
  const { id, spec, kind, tasks, template } = schedule;
  const { at } = turn.context;
  const existing = turn.schedules.get(id);
  const isSame =
    existing !== undefined &&
    turn.templateOf(id) === template &&
    JSON.stringify(existing.context.spec) === JSON.stringify(spec);
  if (isSame) return false;
  const size = template.length;
  const isNew = existing === undefined || scheduleLifecycle.isFinal(existing.state);
  const createdAt = isNew ? at : existing.context.createdAt;
  const dueAt = nextTime(spec, createdAt, at);
  if (dueAt === null) {
    const value = show(spec.cron ?? spec.everyMs);
    throw new ValidationError(
      'timing',
      value,
      'one whose time comes at least once more, within startAt and endAt'
    );
  }
  if (existing === undefined && turn.schedules.count >= maxSchedules) {
    throw new ConflictError(
      'schedule',
      id,
      `is one more than the ${maxSchedules} that a fleet has; remove others first`
    );
  }
  const row = isNew
    ? turn.createSchedule({ id, spec, kind, tasks, size, createdAt, dueAt })
    : turn.stepSchedule(existing, { type: 'schedule.update', spec, kind, tasks, size, dueAt, at });
  stage(turn, row, template);
  return true;
}

/** What it has submitted stays. @returns `false`: unknown. */
export function removeSchedule(turn: Turn, { scheduleId }: LedgerCommandOf<'schedule.remove'>): boolean {
  if (turn.schedules.get(scheduleId) === undefined) return false;
  turn.schedules.remove(scheduleId);
  return true;
}

export function pauseSchedule(turn: Turn, { scheduleId }: LedgerCommandOf<'schedule.pause'>): void {
  const row = requireSchedule(turn, scheduleId);
  stageIfChanged(turn, row, turn.stepSchedule(row, { type: 'schedule.pause' }));
}

/** It goes on with its first time from now. */
export function resumeSchedule(turn: Turn, { scheduleId }: LedgerCommandOf<'schedule.resume'>): void {
  const row = requireSchedule(turn, scheduleId);
  const dueAt = nextTime(row.context.spec, row.context.createdAt, turn.context.at);
  stageIfChanged(turn, row, turn.stepSchedule(row, { type: 'schedule.resume', dueAt }));
}

/** Stages what has become of a schedule, and tells of its end. Its template stays. */
export function stageIfChanged(turn: Turn, before: ScheduleRow, after: ScheduleRow): void {
  if (after !== before) stage(turn, after, null);
}

/** @param template - `null`: it stays as it is. */
function stage(turn: Turn, row: ScheduleRow, template: string | null): void {
  turn.schedules.set(row, template);
  if (scheduleLifecycle.isFinal(row.state))
    turn.facts.push({ type: 'schedule.ended', scheduleId: row.context.id });
}

function requireSchedule(turn: Turn, id: string): ScheduleRow {
  const row = turn.schedules.get(id);
  if (row === undefined) throw new NotFoundError('schedule', id);
  return row;
}
