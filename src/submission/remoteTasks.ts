import type { LedgerCommandOf, NewTask } from '../../machines/fleetCommand.ts';
import type { Json } from '../../machines/task.ts';
import type { RemoteCommandOf } from '../store.ts';
import { oneOf } from '../turn/admission.ts';
import { parseJson } from '../validation/jsonText.ts';
import {
  assertBoolean,
  assertIdWithoutSlash,
  assertInteger,
  jsonTextOf,
  readFields,
  readItems,
  refuse
} from '../validation/validation.ts';
import { maxChunkTasks } from './batchSubmission.ts';
import type { DataReader } from './schema.ts';
import { prepareSingleTask, prepareTask } from './task.ts';

const traceparentPattern = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;

/** By what the tasks of another process are read. */
export interface RemoteTaskRules {
  /** `null`: any. */
  readonly types: ReadonlySet<string> | null;
  readonly readData: DataReader;
  /** Epoch ms. */
  readonly nowMs: number;
}

/** A task as it goes to the owner of its fleet: as it was submitted, with its data as JSON. */
export function remoteTaskOf(task: NewTask): Json {
  const { id, type, priority, tags, timeoutMs, maxRetries, startAfter, delayMs } = task;
  const { retryOf, dependsOn, idempotencyKey, data, metadata } = task;
  return {
    id,
    type,
    data: parseJson(data) as Json,
    priority,
    ...(tags.length > 0 && { tags }),
    ...(timeoutMs !== null && { timeoutMs }),
    ...(maxRetries !== null && { maxRetries }),
    ...(startAfter !== null && { startAfter }),
    ...(delayMs !== undefined && { delayMs }),
    ...(retryOf !== null && { retryOf }),
    ...(dependsOn !== null && { dependsOn }),
    ...(idempotencyKey !== null && { idempotencyKey }),
    ...(metadata !== null && { metadata: parseJson(metadata) as Json })
  };
}

/**
 * Reads a part of a batch that another process submits, maybe one of another version: as if it was submitted here.
 *
 * @throws {ValidationError} naming a task by its place in the part.
 */
export async function readRemoteChunk(
  command: RemoteCommandOf<'batch.submit'>,
  rules: RemoteTaskRules
): Promise<LedgerCommandOf<'batch.submit'>> {
  const { batchId, metadata, tasks, seal, total, exclusive, announced, traceparent } = readFields(
    'command',
    command
  );
  assertIdWithoutSlash('batchId', batchId);
  assertBoolean('command.seal', seal);
  assertBoolean('command.exclusive', exclusive);
  assertInteger('command.announced', announced, 0, Number.MAX_SAFE_INTEGER);
  if (total !== null) assertInteger('command.total', total, 0, Number.MAX_SAFE_INTEGER);
  assertTraceparent(traceparent);
  const prepared: NewTask[] = [];
  for (const [index, task] of readItems('tasks', tasks, maxChunkTasks).entries()) {
    const begun = prepareTask(task, `tasks[${index}]`, batchId, rules.nowMs, rules);
    const read = begun instanceof Promise ? await begun : begun;
    assertType(read, `tasks[${index}].type`, rules);
    prepared.push(read);
  }
  return {
    type: 'batch.submit',
    batchId,
    metadata: parseJson(jsonTextOf('metadata', metadata)) as Json,
    tasks: prepared,
    seal,
    total,
    // It may be carried out again after a crash.
    fresh: false,
    exclusive,
    announced,
    traceparent
  };
}

/** The same for a single task. @throws {ValidationError} */
export async function readRemoteTask(
  command: RemoteCommandOf<'task.submit'>,
  rules: RemoteTaskRules
): Promise<NewTask> {
  const { task: fields, traceparent } = readFields('command', command);
  const { type, data, ...options } = readFields('task', fields as Record<string, unknown>);
  assertTraceparent(traceparent);
  assertIdWithoutSlash('options.id', options.id);
  const task = await prepareSingleTask(type, data, options, options.id, rules.nowMs, rules.readData);
  assertType(task, 'type', rules);
  return traceparent === undefined ? task : { ...task, traceparent };
}

function assertType({ type }: NewTask, argument: string, { types }: RemoteTaskRules): void {
  if (types !== null && !types.has(type)) refuse(argument, type, oneOf(types));
}

/** It is kept with the rows, and handed to whoever runs the tasks. */
function assertTraceparent(value: unknown): asserts value is string | undefined {
  if (value === undefined || (typeof value === 'string' && traceparentPattern.test(value))) return;
  refuse('command.traceparent', value, 'a traceparent of W3C Trace Context');
}
