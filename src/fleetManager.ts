import type { ActorRefFrom } from 'xstate';
import type { BatchStatus, FinalBatchState } from '../machines/batch.ts';
import type { FleetConfig } from '../machines/fleetConfig.ts';
import type { FleetFact } from '../machines/fleetFact.ts';
import type { TaskError, TaskResult } from '../machines/task.ts';
import { listWorkers, workerActorsOf, type WorkerFilter, type WorkerInfo } from './agents/workerViews.ts';
import type { CoordinatorAgent } from './coordinator/coordinatorAgent.ts';
import { createCoordinator } from './coordinator/createCoordinator.ts';
import type { FleetLogic, ResolvedOptions } from './createFleet.ts';
import type { LivePage, LivePages } from './dashboard/livePages.ts';
import type { ServeOptions } from './dashboard/serveOptions.ts';
import { ConflictError } from './errors.ts';
import type { EventFilter, EventStream } from './fleet/eventStream.ts';
import type { FleetActor, FleetState, StartingOptions } from './fleet/fleetActor.ts';
import type { FactOf, FleetEvents } from './fleet/fleetEvents.ts';
import type { FailedAttempt } from './fleet/fleetHooks.ts';
import type { FleetAccess } from './fleet/fleetAccess.ts';
import {
  keyOf,
  type BatchFilter,
  type FleetReader,
  type ResultFilter,
  type TaskFilter,
  type TaskRef
} from './fleet/fleetReader.ts';
import { managerOptionNames, type FleetManagerOptions } from './fleet/managerOptions.ts';
import { ManagerParts, type ManagerMethods } from './fleet/managerParts.ts';
import type { Settlements, StreamOptions } from './fleet/settlements.ts';
import type { StopOptions } from './fleet/stopOptions.ts';
import { fleetStatisticsOf, type FleetStatistics, type TaskView } from './fleet/views.ts';
import type { WaitOptions } from './fleet/waiting.ts';
import type {
  AnyDataOf,
  AnyResultOf,
  DataOf,
  HandlerContext,
  Handlers,
  ResultOf
} from './handlers/handler.ts';
import type { RegisterOptions } from './handlers/handlerRegistry.ts';
import type { ReadModelStore } from './journal/readModel.ts';
import { isHeld } from './ledger/ledger.ts';
import { assertNoWorkerConfig, validateConfig, type ConfigPatch } from './options.ts';
import type {
  ScheduleDetails,
  ScheduleFilter,
  ScheduleOptions,
  Schedules,
  ScheduleStatus,
  ScheduleTiming
} from './schedules/schedules.ts';
import type { ScheduleTemplate } from './schedules/scheduleTemplate.ts';
import type { Submissions } from './submission/submissions.ts';
import type { BatchOptions } from './submission/submitTasks.ts';
import type { SingleTaskOptions } from './submission/task.ts';
import type { TaskFor } from './submission/taskFor.ts';
import {
  assertIdWithoutSlash,
  assertInteger,
  assertSignal,
  readFields,
  readOptions
} from './validation/validation.ts';
import type { AnyWorkerAgent } from './workers/workerAgent.ts';
import type { WorkerTask } from './workers/workerTask.ts';

/**
 * A fleet of workers: takes batches of tasks, spreads them over its workers, retries what fails, gathers the
 * results, and survives the loss of its process if its store does. What of it can also be done from another process says
 * {@link FleetAccess}.
 */
export class FleetManager<
  THandlers extends Handlers = Handlers,
  TCoordinator extends CoordinatorAgent = CoordinatorAgent
> implements FleetAccess<THandlers> {
  readonly coordinator: TCoordinator;
  /** The read model: stats, the last batches and results, once per turn. Subscribe with selectors. */
  readonly store: ReadModelStore;

  readonly #options: ResolvedOptions;
  readonly #events: FleetEvents;
  readonly #actor: FleetActor;
  readonly #reader: FleetReader;
  readonly #submissions: Submissions;
  readonly #settlements: Settlements;
  readonly #schedules: Schedules;
  readonly #pages: LivePages;

  constructor(options: FleetManagerOptions<THandlers, TCoordinator>) {
    const { coordinator, ...others } = readOptions('options', options, managerOptionNames);
    const parts = new ManagerParts(others, this, this.#ownMethods());
    this.coordinator = createCoordinator(parts.coordination.host, coordinator);
    this.store = parts.readModel.store;
    this.#options = parts.options;
    this.#events = parts.events;
    this.#actor = parts.actor;
    this.#reader = parts.reader;
    this.#submissions = parts.submissions;
    this.#settlements = parts.settlements;
    this.#schedules = parts.schedules;
    this.#pages = parts.pages;
  }

  /**
   * Opens the store, takes up what an earlier run left, and begins. Idempotent. A fleet with `standby` waits while another
   * process owns it, until it is stopped, or `signal` is aborted.
   *
   * @throws {LockedError} while another process owns it, without `standby`. @throws the signal's reason, and others
   */
  async start(options: StartingOptions = {}): Promise<void> {
    const { signal } = readOptions('options', options, ['signal']);
    if (signal !== undefined) assertSignal(signal);
    await this.#actor.start(signal);
  }

  /** What the fleet is doing: `standby` while another process owns it, `stopped` before its start. */
  get state(): FleetState {
    return this.#actor.state;
  }

  /** Ends the fleet; everything unfinished is back after the next start. Idempotent. */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.#actor.stop(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async pause(): Promise<void> {
    await this.#actor.send({ type: 'fleet.pause' });
  }

  async resume(): Promise<void> {
    await this.#actor.send({ type: 'fleet.resume' });
  }

  /**
   * Submits tasks as one batch. Resolves when they are durable, not when they are done.
   *
   * The same tasks under the same `batchId` again change nothing, and an interrupted stream goes on where it
   * was. An array is validated whole before anything is written, in slices of 1,000 tasks between which the event loop
   * turns: its tasks must not be changed until this resolves. A bad item of a stream cancels the batch. Tasks that depend
   * on later ones of their array come after them.
   *
   * @returns The batch's id.
   * @throws {ValidationError} naming the task by its index. @throws {ConflictError} for other tasks under a
   * taken id, and for an idempotency key that another task has: of an array of thousands, some may have started by
   * then, and the batch is cancelled. @throws {QueueFullError} where the config says so.
   */
  async submitBatch(
    tasks: Iterable<TaskFor<THandlers>> | AsyncIterable<TaskFor<THandlers>>,
    options: BatchOptions = {}
  ): Promise<string> {
    return this.#submissions.submitBatch(tasks, options);
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

  async cancelBatch(batchId: string): Promise<boolean> {
    assertIdWithoutSlash('batchId', batchId);
    return this.#actor.send<boolean>({ type: 'batch.cancel', batchId });
  }

  async pauseBatch(batchId: string): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#actor.send({ type: 'batch.pause', batchId });
  }

  async resumeBatch(batchId: string): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#actor.send({ type: 'batch.resume', batchId });
  }

  /**
   * Removes a settled batch with its tasks and results. Nobody sees it from the first moment of its removal on;
   * resolves when all is gone, durably, and its id is free. A submission under the id waits for that.
   *
   * @throws {ConflictError} while it has not settled. @throws {StoreError} Call it again: it goes on where it was.
   */
  async removeBatch(batchId: string): Promise<void> {
    assertIdWithoutSlash('batchId', batchId);
    await this.#actor.send({ type: 'batch.remove', batchId });
  }

  retryTask(ref: TaskRef, options: { readonly id?: string } = {}): Promise<string> {
    return this.#submissions.retryTask(ref, options);
  }

  retryBatch(batchId: string, options: BatchOptions = {}): Promise<string> {
    return this.#submissions.retryBatch(batchId, options);
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

  async submit<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options: SingleTaskOptions & Pick<WaitOptions, 'signal'> = {}
  ): Promise<ResultOf<THandlers[TType]>> {
    const { signal, ...taskOptions } = readFields('options', options);
    if (signal !== undefined) assertSignal(signal);
    return this.#settlements.submitAndWait<ResultOf<THandlers[TType]>>(
      (onNew) => this.#submissions.submitTask(type, data, taskOptions, signal, onNew),
      signal === undefined ? {} : { signal }
    );
  }

  async submitAsync<TType extends keyof THandlers & string>(
    type: TType,
    data: DataOf<THandlers[TType]>,
    options: SingleTaskOptions = {}
  ): Promise<TaskView> {
    return this.getTask(await this.#submissions.submitTask(type, data, options));
  }

  waitFor<TResult = unknown>(ref: TaskRef, options: WaitOptions = {}): Promise<TResult> {
    return this.#settlements.waitForTask<TResult>(ref, options);
  }

  /**
   * Adds the handler of a type of task, before the start or while the fleet runs. From then on the type can be
   * submitted, and tasks of it that an earlier process left are dispatched.
   *
   * @throws {ValidationError} @throws {ConflictError} for a type that has a handler, unless `replace` is set:
   * attempts that run then end with the old one. Also where the fleet has an executor of its own.
   */
  registerHandler<TType extends keyof THandlers & string>(
    type: TType,
    handler: THandlers[TType],
    options: RegisterOptions = {}
  ): void {
    const { handlers, name } = this.#options;
    if (handlers === null) {
      throw new ConflictError('fleet', name, 'has an executor of its own, whose task types are fixed');
    }
    handlers.add(type, handler, options);
    if (this.#actor.isActive) this.#actor.journal.lookForClaims();
  }

  /**
   * The same with the function apart: `fleet.handler('resize')(async (data) => …)`. What it gives returns the
   * function as it is.
   */
  handler<TType extends keyof THandlers & string>(
    type: TType,
    options: RegisterOptions = {}
  ): <THandler extends THandlers[TType]>(handler: THandler) => THandler {
    return (handler) => {
      this.registerHandler(type, handler, options);
      return handler;
    };
  }

  async getTask(ref: TaskRef): Promise<TaskView> {
    const task = await this.#reader.getTask(ref);
    if (!isHeld(task.status)) return task;
    return { ...task, ...this.#actor.journal.notes.get({ seq: task.seq, attempt: task.attempts }) };
  }

  async cancelTask(ref: TaskRef): Promise<boolean> {
    return this.#actor.send<boolean>({ type: 'task.cancel', key: keyOf(ref) });
  }

  /**
   * Submits a task, or a batch, again and again. Durable when it resolves.
   *
   * What is submitted is named `<id>@<time, ISO 8601>` by the time that it was due at, and has
   * `schedule: { id, at }` in its metadata. Each time fires once, whatever crashes; those that fire nothing are counted
   * as `skipped`. The same again changes nothing; another timing, template or option changes the schedule, which keeps
   * what it has counted. One that has ended begins anew.
   *
   * @param id - No slash, at most 200 bytes.
   * @returns Whether anything changed.
   * @throws {ValidationError} also for a timing that never comes. @throws {ConflictError} beyond 10,000 schedules.
   */
  async schedule(
    id: string,
    timing: ScheduleTiming,
    template: ScheduleTemplate<TaskFor<THandlers>>,
    options: ScheduleOptions = {}
  ): Promise<boolean> {
    if (!this.#submissions.knowsTypes) await this.#actor.started('schedule.put');
    return this.#schedules.put(id, timing, template, options);
  }

  /** Removes a schedule. What it has submitted goes on. @returns `false`: unknown. */
  unschedule(id: string): Promise<boolean> {
    return this.#schedules.remove(id);
  }

  /** Its times pass without a run, and are not counted, until it is resumed. @throws {NotFoundError} */
  pauseSchedule(id: string): Promise<void> {
    return this.#schedules.pause(id);
  }

  /** It goes on with its first time from now. @throws {NotFoundError} */
  resumeSchedule(id: string): Promise<void> {
    return this.#schedules.resume(id);
  }

  /** @throws {NotFoundError} */
  getSchedule(id: string): Promise<ScheduleDetails> {
    return this.#schedules.get(id);
  }

  /** In order of their ids, by UTF-8. */
  listSchedules(filter: ScheduleFilter = {}): Promise<ScheduleStatus[]> {
    return this.#schedules.list(filter);
  }

  async scaleWorkers(count: number): Promise<void> {
    assertInteger('count', count, 1, 100_000);
    if (this.#options.executor.isRemote) {
      const reason = 'has workers that come by themselves; start or end worker processes instead';
      throw new ConflictError('fleet', this.#options.name, reason);
    }
    await this.#actor.send({ type: 'workers.scale', count });
  }

  /** Changes the config, live and durably. @throws {ValidationError} */
  async updateConfig(patch: ConfigPatch): Promise<void> {
    if (this.#options.executor.isRemote) assertNoWorkerConfig('config', patch);
    await this.#actor.send({
      type: 'config.update',
      config: validateConfig(patch, this.#actor.configFor('updateConfig'))
    });
  }

  async getStats(): Promise<FleetStatistics> {
    if (this.state === 'standby') this.#actor.requireOwner('getStats');
    return fleetStatisticsOf(this.#actor.journal.ledger);
  }

  /** The workers that hold a task now. */
  async getActiveWorkers(): Promise<WorkerInfo[]> {
    return this.#listWorkers('getActiveWorkers', {}).filter(({ taskIds }) => taskIds.length > 0);
  }

  async getWorkers(filter: WorkerFilter = {}): Promise<WorkerInfo[]> {
    return this.#listWorkers('getWorkers', filter);
  }

  /**
   * Serves a live page of the fleet over HTTP, until it is closed or the fleet has stopped. Reading needs nothing on
   * this machine, and the token elsewhere; whatever changes something needs the token.
   *
   * @throws {NotRunningError} @throws {ValidationError} also for a host that others can reach, without a `token`.
   * @throws {ListenError} for a port that is taken, or a host that is not this machine's.
   */
  serve(options: ServeOptions = {}): Promise<LivePage> {
    return this.#pages.open(options);
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
    return this.#actor.configFor('config');
  }

  /**
   * The fleet's actor, while it runs. It emits facts about single tasks only while `on` or `events` has a
   * subscriber for them.
   *
   * @throws {NotRunningError}
   */
  get actor(): ActorRefFrom<FleetLogic> {
    return this.#actor.require('actor');
  }

  /**
   * Makes the worker of an id. Override it, and workers that are objects do the work that no handler is registered
   * for, of tasks of any type.
   *
   * It is started and, when its place wants another or the fleet stops, stopped by the fleet. A throw, 30 s without an
   * answer, and a worker of another id or with too low a `concurrency` are a `worker.lost`; another try follows.
   *
   * @param workerId - What the worker is to be made with. Each is asked for once; with `tasksPerWorker: 1` each task
   * has a worker of its own.
   */
  protected getWorkerInstance(workerId: string): AnyWorkerAgent | Promise<AnyWorkerAgent> {
    throw new ConflictError(
      'fleet',
      this.#options.name,
      `does not override getWorkerInstance: no ${workerId}`
    );
  }

  /**
   * Has the worker do an attempt of a task. What it returns or throws is treated like a handler's; the `TaskResult` of
   * the task counts as what is in it.
   */
  protected executeTaskOnWorker(
    worker: AnyWorkerAgent,
    task: WorkerTask<AnyDataOf<THandlers>>,
    context: HandlerContext
  ): unknown {
    return worker.executeTask(task, context);
  }

  /** Called before each attempt, in the worker's time, and waited for. None of these hooks changes what becomes of a task. */
  protected onBeforeTask(
    _task: WorkerTask<AnyDataOf<THandlers>>,
    _context: HandlerContext
  ): void | Promise<void> {}

  /** Called when a task has completed, durably. */
  protected onAfterTask(_result: TaskResult<AnyResultOf<THandlers>>): void | Promise<void> {}

  /** Called when an attempt has failed or timed out, durably. */
  protected onTaskError(_attempt: FailedAttempt, _error: TaskError): void | Promise<void> {}

  /** Called when a batch has settled, durably. */
  protected onBatchSettled(_batchId: string, _status: FinalBatchState): void | Promise<void> {}

  #listWorkers(command: string, filter: WorkerFilter): WorkerInfo[] {
    const { children } = this.#actor.require(command).getSnapshot();
    const { ledger, workers } = this.#actor.journal;
    return listWorkers(workerActorsOf(children), ledger, workers, filter);
  }

  /** What a subclass overrides: what it does not costs nothing. */
  #ownMethods(): ManagerMethods {
    return {
      workers: this.#isOverridden('getWorkerInstance')
        ? {
            getInstance: (workerId) => this.getWorkerInstance(workerId),
            execute: (worker, task, context) =>
              this.executeTaskOnWorker(worker, task as WorkerTask<AnyDataOf<THandlers>>, context)
          }
        : null,
      hooks: {
        ...(this.#isOverridden('onBeforeTask') && {
          onBeforeTask: (task, context) =>
            this.onBeforeTask(task as WorkerTask<AnyDataOf<THandlers>>, context)
        }),
        ...(this.#isOverridden('onAfterTask') && {
          onAfterTask: (result) => this.onAfterTask(result as TaskResult<AnyResultOf<THandlers>>)
        }),
        ...(this.#isOverridden('onTaskError') && {
          onTaskError: (attempt, error) => this.onTaskError(attempt, error)
        }),
        ...(this.#isOverridden('onBatchSettled') && {
          onBatchSettled: (batchId, status) => this.onBatchSettled(batchId, status)
        })
      }
    };
  }

  /** Whether a subclass has a method of its own. One that is a field is not there yet when the fleet is made. */
  #isOverridden(method: OverridableMethod): boolean {
    return this[method] !== FleetManager.prototype[method];
  }
}

type OverridableMethod =
  'getWorkerInstance' | 'onBeforeTask' | 'onAfterTask' | 'onTaskError' | 'onBatchSettled';
