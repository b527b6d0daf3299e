import { activeTasks, noTaskCounts, waitingTasks } from '../../../machines/batch.ts';
import { taskStatuses, type TaskStatus } from '../../../machines/task.ts';
import type { Recording, RecordedTurn } from '../../recording/recording.ts';

/** Tasks over the whole of a recording, column by column, as uPlot takes it. */
export interface Timeline {
  /** Epoch seconds, rising. */
  readonly at: readonly number[];
  readonly waiting: readonly number[];
  readonly running: readonly number[];
  readonly completed: readonly number[];
  readonly failed: readonly number[];
}

/** Points of a timeline: more cannot be told apart. */
const maxPoints = 600;

export function timelineOf({ turns, startedAt, endedAt, initial }: Recording): Timeline {
  const counts: Record<TaskStatus, number> = { ...noTaskCounts };
  for (const status of taskStatuses) counts[status] = initial.tasks[status] ?? 0;
  const columns = {
    at: [] as number[],
    waiting: [] as number[],
    running: [] as number[],
    completed: [] as number[],
    failed: [] as number[]
  };
  const push = (at: number) => {
    columns.at.push(at / 1_000);
    columns.waiting.push(waitingTasks(counts));
    columns.running.push(activeTasks(counts));
    columns.completed.push(counts.completed);
    columns.failed.push(counts.failed + counts.timedOut);
  };
  push(startedAt);
  const distance = Math.max(1, (endedAt - startedAt) / (maxPoints - 2));
  let last = startedAt;
  for (const [index, { at, steps }] of turns.entries()) {
    for (const { machine, from, to } of steps) {
      if (machine !== 'task') continue;
      if (isStatus(from)) counts[from] -= 1;
      if (isStatus(to)) counts[to] += 1;
    }
    if (at - last >= distance || (index === turns.length - 1 && at > last)) {
      push(at);
      last = at;
    }
  }
  return columns;
}

/** A step of a task that a reader looks for, and how many turns have been taken once it is there. */
export interface Mark {
  readonly turns: number;
  readonly task: number;
}

/** Places of interest, in order: where a task failed for good, and where one is to be tried again. */
export function marksOf({ turns }: Recording): { readonly failures: Mark[]; readonly retries: Mark[] } {
  const marksWhere = (isMark: (to: string) => boolean) =>
    turns.flatMap(({ steps }, index) =>
      steps.flatMap(({ machine, subject, to }) =>
        machine === 'task' && isMark(to) ? [{ turns: index + 1, task: subject }] : []
      )
    );
  return {
    failures: marksWhere((to) => to === 'failed' || to === 'timedOut'),
    retries: marksWhere((to) => to === 'backingOff')
  };
}

/**
 * The first of `marks` after `turns`, or with `back` the last before; where one of them is shown, the one beside it.
 *
 * @param task - The one that is shown; `null`: none.
 * @returns `null` where there is none.
 */
export function nextMark(
  marks: readonly Mark[],
  { turns, task }: { readonly turns: number; readonly task: number | null },
  back: boolean
): Mark | null {
  const shown = marks.findIndex((mark) => mark.turns === turns && mark.task === task);
  if (shown >= 0) return marks[shown + (back ? -1 : 1)] ?? null;
  return (
    (back ? marks.findLast((mark) => mark.turns < turns) : marks.find((mark) => mark.turns > turns)) ?? null
  );
}

/** How many turns have been taken at `at`, epoch ms. */
export function turnsBy(turns: readonly RecordedTurn[], at: number): number {
  let low = 0;
  let high = turns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((turns[middle]?.at ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isStatus(text: string | null): text is TaskStatus {
  return text !== null && text in noTaskCounts;
}
