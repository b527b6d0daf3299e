import type { NewTask } from '../machines/fleet.ts';
import { taskPriority, type Json } from '../machines/task.ts';
import { noTags } from '../machines/tags.ts';
import { readTags } from './tags.ts';
import {
  assertDuration,
  assertFinite,
  assertId,
  assertIdWithoutSlash,
  assertKey,
  assertInteger,
  assertTime,
  jsonTextOf,
  lastTime,
  readOptions,
  refuse
} from './validation.ts';

/** What a task may be submitted with, besides its type and data. */
export interface TaskOptions {
  /** Any finite number; higher first. Defaults to `taskPriority.normal`, 5. */
  readonly priority?: number;
  /** It runs on workers that offer all of these; at most 16 distinct ids of 1 to 64 characters. Defaults to none. */
  readonly tags?: readonly string[];
  /** Limit for each of its attempts, ms. Finite, > 0. Defaults to the fleet's `workerTimeout`. */
  readonly timeoutMs?: number;
  /** Integer >= 0. Defaults to the fleet's `maxRetries`. */
  readonly maxRetries?: number;
  /** Not before this time, epoch ms. */
  readonly startAfter?: number;
  /** Not before this many ms from now. Excludes `startAfter`. */
  readonly delayMs?: number;
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
  'metadata',
  'retryOf'
];
const taskFields = ['id', 'type', 'data', ...optionNames];
const singleTaskFields = ['id', ...optionNames];

/**
 * Validates a task of a batch and makes it ready to be stored.
 *
 * @param path - What errors call it, such as `tasks[3]`.
 * @param nowMs - Epoch ms, from which `delayMs` counts.
 * @throws {ValidationError} naming the field, the value and what is allowed.
 */
export function prepareTask(task: unknown, path: string, batchId: string, nowMs: number): NewTask {
  const fields = readOptions(path, task as Record<string, unknown>, taskFields);
  const { id } = fields;
  assertId(`${path}.id`, id);
  return prepare(fields, path, id, `${batchId}/${id}`, nowMs);
}

/** Validates a single task and makes it ready to be stored. @throws {ValidationError} */
export function prepareSingleTask(
  type: unknown,
  data: unknown,
  options: unknown,
  mintedId: string,
  nowMs: number
): NewTask {
  const fields = readOptions('options', options as Record<string, unknown>, singleTaskFields);
  const { id = mintedId } = fields;
  assertIdWithoutSlash('options.id', id);
  return prepare({ __proto__: null, ...fields, type, data }, 'options', id, id, nowMs);
}

function prepare(
  task: Record<string, unknown>,
  path: string,
  id: string,
  key: string,
  nowMs: number
): NewTask {
  const {
    type,
    data = null,
    metadata,
    priority = taskPriority.normal,
    tags,
    timeoutMs,
    maxRetries,
    retryOf
  } = task;
  assertId(`${path}.type`, type);
  assertFinite(`${path}.priority`, priority);
  if (timeoutMs !== undefined) assertDuration(`${path}.timeoutMs`, timeoutMs, Number.MIN_VALUE);
  if (maxRetries !== undefined) assertInteger(`${path}.maxRetries`, maxRetries, 0, 1_000_000);
  if (retryOf !== undefined) assertKey(`${path}.retryOf`, retryOf);
  return {
    id,
    key,
    type,
    // -0 is 0, here and below.
    priority: priority + 0,
    tags: tags === undefined ? noTags : readTags(`${path}.tags`, tags),
    timeoutMs: timeoutMs ?? null,
    maxRetries: maxRetries === undefined ? null : maxRetries + 0,
    startAfter: startTime(task, path, nowMs),
    retryOf: retryOf ?? null,
    data: jsonTextOf(`${path}.data`, data),
    metadata: metadata === undefined ? null : jsonTextOf(`${path}.metadata`, metadata)
  };
}

function startTime(task: Record<string, unknown>, path: string, nowMs: number): number | null {
  const { startAfter, delayMs } = task;
  if (startAfter !== undefined && delayMs !== undefined) {
    refuse(`${path}.delayMs`, delayMs, 'absent where startAfter is given');
  }
  if (startAfter !== undefined) {
    assertTime(`${path}.startAfter`, startAfter);
    return startAfter > nowMs ? startAfter : null;
  }
  if (delayMs === undefined) return null;
  assertDuration(`${path}.delayMs`, delayMs, 0);
  return delayMs > 0 ? Math.min(nowMs + delayMs, lastTime) : null;
}
