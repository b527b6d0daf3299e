import { createActor, type ActorRefFrom, type InspectionEvent } from 'xstate';
import type { BatchStatus } from '../machines/batch.ts';
import type { FleetConfig, FleetFact, LedgerCommand, OperationCommand } from '../machines/fleet.ts';
import type { FleetRef } from '../machines/fleetMachine.ts';
import type { Json, TaskResult } from '../machines/task.ts';
import type { workerMachine } from '../machines/workerMachine.ts';
import { BatchSubmission } from './batchSubmission.ts';
import type { SubmitReply } from './commandRules.ts';
import { obeyInbox } from './commandInbox.ts';
import { CoordinatorAgent } from './coordinatorAgent.ts';
import {
  createFleet,
  fleetLogic,
  resolveOptions,
  type Fleet,
  type FleetLogic,
  type FleetOptions,
  type ResolvedOptions
} from './createFleet.ts';
import { currentAttempt, outsideAttempts } from './currentAttempt.ts';
import {
  ConflictError,
  NotFoundError,
  NotRunningError,
  SelfAwaitError,
  StoreError,
  TaskCancelledError,
  TaskFailedError
} from './errors.ts';
import type { EventFilter, EventStream } from './eventStream.ts';
import { FleetEvents, type FactOf } from './fleetEvents.ts';
import {
  FleetReader,
  keyOf,
  pageSize,
  type BatchFilter,
  type ResultFilter,
  type TaskFilter,
  type TaskRef
} from './fleetReader.ts';
import type { DataOf, Handlers, ResultOf } from './handler.ts';
import { parseJson } from './jsonText.ts';
import { validateConfig, type ConfigPatch } from './options.ts';
import { createReadModel, type ReadModelStore } from './readModel.ts';
import type { StoredResult } from './store.ts';
import { prepareSingleTask, type SingleTaskOptions, type Task } from './task.ts';
import {
  assertBoolean,
  assertDuration,
  assertFunction,
  assertId,
  assertIdWithoutSlash,
  assertInteger,
  assertSignal,
  jsonTextOf,
  readFields,
  readOptions,
  refuse
} from './validation.ts';
import {
  fleetStatisticsOf,
  taskResultOf,
  workerInfoOf,
  type FleetStatistics,
  type TaskView,
  type WorkerInfo
} from './views.ts';
import { readWaitOptions, waitWithin, type WaitOptions } from './waiting.ts';

/** Any task that the handlers can run. */
export type TaskFor<THandlers extends Handlers> = {
  [TType in keyof THandlers & string]: Task<TType, DataOf<THandlers[TType]>>;
}[keyof THandlers & string];

export interface FleetManagerOptions<THandlers extends Handlers = Handlers> extends FleetOptions<THandlers> {
  /** Passed to XState: sees every event of every actor. Costs time with each of them. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Passed to XState: gets what a `log` action writes. Defaults to `console.log`. */
  readonly logger?: (...args: readonly unknown[]) => void;
  /** Passed to XState: names the fleet's actor in its system. */
  readonly systemId?: string;
  /** Told what a subscriber of events threw. Defaults to a warning of the process. */
  readonly onListenerError?: (error: unknown) => void;
}

export interface BatchOptions {
  /** Names the batch, so that submitting it again continues it. No slash. Defaults to a fresh UUID. */
  readonly batchId?: string;
  readonly metadata?: Json;
}

export interface StopOptions {
  /** Whether running tasks may finish. Defaults to `true`. */
  readonly graceful?: boolean;
  /** How long they may take, ms; then they are aborted, uncharged. Defaults to 30,000. */
  readonly timeoutMs?: number;
}

/**
 * A fleet of workers: takes batches of tasks, spreads them over its workers, retries what fails, gathers the
 * results, and survives the loss of its process if its store does.
 *
 * Every promise resolves after the commit that made its answer true.
 */
export class FleetManager<THandlers extends Handlers = Handlers> {
  readonly coordinator: CoordinatorAgent;
  /** The read model: stats, the last batches and results, once per turn. Subscribe with selectors. */
  readonly store: ReadModelStore = createReadModel();

  readonly #options: ResolvedOptions;
  readonly #inspect: FleetManagerOptions['inspect'];
  readonly #actorOptions: Pick<FleetManagerOptions, 'logger' | 'systemId'>;
  readonly #events: FleetEvents;
  readonly #reader: FleetReader;
  #fleet: Fleet;
  #actor: ActorRefFrom<FleetLogic> | null = null;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  #inbox: Disposable | null = null;

  constructor(options: FleetManagerOptions<THandlers>) {
    const { inspect, logger, systemId, onListenerError, ...fleetOptions } = readFields('options', options);
    this.#options = resolveOptions(fleetOptions);
    this.#inspect = inspect;
    if (logger !== undefined) assertFunction('options.logger', logger);
    if (systemId !== undefined) assertId('options.systemId', systemId);
    this.#actorOptions = { ...(logger && { logger }), ...(systemId !== undefined && { systemId }) };
    this.#events = new FleetEvents(onListenerError);
    this.#fleet = this.#createFleet();
    const { store, name } = this.#options;
    this.#reader = new FleetReader(store, name);
    this.coordinator = new CoordinatorAgent({
      scope: name,
      store,
      send: (command) => this.#send(command),
      context: () => this.#snapshotOfCoordinator()
    });
  }

  /** Opens the store, takes up what an earlier run left, and begins. Idempotent. @throws {LockedError} and others */
  start(): Promise<void> {
    this.#starting ??= outsideAttempts(() => this.#start()).catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  /** Ends the fleet; everything unfinished is back after the next start. Idempotent. */
  async stop(options: StopOptions = {}): Promise<void> {
    const read = readOptions('options', options, ['graceful', 'timeoutMs']);
    const { graceful = true, timeoutMs = 30_000 } = read;
    assertBoolean('graceful', graceful);
    assertDuration('timeoutMs', timeoutMs, 0);
    if (this.#actor === null) return;
    const actor = this.#actor;
    if (this.#stopping !== null && !graceful) outsideAttempts(() => actor.send({ type: 'fleet.stop' }));
    this.#stopping ??= outsideAttempts(() => this.#stop(graceful, timeoutMs));
    await this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Nothing new is dispatched until {@link FleetManager.resume}, restarts included. */
  async pause(): Promise<void> {
    await this.#send({ type: 'fleet.pause' });
  }

  async resume(): Promise<void> {
    await this.#send({ type: 'fleet.resume' });
  }

  /**
   * Submits tasks as one batch. Resolves when they are durable, not when they are done.
   *
   * The same tasks under the same `batchId` again change nothing, and an interrupted stream goes on where it
   * was. An array is validated whole before anything is written. A bad item of a stream cancels the batch.
   *
   * @returns The batch's id.
   * @throws {ValidationError} naming the task by its index. @throws {ConflictError} for other tasks under a
   * taken id. @throws {QueueFullError} where the config says so.
   */
  async submitBatch(
    tasks: Iterable<TaskFor<THandlers>> | AsyncIterable<TaskFor<THandlers>>,
    options: BatchOptions = {}
  ): Promise<string> {
    const given = readBatchOptions(options);
    const { batchId = this.#options.newId(), metadata } = given;
    assertIdWithoutSlash('batchId', batchId);
    const submission = new BatchSubmission({
      batchId,
      isMinted: given.batchId === undefined,
      metadata: metadata === undefined ? null : (parseJson(jsonTextOf('metadata', metadata)) as Json),
      types: this.#options.executor.types,
      maxQueueSize: this.#configFor('submitBatch').maxQueueSize,
      clock: this.#options.clock,
      send: (command) => this.#send<SubmitReply>(command)
    });
    if (isArray(tasks)) await submission.submitArray(tasks);
    else if (isIterable(tasks)) await this.#submitStream(submission, tasks, batchId);
    else refuse('tasks', tasks, 'an array, an iterable or an async iterable');
    return batchId;
  }

  getBatchStatus(batchId: string): Promise<BatchStatus> {
    return this.#reader.getBatchStatus(batchId);
  }

  /** In order of settling. @throws {NotFoundError} */
  getBatchResults<TResult = unknown>(batchId: string, filter?: ResultFilter): Promise<TaskResult<TResult>[]> {
    return this.#reader.getBatchResults(batchId, filter);
  }

  /**
   * The results that are there, then each as it comes, until the batch has settled.
   *
   * @throws {NotFoundError} also when the batch is removed before all of them were read.
   */
  async *streamBatchResults<TResult = unknown>(
    batchId: string,
    options: { readonly signal?: AbortSignal; readonly afterSettledSeq?: number } = {}
  ): AsyncGenerator<TaskResult<TResult>, void, undefined> {
    const read = readOptions('options', options, ['signal', 'afterSettledSeq']);
    const { signal, afterSettledSeq = 0 } = read;
    if (signal !== undefined) assertSignal(signal);
    assertInteger('afterSettledSeq', afterSettledSeq, 0, Number.MAX_SAFE_INTEGER);
    this.#requireActor('streamBatchResults');
    const refuseSelf = this.#selfAwaitGuard('batch', batchId);
    let position = afterSettledSeq;
    for (;;) {
      // Listens before it reads, so that nothing that comes in between is missed.
      using news = this.#listenToBatch(batchId, signal);
      const status = await this.getBatchStatus(batchId);
      const page = await this.#reader.readResultsAfter(batchId, position);
      for (const stored of page) {
        yield taskResultOf<TResult>(stored);
        position = stored.settledSeq;
      }
      if (page.length === pageSize) continue;
      if (status.settledAt !== undefined) {
        // It may have been removed since: then what was read need not be all.
        await this.getBatchStatus(batchId);
        return;
      }
      if (unsettledTasks(status) === 1) refuseSelf();
      await news.come;
    }
  }

  /**
   * Waits until the batch has settled.
   *
   * @throws {TimeoutError} which leaves it running. @throws {NotFoundError} @throws {SelfAwaitError} in a handler of
   * one of its tasks.
   */
  async waitForBatch(batchId: string, options: WaitOptions = {}): Promise<BatchStatus> {
    assertIdWithoutSlash('batchId', batchId);
    const bounds = readWaitOptions(options);
    this.#requireActor('waitForBatch');
    this.#selfAwaitGuard('batch', batchId)();
    return waitWithin(`Batch ${batchId}`, bounds, this.#options.clock, (resolve, reject) => {
      const look = (): void => {
        this.getBatchStatus(batchId).then((status) => {
          if (status.settledAt !== undefined) resolve(status);
        }, reject);
      };
      const subscription = this.#fleet.journal.waiters.onBatchSettled(batchId, {
        onNews: look,
        onStop: reject
      });
      look();
      return subscription;
    });
  }

  /** Nothing of the batch starts any more; running handlers are aborted. @returns `false`: unknown or settled. */
  async cancelBatch(batchId: string): Promise<boolean> {
    assertIdWithoutSlash('batchId', batchId);
    return this.#send<boolean>({ type: 'batch.cancel', batchId });
  }

  /** None of the batch's tasks is started until {@link FleetManager.resumeBatch}. */
  async pauseBatch(batchId: string): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#send({ type: 'batch.pause', batchId });
  }

  async resumeBatch(batchId: string): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#send({ type: 'batch.resume', batchId });
  }

  /**
   * Removes a settled batch with its tasks and results. Nobody sees it from the first moment of its removal on;
   * resolves when all is gone, durably, and its id is free. A submission under the id waits for that.
   *
   * @throws {ConflictError} while it has not settled. @throws {StoreError} Call it again: it goes on where it was.
   */
  async removeBatch(batchId: string): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#send({ type: 'batch.remove', batchId });
  }

  /** Submits a copy of a task that did not complete, as a single task. @returns The copy's key. */
  async retryTask(ref: TaskRef, options: { readonly id?: string } = {}): Promise<string> {
    const { id = this.#options.newId() } = readOptions('options', options, ['id']);
    assertIdWithoutSlash('id', id);
    return this.#send<string>({ type: 'task.retry', key: keyOf(ref), newKey: id });
  }

  /**
   * Submits copies of the tasks of a settled batch that did not complete, as a new batch.
   *
   * @returns The new batch's id.
   */
  async retryBatch(batchId: string, options: BatchOptions = {}): Promise<string> {
    const read = readBatchOptions(options);
    const status = await this.getBatchStatus(batchId);
    if (status.settledAt === undefined) {
      throw new ConflictError('batch', batchId, `is ${status.status}; only a settled batch can be retried`);
    }
    return this.submitBatch(this.#failedTasks(batchId), read);
  }

  listBatches(filter?: BatchFilter): Promise<BatchStatus[]> {
    return this.#reader.listBatches(filter);
  }

  listTasks(filter?: TaskFilter): Promise<TaskView[]> {
    return this.#reader.listTasks(filter);
  }

  /** The task's machine as it stands: a snapshot for `createActor(taskMachine, { snapshot })`. */
  getTaskSnapshot(ref: TaskRef): ReturnType<FleetReader['getTaskSnapshot']> {
    return this.#reader.getTaskSnapshot(ref);
  }

  /** Runs one task. @returns What its handler returned. @throws {TaskFailedError} @throws {TaskCancelledError} */
  async submit<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options: SingleTaskOptions & Pick<WaitOptions, 'signal'> = {}
  ): Promise<ResultOf<THandlers[TType]>> {
    const { signal, ...taskOptions } = readFields('options', options);
    if (signal !== undefined) assertSignal(signal);
    const key = await this.#submitTask(type, data, taskOptions);
    return this.waitFor(key, signal === undefined ? {} : { signal });
  }

  /** Submits one task. Resolves when it is durable. */
  async submitAsync<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options: SingleTaskOptions = {}
  ): Promise<TaskView> {
    return this.getTask(await this.#submitTask(type, data, options));
  }

  /**
   * Waits until the task has settled.
   *
   * @returns What its handler returned.
   * @throws {TimeoutError} @throws {SelfAwaitError} in its own handler.
   */
  async waitFor<TResult = unknown>(ref: TaskRef, options: WaitOptions = {}): Promise<TResult> {
    const bounds = readWaitOptions(options);
    const key = keyOf(ref);
    this.#requireActor('waitFor');
    this.#selfAwaitGuard('task', key)();
    const stored = await waitWithin<StoredResult>(
      `Task ${key}`,
      bounds,
      this.#options.clock,
      (resolve, reject) => {
        const subscription = this.#fleet.journal.waiters.onTask(key, { onNews: resolve, onStop: reject });
        this.#findResult(key).then((result) => result && resolve(result), reject);
        return subscription;
      }
    );
    const result = taskResultOf<TResult>(stored);
    if (result.status === 'completed') return result.result as TResult;
    throw result.status === 'cancelled' ? new TaskCancelledError(result) : new TaskFailedError(result);
  }

  getTask(ref: TaskRef): Promise<TaskView> {
    return this.#reader.getTask(ref);
  }

  /** @returns `false`: unknown or settled. */
  async cancelTask(ref: TaskRef): Promise<boolean> {
    return this.#send<boolean>({ type: 'task.cancel', key: keyOf(ref) });
  }

  /** Sets the fleet-wide number of workers. Obeyed at once; workers too many finish what they hold. */
  async scaleWorkers(count: number): Promise<void> {
    assertInteger('count', count, 1, 100_000);
    await this.#send({ type: 'workers.scale', count });
  }

  /** Changes the config, live and durably. @throws {ValidationError} */
  async updateConfig(patch: ConfigPatch): Promise<void> {
    await this.#send({
      type: 'config.update',
      config: validateConfig(patch, this.#configFor('updateConfig'))
    });
  }

  getStats(): Promise<FleetStatistics> {
    return Promise.resolve(fleetStatisticsOf(this.#fleet.journal.ledger));
  }

  /** The workers that hold a task now. */
  getActiveWorkers(): Promise<WorkerInfo[]> {
    const children = this.#requireActor('getActiveWorkers').getSnapshot().children as Readonly<
      Record<string, ActorRefFrom<typeof workerMachine> | undefined>
    >;
    const { ledger } = this.#fleet.journal;
    const infos: WorkerInfo[] = [];
    for (const place of ledger.roster.all()) {
      const spawnedAt = children[place.slot]?.getSnapshot().context.spawnedAt ?? 0;
      if (place.attempts.size > 0) infos.push(workerInfoOf(place, spawnedAt, ledger));
    }
    return Promise.resolve(infos);
  }

  /** Calls back with every fact of a type, or of all (`*`), after the commit that made it true. */
  on<TType extends FleetFact['type']>(type: TType, listener: (fact: FactOf<TType>) => void): Disposable;
  on(type: '*', listener: (fact: FleetFact) => void): Disposable;
  on(type: FleetFact['type'] | '*', listener: (fact: never) => void): Disposable {
    return this.#events.on(type, listener);
  }

  /** Facts as they come, until the reader leaves the loop. An unread stream drops its oldest beyond 10,000. */
  events(filter?: EventFilter): EventStream {
    return this.#events.stream(filter);
  }

  /** The config in force. @throws {NotRunningError} */
  get config(): FleetConfig {
    return this.#configFor('config');
  }

  /**
   * The fleet's actor, while it runs. It emits facts about single tasks only while `on` or `events` has a
   * subscriber for them.
   *
   * @throws {NotRunningError}
   */
  get actor(): ActorRefFrom<FleetLogic> {
    return this.#requireActor('actor');
  }

  #createFleet(): Fleet {
    return createFleet(this.#options, this.store, {
      hasTaskListeners: () => this.#inspect !== undefined || this.#events.hasTaskListeners,
      onListenerError: (error) => this.#events.report(error)
    });
  }

  async #start(): Promise<void> {
    await this.#stopping;
    // A fleet that has run is spent: the next one takes up from the store.
    if (this.#actor !== null) this.#fleet = this.#createFleet();
    const { journal } = this.#fleet;
    const logic = fleetLogic(this.#options, () => this.#fleet);
    const inspect = this.#inspect && this.#events.guarded(this.#inspect);
    const actor = createActor(logic, { ...this.#actorOptions, ...(inspect && { inspect }) });
    this.#actor = actor;
    this.#stopping = null;
    this.#events.attach(actor as unknown as FleetRef);
    const isReady = new Promise<void>((resolve, reject) => {
      actor.subscribe({
        next: ({ value }) => {
          if (value.operation === 'running' || value.operation === 'paused') resolve();
          if (value.operation === 'failed' || value.operation === 'closing') {
            reject(
              (journal.startError as Error | null) ??
                new NotRunningError(this.#options.name, 'start', 'stopped')
            );
          }
        },
        error: reject
      });
    });
    actor.start();
    await isReady;
    this.#inbox = obeyInbox(this.#options.store, this.#options.name, this);
  }

  async #stop(graceful: boolean, timeoutMs: number): Promise<void> {
    const actor = this.#actor!;
    // A start that comes meanwhile waits for the end of this, and begins anew.
    this.#starting = null;
    this.#inbox?.[Symbol.dispose]();
    const isStopped = new Promise<void>((resolve) => {
      actor.subscribe({ complete: resolve, error: () => resolve() });
    });
    actor.send({ type: graceful ? 'fleet.drain' : 'fleet.stop' });
    const timer = this.#options.clock.setAlarm(() => actor.send({ type: 'fleet.stop' }), timeoutMs);
    if (actor.getSnapshot().status === 'active') await isStopped;
    timer[Symbol.dispose]();
  }

  /** Sends a command and waits until it is carried out and durable, or refused. */
  #send<TReply>(command: LedgerCommand | OperationCommand): Promise<TReply> {
    const actor = this.#requireActor(command.type);
    const { commandId, reply } = this.#fleet.journal.replies.expect<TReply>();
    outsideAttempts(() => actor.send({ ...command, commandId }));
    return reply;
  }

  /** Throws, when it is called, if the caller of this is a handler that `id` waits for. */
  #selfAwaitGuard(kind: 'batch' | 'task', id: string): () => void {
    const own = currentAttempt();
    const isSelf =
      own?.executor === this.#options.executor &&
      (kind === 'task' ? own.attempt.key : own.attempt.batchId) === id;
    return () => {
      // Code that a handler left behind may wait: its attempt is over.
      if (isSelf && own.isRunning) throw new SelfAwaitError(kind, id);
    };
  }

  async #submitTask(type: string, data: unknown, options: SingleTaskOptions): Promise<string> {
    const { clock, newId } = this.#options;
    const read = readFields('options', options);
    const task = prepareSingleTask(type, data, read, newId(), clock.now());
    return this.#send<string>({ type: 'task.submit', task, fresh: read.id === undefined });
  }

  async #submitStream(
    submission: BatchSubmission,
    tasks: Iterable<unknown> | AsyncIterable<unknown>,
    batchId: string
  ): Promise<void> {
    try {
      await this.#untilStopped(batchId, submission.submitStream(tasks));
    } catch (error) {
      submission.abandon(error as Error);
      // What was interrupted goes on when it is repeated.
      const isInterrupted = error instanceof NotRunningError || error instanceof StoreError;
      // What a conflict names is not this submission's to cancel, nor is what another one has completed.
      if (submission.isOwner && !isInterrupted) {
        const { status } = await this.getBatchStatus(batchId);
        if (status === 'accepting') await this.cancelBatch(batchId);
      }
      throw error;
    }
  }

  /** Ends the wait when the fleet stops: the source of a stream may be silent for ever. */
  async #untilStopped(batchId: string, submitted: Promise<void>): Promise<void> {
    const { promise: stopped, reject } = withResolvers<never>();
    const subscription = this.#fleet.journal.waiters.onBatchSettled(batchId, {
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

  async *#failedTasks(batchId: string): AsyncGenerator<TaskFor<THandlers>> {
    let after = 0;
    for (;;) {
      const page = await this.listTasks({ batchId, after, limit: pageSize });
      for (const task of page) {
        if (task.status !== 'completed') yield copyOf(task) as TaskFor<THandlers>;
      }
      if (page.length < pageSize) return;
      after = page.at(-1)!.seq;
    }
  }

  async #findResult(key: string): Promise<StoredResult | null> {
    const result = await this.#reader.readResult(key);
    if (result === null && !(await this.#reader.hasTask(key))) throw new NotFoundError('task', key);
    return result;
  }

  /** News of a batch, once. Nothing is left of it when it is disposed of. */
  #listenToBatch(
    batchId: string,
    signal: AbortSignal | undefined
  ): Disposable & { readonly come: Promise<void> } {
    const { waiters } = this.#fleet.journal;
    const { promise: come, resolve, reject } = withResolvers<void>();
    // Waited for only when there is nothing left to read.
    come.catch(() => {});
    const onAbort = (): void => reject(signal!.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort);
    const subscription = waiters.onBatch(batchId, { onNews: resolve, onStop: reject });
    return {
      come,
      [Symbol.dispose]() {
        subscription[Symbol.dispose]();
        signal?.removeEventListener('abort', onAbort);
      }
    };
  }

  #snapshotOfCoordinator() {
    const { coordinator } = this.#requireActor('getSummary').getSnapshot().children;
    return coordinator!.getSnapshot().context;
  }

  #configFor(command: string): FleetConfig {
    return this.#requireActor(command).getSnapshot().context.config;
  }

  #requireActor(command: string): ActorRefFrom<FleetLogic> {
    if (this.#actor === null || this.#actor.getSnapshot().status !== 'active') {
      throw new NotRunningError(this.#options.name, command, 'stopped');
    }
    return this.#actor;
  }
}

function readBatchOptions(options: BatchOptions): BatchOptions {
  return readOptions('options', options, ['batchId', 'metadata']);
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

/** Tasks of a batch that have not settled; Infinity while more of them may come. */
function unsettledTasks(batch: BatchStatus): number {
  if (batch.status === 'accepting') return Infinity;
  return batch.totalTasks - batch.completedTasks - batch.failedTasks - batch.cancelledTasks;
}

/** What a copy of a task is submitted with. */
function copyOf({ id, type, data, priority, timeoutMs, maxRetries, metadata, key }: TaskView): unknown {
  return {
    id,
    type,
    data,
    priority,
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(maxRetries !== undefined && { maxRetries }),
    ...(metadata !== undefined && { metadata }),
    retryOf: key
  };
}

/** `Promise.withResolvers`, which Node 20 has not. */
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}
