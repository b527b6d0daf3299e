import type { CatchUp } from '../../machines/schedule.ts';
import type { ScheduleRow } from '../store.ts';
import type { ScheduleBook } from './scheduleBook.ts';
import { nextTime } from './scheduleTimes.ts';

/** A time is missed when the fleet comes to it later than this, ms. */
const lateMs = 60_000;
/** Missed times that are caught up on one by one, at most: the last ones. */
const maxCatchUp = 100;
/** Times of a schedule that are looked at in one turn. */
const maxLook = 2 * maxCatchUp;

/** Bounds of one turn: firings, looks at the calendar, characters of templates that are read. */
const maxFirings = 1_000;
const maxLooks = 1_000;
const maxChars = 16 * 1024 * 1024;

/** A time that fires, or the first of some that are passed over. */
export interface PlannedTime {
  readonly at: number;
  /** How many times are passed over, from `at` on; 0: it fires. */
  readonly skipped: number;
}

/** What a turn is to do about one schedule that is due. */
export interface PlannedSchedule {
  /** As it was when this was planned. */
  readonly row: ScheduleRow;
  readonly times: readonly PlannedTime[];
  /** The time after those; `null`: there is none. */
  readonly nextAt: number | null;
}

/** What is due at a moment, as much of it as a turn takes. */
export interface SchedulePlan {
  readonly schedules: readonly PlannedSchedule[];
  /** More is due. */
  readonly isCutShort: boolean;
}

export const emptyPlan: SchedulePlan = { schedules: [], isCutShort: false };

/**
 * Says what is due, and which of it fires: it is known before the turn, which has to have the templates.
 *
 * @param now - Epoch ms.
 * @param budget - Rows that the turn may add.
 */
export function planSchedules(book: ScheduleBook, now: number, budget: number): SchedulePlan {
  const due = book.due(now);
  if (due.length === 0) return emptyPlan;
  const schedules: PlannedSchedule[] = [];
  let [rows, firings, looks, chars] = [budget, maxFirings, maxLooks, maxChars];
  let isCutShort = false;
  for (const row of due) {
    const { tasks, size } = row.context;
    // Each turn takes one at least, whatever its size.
    const isSpent = rows < tasks + 1 || firings < 1 || looks < 1 || chars < size;
    if (isSpent && schedules.length > 0) {
      isCutShort = true;
      break;
    }
    const most = Math.max(1, Math.min(firings, Math.floor(rows / (tasks + 1))));
    const plan = planSchedule(row, book.openedAt, now, most);
    schedules.push({ row, times: plan.times, nextAt: plan.nextAt });
    const fired = plan.times.filter(({ skipped }) => skipped === 0).length;
    rows -= fired * (tasks + 1) + 1;
    firings -= fired;
    looks -= plan.looks;
    chars -= fired > 0 ? size : 0;
    if (plan.nextAt !== null && plan.nextAt <= now) isCutShort = true;
  }
  return { schedules, isCutShort };
}

/** @param most - Firings that are planned at most, at least one. */
function planSchedule(row: ScheduleRow, openedAt: number, now: number, most: number) {
  const { spec } = row.context;
  const { passed, times, nextAt } = dueTimes(row, now);
  const isAll = nextAt === null || nextAt > now;
  const late = Math.max(openedAt, now - lateMs);
  const missed = times.filter((at) => at < late);
  const keep = missed.length - caughtUp(spec.catchUp, missed.length, isAll, missed.length < times.length);
  const skipped = passed + keep;
  const planned: PlannedTime[] = skipped === 0 ? [] : [{ at: row.context.dueAt!, skipped }];
  // Of an incomplete look, the last ones are looked at again.
  const open = isAll ? times.slice(keep) : times.slice(keep, Math.max(keep, times.length - maxCatchUp));
  const fired = open.slice(0, most);
  for (const at of fired) planned.push({ at, skipped: 0 });
  const rest = times[keep + fired.length];
  return { times: planned, nextAt: rest ?? nextAt, looks: times.length + 1 };
}

/**
 * How many of the missed times fire, the last ones.
 *
 * @param isAll - No further time is due.
 * @param isFollowed - A time that is not missed fires anyway.
 */
function caughtUp(catchUp: CatchUp, missed: number, isAll: boolean, isFollowed: boolean): number {
  switch (catchUp) {
    case 'none':
      return 0;
    case 'last':
      return isAll && !isFollowed ? Math.min(1, missed) : 0;
    case 'all':
      return Math.min(maxCatchUp, missed);
  }
}

/** The times that are due: some, or the last ones of an interval, and how many it has passed over to them. */
function dueTimes({ context }: ScheduleRow, now: number) {
  const { spec, createdAt, dueAt } = context;
  const times: number[] = [];
  let passed = 0;
  let nextAt = dueAt;
  if (spec.everyMs !== null) {
    const end = Math.min(now, (spec.endAt ?? Infinity) - 1);
    passed = Math.max(0, Math.floor((end - dueAt!) / spec.everyMs) + 1 - maxLook);
    nextAt = dueAt! + passed * spec.everyMs;
  }
  while (nextAt !== null && nextAt <= now && times.length < maxLook) {
    times.push(nextAt);
    nextAt = nextTime(spec, createdAt, nextAt);
  }
  return { passed, times, nextAt };
}
