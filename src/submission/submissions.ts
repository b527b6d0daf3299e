import type { Json } from '../../machines/task.ts';
import type { ResolvedOptions } from '../createFleet.ts';
import { ConflictError, NotRunningError, StoreError } from '../errors.ts';
import type { FleetActor } from '../fleet/fleetActor.ts';
import type { FleetTraces, SubmissionSpan } from '../fleetTelemetry.ts';
import { keyOf, pageSize, type FleetReader, type TaskRef } from '../fleet/fleetReader.ts';
import type { TaskView } from '../fleet/views.ts';
import { withResolvers } from '../fleet/withResolvers.ts';
import type { SubmitReply } from '../turn/batchRules.ts';
import { parseJson } from '../validation/jsonText.ts';
import {
  assertIdWithoutSlash,
  jsonTextOf,
  readFields,
  readOptions,
  refuse
} from '../validation/validation.ts';
import { BatchSubmission } from './batchSubmission.ts';
import { asItIs, dataReader, type DataReader } from './schema.ts';
import { prepareSingleTask, startTime, type SingleTaskOptions, type StartOptions } from './task.ts';

/** `startAfter` and `delayMs` are those of its tasks that have neither. */
export interface BatchOptions extends StartOptions {
  /** Names the batch, so that submitting it again continues it. No slash. Defaults to a fresh UUID. */
  readonly batchId?: string;
  readonly metadata?: Json;
}

export interface SubmissionsOptions {
  readonly options: ResolvedOptions;
  readonly actor: FleetActor;
  readonly reader: FleetReader;
  /** `null`: nobody traces. */
  readonly traces: FleetTraces | null;
}

/** Brings tasks into a fleet: batches, single tasks, and copies of those that did not complete. */
export class Submissions {
  readonly #options: ResolvedOptions;
  readonly #actor: FleetActor;
  readonly #reader: FleetReader;
  readonly #traces: FleetTraces | null;

  constructor({ options, actor, reader, traces }: SubmissionsOptions) {
    this.#options = options;
    this.#actor = actor;
    this.#reader = reader;
    this.#traces = traces;
  }

  submitBatch(tasks: unknown, options: BatchOptions): Promise<string> {
    return this.#submitTasks(tasks, options, this.readerOfData());
  }

  async retryBatch(batchId: string, options: BatchOptions): Promise<string> {
    const read = readBatchOptions(options);
    const status = await this.#reader.getBatchStatus(batchId);
    if (status.settledAt === undefined) {
      throw new ConflictError('batch', batchId, `is ${status.status}; only a settled batch can be retried`);
    }
    // Their data is what its schema has made of it already.
    return this.#submitTasks(this.#failedTasks(batchId), read, asItIs);
  }

  /**
   * @param onNew - Called before the task is sent, with its key, where nobody can have submitted it before.
   * @returns The key of the task, or of that which has its idempotency key.
   */
  async submitTask(
    type: string,
    data: unknown,
    options: SingleTaskOptions,
    signal?: AbortSignal,
    onNew?: (key: string) => void
  ): Promise<string> {
    const { clock, newId } = this.#options;
    const read = readFields('options', options);
    if (!this.knowsTypes) await this.#actor.started('task.submit');
    const readData = this.readerOfData(signal);
    const prepared = prepareSingleTask(type, data, read, newId(), clock.now(), readData);
    // At once where no schema takes its time: what is asked in the same breath comes after it.
    const task = prepared instanceof Promise ? await prepared : prepared;
    const fresh = read.id === undefined;
    if (fresh && task.idempotencyKey === null) onNew?.(task.key);
    const span = this.#traces?.submit({ kind: 'task', type: task.type });
    if (span === undefined) return this.#actor.send<string>({ type: 'task.submit', task, fresh });
    const { traceparent } = span;
    const traced = traceparent === undefined ? task : { ...task, traceparent };
    return ending(span, async () => {
      const key = await this.#actor.send<string>({ type: 'task.submit', task: traced, fresh });
      return [key, { key }];
    });
  }

  async retryTask(ref: TaskRef, options: { readonly id?: string }): Promise<string> {
    const { id = this.#options.newId() } = readOptions('options', options, ['id']);
    assertIdWithoutSlash('id', id);
    return this.#actor.send<string>({ type: 'task.retry', key: keyOf(ref), newKey: id });
  }

  /** Whoever loads the handlers knows their types and schemas once it has started. */
  get knowsTypes(): boolean {
    return this.#options.executor.types?.size !== 0;
  }

  /** Reads the data of tasks by the schemas of their types. */
  readerOfData(signal?: AbortSignal): DataReader {
    const { clock, executor } = this.#options;
    return dataReader({ clock, signal, schemaOf: (type) => executor.schemaOf?.(type) });
  }

  async #submitTasks(tasks: unknown, options: BatchOptions, readData: DataReader): Promise<string> {
    const given = readBatchOptions(options);
    const { batchId = this.#options.newId(), metadata, ...start } = given;
    assertIdWithoutSlash('batchId', batchId);
    if (!this.knowsTypes) await this.#actor.started('batch.submit');
    const span = this.#traces?.submit({ kind: 'batch', batchId });
    const submission = new BatchSubmission({
      batchId,
      isMinted: given.batchId === undefined,
      metadata: metadata === undefined ? null : (parseJson(jsonTextOf('metadata', metadata)) as Json),
      traceparent: span?.traceparent,
      start,
      types: this.#options.executor.types,
      readData,
      maxQueueSize: this.#actor.configFor('submitBatch').maxQueueSize,
      clock: this.#options.clock,
      send: (command) => this.#actor.send<SubmitReply>(command)
    });
    const submit = async (): Promise<void> => {
      if (isArray(tasks)) await this.#submitAll(submission, batchId, submission.submitArray(tasks));
      else if (isIterable(tasks)) {
        await this.#submitAll(
          submission,
          batchId,
          this.#untilStopped(batchId, submission.submitStream(tasks))
        );
      } else refuse('tasks', tasks, 'an array, an iterable or an async iterable');
    };
    if (span === undefined) await submit();
    else await ending(span, async () => [await submit(), { tasks: submission.submitted }]);
    return batchId;
  }

  async #submitAll(submission: BatchSubmission, batchId: string, submitted: Promise<void>): Promise<void> {
    try {
      await submitted;
    } catch (error) {
      submission.abandon(error as Error);
      // What was interrupted goes on when it is repeated.
      const isInterrupted = error instanceof NotRunningError || error instanceof StoreError;
      // What a conflict names is not this submission's to cancel, nor is what another one has completed.
      if (submission.isOwner && !isInterrupted) {
        const { status } = await this.#reader.getBatchStatus(batchId);
        if (status === 'accepting') await this.#actor.send({ type: 'batch.cancel', batchId });
      }
      throw error;
    }
  }

  /** Ends the wait when the fleet stops: the source of a stream may be silent for ever. */
  async #untilStopped(batchId: string, submitted: Promise<void>): Promise<void> {
    const { promise: stopped, reject } = withResolvers<never>();
    const subscription = this.#actor.journal.waiters.onBatchSettled(batchId, {
      onNews: () => {},
      onStop: reject
    });
    try {
      await Promise.race([submitted, stopped]);
    } finally {
      subscription[Symbol.dispose]();
      // Once nobody waits for it any more, its failure is no news.
      submitted.catch(() => {});
    }
  }

  async *#failedTasks(batchId: string): AsyncGenerator {
    let after = 0;
    for (;;) {
      const page = await this.#reader.listTasks({ batchId, after, limit: pageSize });
      const failed = page.filter(({ status }) => status !== 'completed');
      const completed = await this.#reader.completedDependencies(batchId, failed);
      for (const task of failed) yield copyOf(task, completed);
      if (page.length < pageSize) return;
      after = page.at(-1)!.seq;
    }
  }
}

/** Ends the span of a submission with it. @param submit - Gives its value, and what the span is to say of it. */
async function ending<T>(
  span: SubmissionSpan,
  submit: () => Promise<readonly [value: T, submitted: Parameters<SubmissionSpan['end']>[0]]>
): Promise<T> {
  try {
    const [value, submitted] = await submit();
    span.end(submitted);
    return value;
  } catch (error) {
    span.end({ error });
    throw error;
  }
}

function readBatchOptions(options: BatchOptions): BatchOptions {
  const read = readOptions('options', options, ['batchId', 'metadata', 'startAfter', 'delayMs']);
  startTime(read, 'options', 0);
  return read;
}

/** `Array.isArray` throws for a Proxy that is revoked. */
function isArray(tasks: unknown): tasks is readonly unknown[] {
  try {
    return Array.isArray(tasks);
  } catch {
    return false;
  }
}

function isIterable(tasks: unknown): tasks is Iterable<unknown> | AsyncIterable<unknown> {
  try {
    return (
      typeof tasks === 'object' &&
      tasks !== null &&
      (Symbol.asyncIterator in tasks || Symbol.iterator in tasks)
    );
  } catch {
    return false;
  }
}

/** What a copy of a task is submitted with. @param completed - Ids of what it need not depend on any more. */
function copyOf(task: TaskView, completed: ReadonlySet<string>): unknown {
  const { id, type, data, priority, tags, timeoutMs, maxRetries, metadata, dependsOn, key } = task;
  return {
    id,
    type,
    data,
    priority,
    ...(tags !== undefined && { tags }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxRetries !== undefined && { maxRetries }),
    ...(metadata !== undefined && { metadata }),
    ...(dependsOn !== undefined && { dependsOn: dependsOn.filter((other) => !completed.has(other)) }),
    retryOf: key
  };
}
