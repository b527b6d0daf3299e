import type { LedgerCommand, NewTask } from '../../machines/fleetCommand.ts';
import type { ScheduleKind } from '../../machines/schedule.ts';
import type { Json } from '../../machines/task.ts';
import { inOrderOfDependencies } from '../submission/dependencies.ts';
import { isToCome, type DataReader } from '../submission/schema.ts';
import { prepareSingleTask, prepareTask, type Task, type TaskOptions } from '../submission/task.ts';
import { parseJson } from '../validation/jsonText.ts';
import {
  assertObject,
  jsonTextOf,
  lastTime,
  readFields,
  readItems,
  readOptions,
  refuse
} from '../validation/validation.ts';

/** Tasks that one firing submits at most. */
export const maxTemplateTasks = 1_000;

/** What each firing of a schedule submits: one task, or a batch of them. */
export type ScheduleTemplate<TTask extends Task = Task> =
  | (TTask extends Task
      ? {
          readonly type: TTask['type'];
          readonly data: TTask['data'];
          /** `delayMs` counts from the firing. A `startAfter` is refused: it would be the same each time. */
          readonly options?: Omit<TaskOptions, 'startAfter' | 'retryOf'>;
        }
      : never)
  | {
      /** At least one, at most 1,000. */
      readonly tasks: readonly TTask[];
      /** Of the batch. An object: the firing adds `schedule` to it. */
      readonly metadata?: Json;
    };

/** What a handler finds in its metadata as `schedule`. */
export interface ScheduledFor {
  readonly id: string;
  /** The time that it was due at, epoch ms. */
  readonly at: number;
}

/** What a firing submits. */
export type Firing = Extract<LedgerCommand, { type: 'batch.submit' } | { type: 'task.submit' }>;

/** A template that was validated. */
export interface ReadTemplate {
  readonly kind: ScheduleKind;
  /** How it is stored. */
  readonly text: string;
  readonly tasks: number;
  /** Of its tasks. */
  readonly types: readonly string[];
}

/** Validates a template: as it is stored, it will be submitted. @throws {ValidationError} */
export async function readTemplate(
  template: unknown,
  scheduleId: string,
  readData: DataReader
): Promise<ReadTemplate> {
  const text = jsonTextOf('template', await withReadData(readShape(template), readData));
  const firing = firingOf(text, scheduleId, lastTime, lastTime);
  const tasks = firing.type === 'batch.submit' ? firing.tasks : [firing.task];
  const kind = firing.type === 'batch.submit' ? 'batch' : 'task';
  return { text, kind, tasks: tasks.length, types: tasks.map(({ type }) => type) };
}

/**
 * What a schedule submits at one of its times.
 *
 * @param text - The template as it is stored.
 * @param at - The time that it was due at, epoch ms.
 * @param nowMs - What `delayMs` counts from.
 * @throws {ValidationError} where the template holds what is not allowed.
 */
export function firingOf(text: string, scheduleId: string, at: number, nowMs: number): Firing {
  const template = parseJson(text) as Record<string, unknown>;
  const id = firingId(scheduleId, at);
  const schedule: ScheduledFor = { id: scheduleId, at };
  const { tasks } = template;
  if (tasks === undefined)
    return { type: 'task.submit', task: singleTask(template, id, schedule, nowMs), fresh: true };
  return {
    type: 'batch.submit',
    batchId: id,
    metadata: parseJson(jsonTextOf('template.metadata', marked('template', template, schedule))) as Json,
    tasks: batchTasks(tasks, id, schedule, nowMs),
    seal: true,
    total: null,
    fresh: true,
    exclusive: false,
    announced: 0
  };
}

/** Key of the task, or id of the batch, that a schedule submits at one of its times: `<id>@<time, ISO 8601>`. */
export function firingId(scheduleId: string, at: number): string {
  return `${scheduleId}@${new Date(at).toISOString()}`;
}

/** Reads each getter once, so that what is validated is what is stored. */
function readShape(template: unknown): Record<string, unknown> {
  const fields = readFields('template', template as Record<string, unknown>);
  if (fields.tasks === undefined) return readOptions('template', fields, ['type', 'data', 'options']);
  const { tasks, ...others } = readOptions('template', fields, ['tasks', 'metadata']);
  return {
    ...others,
    tasks: readItems(
      'template.tasks',
      tasks,
      maxTemplateTasks,
      'submit the others by a schedule of their own'
    )
  };
}

/** The template with what its handlers' schemas make of the data. */
async function withReadData(
  template: Record<string, unknown>,
  readData: DataReader
): Promise<Record<string, unknown>> {
  const { type, data, tasks } = template;
  if (tasks === undefined) {
    const read = readData(type as string, data, 'template.data');
    return { ...template, data: isToCome(read, data) ? await read : read };
  }
  const withData: unknown[] = [];
  for (const [index, item] of (tasks as unknown[]).entries()) {
    const path = `template.tasks[${index}]`;
    const task = readFields(path, item as Record<string, unknown>);
    const read = readData(task.type as string, task.data, `${path}.data`);
    withData.push({ ...task, data: isToCome(read, task.data) ? await read : read });
  }
  return { ...template, tasks: withData };
}

function singleTask(
  template: Record<string, unknown>,
  id: string,
  schedule: ScheduledFor,
  nowMs: number
): NewTask {
  const { type, data, options = {} } = template;
  assertObject('template.options', options);
  const given = { ...options, metadata: marked('template.options', options, schedule) };
  requireRepeatable('template.options', options, 'id');
  return prepareSingleTask(type, data, given, id, nowMs);
}

function batchTasks(
  tasks: unknown,
  batchId: string,
  schedule: ScheduledFor,
  nowMs: number
): readonly NewTask[] {
  const items = readItems('template.tasks', tasks, maxTemplateTasks);
  if (items.length === 0) refuse('template.tasks', items, 'at least one task');
  const ids = new Map<string, number>();
  const read = items.map((item, index) => {
    const path = `template.tasks[${index}]`;
    assertObject(path, item);
    requireRepeatable(path, item);
    const task = prepareTask({ ...item, metadata: marked(path, item, schedule) }, path, batchId, nowMs);
    const first = ids.get(task.id);
    if (first !== undefined) refuse(`${path}.id`, task.id, `unique in its batch; tasks[${first}] has it too`);
    ids.set(task.id, index);
    return task;
  });
  return inOrderOfDependencies(read, ids);
}

/** Options that name one moment, or one thing, would be the same with each firing. */
function requireRepeatable(
  path: string,
  options: Readonly<Record<string, unknown>>,
  ...others: string[]
): void {
  for (const name of ['startAfter', 'retryOf', 'idempotencyKey', ...others]) {
    if (options[name] === undefined) continue;
    refuse(`${path}.${name}`, options[name], 'absent: it would be the same with each firing');
  }
}

/** The metadata with the schedule in it. */
function marked(
  path: string,
  { metadata = {} }: { readonly metadata?: unknown },
  schedule: ScheduledFor
): object {
  assertObject(`${path}.metadata`, metadata);
  if ('schedule' in metadata)
    refuse(`${path}.metadata.schedule`, metadata.schedule, 'absent: the firing sets it');
  return { ...metadata, schedule };
}
