import { scheduledTask, scheduleMs } from '../kinds.ts';
import type { AskedTask } from './asked.ts';
import type { Problem } from './problem.ts';
import type { Stored } from './stored.ts';

/** Whether a schedule has submitted the task. */
export function isFiring(key: string): boolean {
  return key.includes('@');
}

/** The time that a task of a schedule was due at, epoch ms; 0: it is of none. */
export function nominalTime(key: string): number {
  return isFiring(key) ? Date.parse(key.slice(key.indexOf('@') + 1)) : 0;
}

/** What schedules submitted, as if somebody had asked for each. */
export function* firedTasks({ tasks }: Stored): Generator<AskedTask> {
  for (const key of tasks.keys()) {
    if (!isFiring(key)) continue;
    yield {
      key,
      batchId: null,
      data: scheduledTask.data,
      startAfter: nominalTime(key),
      dependsOn: [],
      index: 0
    };
  }
}

/** Each nominal time of a schedule, from its first to its last, has fired once, whatever was killed meanwhile. */
export function checkFirings({ tasks, schedules }: Stored, acknowledged: ReadonlySet<string>): Problem[] {
  const problems: Problem[] = [];
  const known = new Set(schedules.map(({ context }) => context.id));
  for (const id of acknowledged) {
    if (!known.has(id))
      problems.push({ count: 'lost', text: `schedule ${id} was acknowledged and is not there` });
  }
  for (const { context } of schedules) {
    const { id, createdAt, runs, skipped, lastRun } = context;
    const times = [...tasks.keys()].filter((key) => key.startsWith(`${id}@`)).map(nominalTime);
    const report = (count: Problem['count'], text: string) =>
      problems.push({ count, text: `schedule ${id} ${text}` });
    if (times.length !== runs)
      report('wrong', `says it fired ${runs} times; ${times.length} tasks are there`);
    if (skipped > 0) report('lost', `skipped ${skipped} times`);
    const due = lastRun === null ? 0 : (lastRun.at - createdAt) / scheduleMs;
    if (times.length < due) report('lost', `fired ${times.length} of the ${due} times up to its last`);
    if (times.length > due) report('duplicated', `fired ${times.length} times, ${due} were due`);
    const odd = times.filter((at) => (at - createdAt) % scheduleMs !== 0);
    if (odd.length > 0) report('wrong', `fired at ${odd.join(', ')}, which are no times of it`);
  }
  return problems;
}
