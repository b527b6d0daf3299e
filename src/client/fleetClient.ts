import type { BatchStatus } from '../../machines/batch.ts';
import type { Json, TaskResult } from '../../machines/task.ts';
import type { LedgerCommandOf } from '../../machines/fleetCommand.ts';
import type { WorkerFilter, WorkerInfo } from '../agents/workerViews.ts';
import type { Clock } from '../clock.ts';
import type { FleetAccess } from '../fleet/fleetAccess.ts';
import {
  FleetReader,
  keyOf,
  type BatchFilter,
  type ResultFilter,
  type TaskFilter,
  type TaskRef
} from '../fleet/fleetReader.ts';
import { Settlements, type StreamOptions } from '../fleet/settlements.ts';
import type { TaskView } from '../fleet/views.ts';
import { readWaitOptions, type WaitOptions } from '../fleet/waiting.ts';
import type { SubmissionTraces } from '../fleetTelemetry.ts';
import type { DataOf, Handlers, ResultOf } from '../handlers/handler.ts';
import { noStats, type FleetStats } from '../ledger/stats.ts';
import type { StoreReader } from '../store.ts';
import { remoteTaskOf } from '../submission/remoteTasks.ts';
import { asItIs } from '../submission/schema.ts';
import { endingSpan } from '../submission/submissionSpans.ts';
import { submitTasks, type BatchOptions, type SubmissionTarget } from '../submission/submitTasks.ts';
import { prepareSingleTask, type SingleTaskOptions } from '../submission/task.ts';
import type { TaskFor } from '../submission/taskFor.ts';
import { parseJson } from '../validation/jsonText.ts';
import { limits } from '../validation/limits.ts';
import { assertIdWithoutSlash, assertInteger, jsonTextOf, readFields } from '../validation/validation.ts';
import { CommandSender } from './commandSender.ts';
import { PolledNews } from './polledNews.ts';

export interface FleetClientOptions {
  readonly store: StoreReader;
  readonly name: string;
  readonly clock: Clock;
  readonly newId: () => string;
  /** `null`: nobody traces here. */
  readonly traces: SubmissionTraces | null;
  /** How long an owner may take to answer where a call does not say it, ms; `undefined`: as long as it likes. */
  readonly timeoutMs: number | undefined;
  /** Whether the store is the client's, and closed with it. */
  readonly ownsStore: boolean;
}

/** How a fleet is that was connected to. */
export interface RemoteFleetStatus {
  readonly name: string;
  /** Who owns the fleet now, alive; `null`: nobody, and what is submitted waits. */
  readonly owner: string | null;
  /** Number of its last turn; 0: it has taken none. */
  readonly turn: number;
  /** Number of its last result: streams of results resume after one. */
  readonly settledSeq: number;
  readonly stats: FleetStats;
}

/**
 * A fleet that another process runs, reached through its store: what is asked of it is left in the store's inbox, durably,
 * and answered by whoever owns the fleet, after the commit that made the answer true. What is read, is read from the store.
 *
 * Its promises outlive their fleet's owner: while nobody owns the fleet they wait for the next one. `timeoutMs` and `signal`
 * end the wait, not what was asked.
 */
export class FleetClient<THandlers extends Handlers = Handlers> implements FleetAccess<THandlers> {
  readonly #options: FleetClientOptions;
  readonly #reader: FleetReader;
  readonly #sender: CommandSender;
  readonly #settlements: Settlements;

  constructor(options: FleetClientOptions) {
    const { store, name: scope, clock, newId } = options;
    this.#options = options;
    this.#reader = new FleetReader(store, scope);
    this.#sender = new CommandSender({ store, scope, clock, newId });
    const { closed } = this.#sender;
    const news = new PolledNews({ store, scope, clock, closed });
    this.#settlements = new Settlements({
      clock,
      executor: null,
      reader: this.#reader,
      news: () => news,
      assertOpen: () => closed.throwIfAborted()
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** Whether somebody owns the fleet, and how far it is. */
  async getStatus(): Promise<RemoteFleetStatus> {
    const { store, name } = this.#options;
    const [owner, head] = await Promise.all([store.readOwner(name), store.readHead(name)]);
    const { turn = 0, settledSeq = 0, stats = noStats } = head ?? {};
    return { name, owner, turn, settledSeq, stats };
  }

  /**
   * Submits tasks as one batch. Resolves when the owner has committed all of them.
   *
   * The same tasks under the same `batchId` again change nothing, and an interrupted submission goes on where it was,
   * whoever was killed meanwhile. What only the owner's handlers know, types and schemas, is looked at 1,000 tasks at a
   * time: of a longer array some may have started by then, and the batch is cancelled. A stream is read at the pace of
   * the fleet.
   *
   * @param options - `timeoutMs` is for each answer of the owner.
   * @returns The batch's id.
   * @throws {ValidationError} naming the task by its index. @throws {ConflictError} @throws {QueueFullError}
   * @throws {TimeoutError} which leaves what was sent: submit the same under the same `batchId` again.
   */
  submitBatch(
    tasks: Iterable<TaskFor<THandlers>> | AsyncIterable<TaskFor<THandlers>>,
    options: BatchOptions & WaitOptions = {}
  ): Promise<string> {
    return this.#submitBatch(tasks, options);
  }

  getBatchStatus(batchId: string): Promise<BatchStatus> {
    return this.#reader.getBatchStatus(batchId);
  }

  getBatchResults<TResult = unknown>(batchId: string, filter?: ResultFilter): Promise<TaskResult<TResult>[]> {
    return this.#reader.getBatchResults(batchId, filter);
  }

  streamBatchResults<TResult = unknown>(
    batchId: string,
    options: StreamOptions = {}
  ): AsyncGenerator<TaskResult<TResult>, void, undefined> {
    return this.#settlements.streamResults<TResult>(batchId, options);
  }

  waitForBatch(batchId: string, options: WaitOptions = {}): Promise<BatchStatus> {
    return this.#settlements.waitForBatch(batchId, options);
  }

  async cancelBatch(batchId: string, options?: WaitOptions): Promise<boolean> {
    assertIdWithoutSlash('batchId', batchId);
    return (await this.#send({ type: 'batch.cancel', batchId }, options)) as boolean;
  }

  async pauseBatch(batchId: string, options?: WaitOptions): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#send({ type: 'batch.pause', batchId }, options);
  }

  async resumeBatch(batchId: string, options?: WaitOptions): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#send({ type: 'batch.resume', batchId }, options);
  }

  async retryBatch(
    batchId: string,
    options: Pick<BatchOptions, 'batchId'> & WaitOptions = {}
  ): Promise<string> {
    const { batchId: newBatchId = this.#options.newId(), ...bounds } = readFields('options', options);
    assertIdWithoutSlash('batchId', batchId);
    assertIdWithoutSlash('options.batchId', newBatchId);
    return (await this.#send({ type: 'batch.retry', batchId, newBatchId }, bounds)) as string;
  }

  listBatches(filter?: BatchFilter): Promise<BatchStatus[]> {
    return this.#reader.listBatches(filter);
  }

  listTasks(filter?: TaskFilter): Promise<TaskView[]> {
    return this.#reader.listTasks(filter);
  }

  getTask(ref: TaskRef): Promise<TaskView> {
    return this.#reader.getTask(ref);
  }

  /**
   * As {@link FleetAccess.submit} has it.
   *
   * @param options - `timeoutMs` is for the owner's answer, and again for the task. With an `id` of its own the same call
   * after a crash waits for the same task.
   */
  async submit<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options: SingleTaskOptions & WaitOptions = {}
  ): Promise<ResultOf<THandlers[TType]>> {
    const { bounds, ...task } = withoutBounds(options);
    return this.waitFor(await this.#submitTask(type, data, task, bounds), bounds);
  }

  async submitAsync<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options: SingleTaskOptions & WaitOptions = {}
  ): Promise<TaskView> {
    const { bounds, ...task } = withoutBounds(options);
    return this.getTask(await this.#submitTask(type, data, task, bounds));
  }

  waitFor<TResult = unknown>(ref: TaskRef, options: WaitOptions = {}): Promise<TResult> {
    return this.#settlements.waitForTask<TResult>(ref, options);
  }

  async cancelTask(ref: TaskRef, options?: WaitOptions): Promise<boolean> {
    return (await this.#send({ type: 'task.cancel', key: keyOf(ref) }, options)) as boolean;
  }

  async retryTask(ref: TaskRef, options: { readonly id?: string } & WaitOptions = {}): Promise<string> {
    const { id: newKey = this.#options.newId(), ...bounds } = readFields('options', options);
    assertIdWithoutSlash('id', newKey);
    return (await this.#send({ type: 'task.retry', key: keyOf(ref), newKey }, bounds)) as string;
  }

  /** As {@link FleetAccess.getWorkers} has it, but the first 1,000 that match. */
  async getWorkers(filter: WorkerFilter = {}, options?: WaitOptions): Promise<WorkerInfo[]> {
    const asked = parseJson(jsonTextOf('filter', filter)) as Json;
    return (await this.#send({ type: 'workers.list', filter: asked }, options)) as unknown as WorkerInfo[];
  }

  async scaleWorkers(count: number, options?: WaitOptions): Promise<void> {
    assertInteger('count', count, 1, 100_000);
    await this.#send({ type: 'workers.scale', count }, options);
  }

  async pause(options?: WaitOptions): Promise<void> {
    await this.#send({ type: 'fleet.pause' }, options);
  }

  async resume(options?: WaitOptions): Promise<void> {
    await this.#send({ type: 'fleet.resume' }, options);
  }

  /** Ends all waits, with a `NotRunningError`; what was sent stays. Idempotent. */
  async close(): Promise<void> {
    this.#sender.close();
    if (this.#options.ownsStore) await this.#options.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #send(command: Parameters<CommandSender['send']>[0], options: WaitOptions = {}): Promise<unknown> {
    const { timeoutMs = this.#options.timeoutMs, signal } = readWaitOptions(options);
    return this.#sender.send(command, {
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal !== undefined && { signal })
    });
  }

  async #submitBatch(tasks: unknown, options: BatchOptions & WaitOptions): Promise<string> {
    const { bounds, ...batch } = withoutBounds(options);
    this.#sender.closed.throwIfAborted();
    bounds.signal?.throwIfAborted();
    return submitTasks(this.#target(bounds), tasks, batch, asItIs);
  }

  async #submitTask(
    type: string,
    data: unknown,
    options: SingleTaskOptions,
    bounds: WaitOptions
  ): Promise<string> {
    const task = prepareSingleTask(type, data, options, this.#options.newId(), null);
    const command = { type: 'task.submit', task: remoteTaskOf(task) } as const;
    const span = this.#options.traces?.submit({ kind: 'task', type: task.type });
    if (span === undefined) return (await this.#send(command, bounds)) as string;
    const { traceparent } = span;
    const traced = traceparent === undefined ? command : { ...command, traceparent };
    return endingSpan(span, async () => {
      const key = (await this.#send(traced, bounds)) as string;
      return [key, { key }];
    });
  }

  #target(bounds: WaitOptions): SubmissionTarget {
    const { clock, newId } = this.#options;
    const { closed } = this.#sender;
    const ended = bounds.signal === undefined ? closed : AbortSignal.any([closed, bounds.signal]);
    return {
      clock,
      // Clocks of other machines say what they like.
      now: () => null,
      newId,
      traces: this.#options.traces,
      types: () => null,
      maxQueueSize: () => null,
      places: () => 0,
      chunkBytes: limits.chunkBytes,
      ended,
      send: (command) =>
        command.type === 'batch.submit'
          ? this.#send(chunkOf(command), bounds)
          : this.#send(command as LedgerCommandOf<'batch.cancel'>, bounds),
      statusOf: (batchId) => this.getBatchStatus(batchId),
      untilClosed: (_, submitted) => before(ended, submitted)
    };
  }
}

function chunkOf({
  batchId,
  metadata,
  tasks,
  seal,
  total,
  exclusive,
  announced,
  traceparent
}: LedgerCommandOf<'batch.submit'>) {
  return {
    type: 'batch.submit',
    batchId,
    metadata,
    tasks: tasks.map(remoteTaskOf),
    seal,
    total,
    exclusive,
    announced,
    ...(traceparent !== undefined && { traceparent })
  } as const;
}

/** The bounds of a call apart from what it submits, each looked at. @throws {ValidationError} */
function withoutBounds<TOptions extends WaitOptions>(
  options: TOptions
): Omit<TOptions, keyof WaitOptions> & { readonly bounds: WaitOptions } {
  const { timeoutMs, signal, ...others } = readFields('options', options);
  const bounds = { ...(timeoutMs !== undefined && { timeoutMs }), ...(signal !== undefined && { signal }) };
  return { ...others, bounds: readWaitOptions(bounds) };
}

/** What `promise` gives, unless `signal` is aborted before. Its failure is no news then. */
async function before(signal: AbortSignal, promise: Promise<void>): Promise<void> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    promise.catch(() => {});
  }
}
