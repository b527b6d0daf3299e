import { scheduleKinds, scheduleStates } from '../../../machines/schedule.ts';
import type { ScheduleChange } from '../../store.ts';
import { stringifyJson } from '../../validation/jsonText.ts';
import { requireStorable, type Cell } from '../cells.ts';
import { RowCheck } from './rowCheck.ts';
import { hasCounts, isOneOf, isTimeOrNull, objectIn } from './shapes.ts';
import type { Sum } from './sums.ts';

const scheduleColumns = ['id', 'state', 'context'];
const templateColumns = ['schedule', 'template'];

export const scheduleSum: Sum = { column: 'sum', of: scheduleColumns };
export const templateSum: Sum = { column: 'sum', of: templateColumns };

export function encodeSchedule(cells: Cell[], { id, row }: ScheduleChange): void {
  if (row === null) return;
  requireStorable('scheduleId', id);
  cells.push(id, row.state, stringifyJson(row.context));
}

export function encodeTemplate(cells: Cell[], { id, template }: ScheduleChange): void {
  if (template !== null) cells.push(id, template);
}

/** SQL for the columns of a schedule and their sum. */
export const scheduleCellsAndSum = [...scheduleColumns, 'sum'].join(', ');

export const scheduleCheck = new RowCheck(
  scheduleColumns,
  [scheduleSum],
  ([id]) => `the row of schedule ${JSON.stringify(id)}`,
  ([id, state, text]) => {
    if (!isOneOf(scheduleStates, state)) return `has the unknown state ${JSON.stringify(state)}`;
    const context = objectIn(text) ?? {};
    const { spec, kind, createdAt, dueAt } = context;
    const isComplete =
      context.id === id &&
      isOneOf(scheduleKinds, kind) &&
      typeof spec === 'object' &&
      spec !== null &&
      hasCounts(context, ['tasks', 'size', 'runs', 'skipped']) &&
      Number.isFinite(createdAt) &&
      isTimeOrNull(dueAt);
    return isComplete ? null : 'has a context of another shape';
  }
);

/** SQL for the columns of a template and their sum. */
export const templateCellsAndSum = [...templateColumns, 'sum'].join(', ');

export const templateCheck = new RowCheck(
  templateColumns,
  [templateSum],
  ([schedule]) => `the template of schedule ${JSON.stringify(schedule)}`
);
