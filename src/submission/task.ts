import type { NewTask } from '../../machines/fleetCommand.ts';
import { noTags } from '../../machines/tags.ts';
import { taskPriority, type Json } from '../../machines/task.ts';
import type { Payload } from '../store.ts';
import { stringifyJson } from '../validation/jsonText.ts';
import { readTags } from '../validation/tags.ts';
import {
  assertDuration,
  assertFinite,
  assertId,
  assertIdWithoutSlash,
  assertKey,
  assertInteger,
  assertTime,
  isPlainId,
  jsonTextOf,
  lastTime,
  readOptions,
  refuse
} from '../validation/validation.ts';
import { readDependencies } from './dependencies.ts';
import { asItIs, isToCome, type DataReader } from './schema.ts';
import { taskKey } from './taskKey.ts';

/** When a task starts at the earliest. Both together are refused. */
export interface StartOptions {
  /** Not before this time, epoch ms. */
  readonly startAfter?: number;
  /** Not before this many ms from its acceptance. Excludes `startAfter`. */
  readonly delayMs?: number;
}

/** What a task may be submitted with, besides its type and data. */
export interface TaskOptions extends StartOptions {
  /** Any finite number; higher first. Defaults to `taskPriority.normal`, 5. */
  readonly priority?: number;
  /** It runs on workers that offer all of these; at most 16 distinct ids of 1 to 64 characters. Defaults to none. */
  readonly tags?: readonly string[];
  /** Limit for each of its attempts, ms. Finite, > 0. Defaults to the fleet's `workerTimeout`. */
  readonly timeoutMs?: number;
  /** Integer >= 0. Defaults to the fleet's `maxRetries`. */
  readonly maxRetries?: number;
  /**
   * Names what is to be done, so that the fleet does it once, for as long as the task that has the key is stored. At
   * most 256 bytes.
   */
  readonly idempotencyKey?: string;
  /** Kept with the task, and given to its handler. */
  readonly metadata?: Json;
  /** Key of the settled task that this one is a copy of. */
  readonly retryOf?: string;
}

/** A task as its submitter writes it. `id` is unique in its batch. */
export interface Task<TType extends string = string, TData = unknown> extends TaskOptions {
  readonly id: string;
  readonly type: TType;
  readonly data: TData;
  /**
   * Ids of tasks of its batch, in an array anywhere, in a stream before it: at most 1,000. It is `blocked` until all have
   * completed, and `cancelled` with the code `ERR_DEPENDENCY` when one has settled otherwise.
   */
  readonly dependsOn?: readonly string[];
}

/** Options of a single task. */
export interface SingleTaskOptions extends TaskOptions {
  /** Names it in the fleet, so that submitting it again changes nothing. Defaults to a fresh UUID. */
  readonly id?: string;
}

const optionNames = [
  'priority',
  'tags',
  'timeoutMs',
  'maxRetries',
  'startAfter',
  'delayMs',
  'idempotencyKey',
  'metadata',
  'retryOf'
];
const taskFields = ['id', 'type', 'data', 'dependsOn', ...optionNames];
const singleTaskFields = ['id', ...optionNames];

/** What a submission says of all its tasks. */
export interface SubmissionDefaults {
  /** When those start that do not say so themselves. */
  readonly start?: StartOptions;
  /** Makes of a task's data what is stored. Without it, that is the data as it is. */
  readonly readData?: DataReader;
}

/**
 * Validates a task of a batch and makes it ready to be stored.
 *
 * @param path - What errors call it, such as `tasks[3]`.
 * @param nowMs - Epoch ms, from which `delayMs` counts; `null`: whoever accepts it counts, by a clock of its own.
 * @returns A promise where `readData` does.
 * @throws {ValidationError} naming the field, the value and what is allowed.
 */
export function prepareTask(
  task: unknown,
  path: string,
  batchId: string,
  nowMs: number | null,
  defaults?: Pick<SubmissionDefaults, 'start'>
): NewTask;
export function prepareTask(
  task: unknown,
  path: string,
  batchId: string,
  nowMs: number | null,
  defaults: SubmissionDefaults
): NewTask | Promise<NewTask>;
export function prepareTask(
  task: unknown,
  path: string,
  batchId: string,
  nowMs: number | null,
  { start = {}, readData = asItIs }: SubmissionDefaults = {}
): NewTask | Promise<NewTask> {
  const fields = readOptions(path, task as Record<string, unknown>, taskFields);
  const { id } = fields;
  // Here and below, paths are made where they may be told: most tasks are good.
  if (!isPlainId(id)) assertId(`${path}.id`, id);
  const says = fields.startAfter !== undefined || fields.delayMs !== undefined;
  const given = says ? fields : start;
  const startAfter = startTime(given, path, nowMs);
  const prepared = prepare(fields, path, id, taskKey(batchId, id), startAfter, readData);
  return nowMs === null ? withDelay(prepared, given.delayMs) : prepared;
}

/** The same for a single task. @throws {ValidationError} */
export function prepareSingleTask(
  type: unknown,
  data: unknown,
  options: unknown,
  mintedId: string,
  nowMs: number | null
): NewTask;
export function prepareSingleTask(
  type: unknown,
  data: unknown,
  options: unknown,
  mintedId: string,
  nowMs: number | null,
  readData: DataReader
): NewTask | Promise<NewTask>;
export function prepareSingleTask(
  type: unknown,
  data: unknown,
  options: unknown,
  mintedId: string,
  nowMs: number | null,
  readData: DataReader = asItIs
): NewTask | Promise<NewTask> {
  const fields = readOptions('options', options as Record<string, unknown>, singleTaskFields);
  const { id = mintedId } = fields;
  assertIdWithoutSlash('options.id', id);
  const startAfter = startTime(fields, 'options', nowMs);
  const prepared = prepare(Object.assign(fields, { type, data }), 'options', id, id, startAfter, readData);
  return nowMs === null ? withDelay(prepared, fields.delayMs) : prepared;
}

function prepare(
  task: Record<string, unknown>,
  path: string,
  id: string,
  key: string,
  startAfter: number | null,
  readData: DataReader
): NewTask | Promise<NewTask> {
  const { type, data, metadata, priority, tags, timeoutMs, maxRetries, retryOf, dependsOn, idempotencyKey } =
    task;
  if (!isPlainId(type)) assertId(`${path}.type`, type);
  if (priority !== undefined) assertFinite(`${path}.priority`, priority);
  if (timeoutMs !== undefined) assertDuration(`${path}.timeoutMs`, timeoutMs, Number.MIN_VALUE);
  if (maxRetries !== undefined) assertInteger(`${path}.maxRetries`, maxRetries, 0, 1_000_000);
  if (retryOf !== undefined) assertKey(`${path}.retryOf`, retryOf);
  if (idempotencyKey !== undefined) assertId(`${path}.idempotencyKey`, idempotencyKey);
  const metadataText = metadata === undefined ? null : jsonTextOf(`${path}.metadata`, metadata);
  const argument = `${path}.data`;
  const read = readData(type, data, argument);
  const comes = isToCome(read, data);
  const prepared: NewTask = {
    id,
    key,
    type,
    // -0 is 0, here and below.
    priority: priority === undefined ? taskPriority.normal : priority + 0,
    tags: tags === undefined ? noTags : readTags(`${path}.tags`, tags),
    timeoutMs: timeoutMs ?? null,
    maxRetries: maxRetries === undefined ? null : maxRetries + 0,
    startAfter,
    retryOf: retryOf ?? null,
    dependsOn: dependsOn === undefined ? null : readDependencies(`${path}.dependsOn`, dependsOn, id),
    idempotencyKey: idempotencyKey ?? null,
    data: comes ? '' : jsonTextOf(argument, read ?? null),
    metadata: metadataText
  };
  return comes ? withData(prepared, read, argument) : prepared;
}

async function withData(task: NewTask, read: Promise<unknown>, argument: string): Promise<NewTask> {
  const data = await read;
  return { ...task, data: jsonTextOf(argument, data ?? null) };
}

/**
 * Validates when a task may start.
 *
 * @param nowMs - Epoch ms; `null`: nothing is said of now.
 * @returns Epoch ms; `null`: at once, or after a delay that is still to be counted.
 * @throws {ValidationError}
 */
export function startTime(
  { startAfter, delayMs }: { readonly startAfter?: unknown; readonly delayMs?: unknown },
  path: string,
  nowMs: number | null
): number | null {
  if (startAfter !== undefined && delayMs !== undefined) {
    refuse(`${path}.delayMs`, delayMs, 'absent where startAfter is given');
  }
  if (startAfter !== undefined) {
    assertTime(`${path}.startAfter`, startAfter);
    return nowMs === null || startAfter > nowMs ? startAfter : null;
  }
  if (delayMs === undefined) return null;
  assertDuration(`${path}.delayMs`, delayMs, 0);
  return nowMs !== null && delayMs > 0 ? Math.min(nowMs + delayMs, lastTime) : null;
}

/** Leaves the delay to whoever accepts the task. @param delayMs - Validated. */
function withDelay(task: NewTask | Promise<NewTask>, delayMs: unknown): NewTask | Promise<NewTask> {
  if (delayMs === undefined) return task;
  const delayed = (prepared: NewTask): NewTask => ({ ...prepared, delayMs: delayMs as number });
  return task instanceof Promise ? task.then(delayed) : delayed(task);
}

/** What of a new task is kept beside its row. */
export function payloadOf({ data, metadata, dependsOn, idempotencyKey, traceparent }: NewTask): Payload {
  const payload = { data, metadata, dependsOn: dependsOn && stringifyJson(dependsOn), idempotencyKey };
  return traceparent === undefined ? payload : { ...payload, traceparent };
}
