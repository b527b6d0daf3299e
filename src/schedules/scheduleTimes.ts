import { Cron } from 'croner';
import type { ScheduleSpec } from '../../machines/schedule.ts';
import { lastTime } from '../validation/validation.ts';

/** Parsed expressions that are kept: as many as a fleet may have schedules. */
const maxParsed = 10_000;

const parsed = new Map<string, Cron>();

/**
 * The first time of a schedule after a moment.
 *
 * A time that a change of the clocks leaves out or has twice is taken as croner takes it: a fixed time of day comes
 * once, at the end of the gap or at the first of the two; one that recurs (a `*`, a step, a list or a range in hours
 * or minutes) is left out, or comes twice.
 *
 * @param after - Epoch ms.
 * @param createdAt - What an interval counts from when the spec says nothing.
 * @returns Epoch ms; `null`: it has none before its end.
 */
export function nextTime(spec: ScheduleSpec, createdAt: number, after: number): number | null {
  const { cron, everyMs, startAt, endAt } = spec;
  const from = startAt === null ? after : Math.max(after, startAt - 1);
  const next =
    cron === null ? nextOfInterval(everyMs!, startAt ?? createdAt + everyMs!, from) : nextOfCron(spec, from);
  return next === null || next > lastTime || (endAt !== null && next >= endAt) ? null : next;
}

/** Parses an expression. @throws {Error} saying what is wrong with it. */
export function parseCron(cron: string, timeZone: string): Cron {
  const key = `${timeZone} ${cron}`;
  let found = parsed.get(key);
  if (found === undefined) {
    if (parsed.size >= maxParsed) parsed.clear();
    parsed.set(key, (found = new Cron(cron, { timezone: timeZone })));
  }
  return found;
}

/** Whether times can be told in the zone. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

function nextOfCron({ cron, timeZone }: ScheduleSpec, after: number): number | null {
  try {
    return parseCron(cron!, timeZone!).nextRun(new Date(after))?.getTime() ?? null;
  } catch (error) {
    // It looks beyond the last date that there is.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** @param first - The first time of all. */
function nextOfInterval(everyMs: number, first: number, after: number): number {
  if (after < first) return first;
  return first + (Math.floor((after - first) / everyMs) + 1) * everyMs;
}
