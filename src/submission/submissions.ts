import type { ResolvedOptions } from '../createFleet.ts';
import { ConflictError } from '../errors.ts';
import type { FleetActor } from '../fleet/fleetActor.ts';
import type { FleetTraces } from '../fleetTelemetry.ts';
import { keyOf, pageSize, type FleetReader, type TaskRef } from '../fleet/fleetReader.ts';
import type { TaskView } from '../fleet/views.ts';
import { withResolvers } from '../fleet/withResolvers.ts';
import type { RemoteCommand, RemoteCommandOf } from '../store.ts';
import type { SubmitReply } from '../turn/batchRules.ts';
import { assertIdWithoutSlash, readFields, readOptions } from '../validation/validation.ts';
import { readRemoteChunk, readRemoteTask, type RemoteTaskRules } from './remoteTasks.ts';
import { asItIs, dataReader, type DataReader } from './schema.ts';
import { readBatchOptions, submitTasks, type BatchOptions, type SubmissionTarget } from './submitTasks.ts';
import { endingSpan } from './submissionSpans.ts';
import { prepareSingleTask, type SingleTaskOptions } from './task.ts';

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
  readonly #target: SubmissionTarget;

  constructor({ options, actor, reader, traces }: SubmissionsOptions) {
    this.#options = options;
    this.#actor = actor;
    this.#reader = reader;
    this.#traces = traces;
    this.#target = {
      clock: options.clock,
      now: () => options.clock.now(),
      traces,
      newId: options.newId,
      types: () => options.executor.types,
      maxQueueSize: () => actor.configFor('submitBatch').maxQueueSize,
      places: () => {
        const { maxConcurrentWorkers, workerConcurrency } = actor.configFor('submitBatch');
        return maxConcurrentWorkers * workerConcurrency;
      },
      chunkBytes: Infinity,
      send: (command) => actor.send(command),
      statusOf: (batchId) => reader.getBatchStatus(batchId),
      untilClosed: (batchId, submitted) => this.#untilStopped(batchId, submitted)
    };
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
    return endingSpan(span, async () => {
      const key = await this.#actor.send<string>({ type: 'task.submit', task: traced, fresh });
      return [key, { key }];
    });
  }

  /** A part of a batch that another process submits. The same again changes nothing. */
  async submitChunk(command: RemoteCommandOf<'batch.submit'>): Promise<SubmitReply> {
    return this.#actor.send<SubmitReply>(await readRemoteChunk(command, await this.#remoteRules(command)));
  }

  /** A single task that another process submits. @returns Its key, or that of the task that has its idempotency key. */
  async submitRemoteTask(command: RemoteCommandOf<'task.submit'>): Promise<string> {
    const task = await readRemoteTask(command, await this.#remoteRules(command));
    return this.#actor.send<string>({ type: 'task.submit', task, fresh: false });
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

  async #remoteRules({ type }: RemoteCommand): Promise<RemoteTaskRules> {
    const { clock, executor } = this.#options;
    if (!this.knowsTypes) await this.#actor.started(type);
    return { types: executor.types, readData: this.readerOfData(), nowMs: clock.now() };
  }

  async #submitTasks(tasks: unknown, options: BatchOptions, readData: DataReader): Promise<string> {
    const read = readBatchOptions(options);
    if (!this.knowsTypes) await this.#actor.started('batch.submit');
    return submitTasks(this.#target, tasks, read, readData);
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
