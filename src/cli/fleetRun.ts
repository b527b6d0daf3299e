import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchStatus } from '../../machines/batch.ts';
import { ConflictError, FencedError, NotFoundError, TaskCancelledError, TaskFailedError } from '../errors.ts';
import { FleetManager } from '../fleetManager.ts';
import type { CommandReply, RemoteCommand, Store } from '../store.ts';
import type { Telemetry } from '../telemetry/createTelemetry.ts';
import { durationText } from './duration.ts';
import { InboxWork } from './inboxWork.ts';
import type { Interrupts } from './interrupts.ts';
import { showProgress, type Counts, type Progress } from './progress.ts';
import { retriesOf } from './retries.ts';
import type { RunOptions } from './run.ts';
import type { RunPlace } from './runPlace.ts';
import type { Finished } from './summary.ts';
import { openPage } from './openPage.ts';
import type { TaskFile } from './taskFile.ts';
import { printable } from './terminal.ts';

/** How long running tasks may go on after an interrupt, unless they have a limit of their own, ms. */
const drainMs = 30_000;
/** How long aborted tasks may take to be given back, ms. */
const abortMs = 2_000;

interface FleetRunOptions {
  readonly place: RunPlace;
  readonly tasks: TaskFile;
  readonly batchId: string;
  readonly store: Store;
  /** `null`: it is not measured. */
  readonly telemetry: Telemetry | null;
  readonly options: RunOptions;
}

/** A fleet that runs one file of tasks, and what other processes ask it to retry meanwhile. */
export class FleetRun {
  readonly #fleet: FleetManager;
  readonly #inbox: InboxWork;
  readonly #tasks: TaskFile;
  readonly #batchId: string;
  readonly #options: RunOptions;
  /** What starts a worker elsewhere; `null`: the workers are the run's own. */
  readonly #workerCommand: string | null;
  /** The batch as the run found it. */
  #found: BatchStatus | null = null;
  /** Its retries, as the run found them. */
  #foundRetries: readonly string[] = [];
  #progress: Progress | null = null;
  #hasPage = false;
  readonly #telemetry: Telemetry | null;
  #metrics: Disposable | null = null;

  constructor({ place, tasks, batchId, store, telemetry, options }: FleetRunOptions) {
    this.#telemetry = telemetry;
    this.#workerCommand = place.workerCommand;
    this.#tasks = tasks;
    this.#batchId = batchId;
    this.#options = options;
    this.#inbox = new InboxWork(store, (command, reply) => {
      const text = answerText(command, reply);
      if (text !== null) this.#note(text);
    });
    this.#fleet = new FleetManager({
      name: options.fleet,
      ...place.fleet,
      store: this.#inbox.store,
      standby: options.standby ?? false,
      config: configOf(options),
      ...(telemetry !== null && { telemetry }),
      ...(options.record !== undefined && { record: options.record })
    });
    this.#fleet.on('standby.began', ({ owner }) =>
      this.#note(`The store is owned by ${owner}: waiting to take over. Ctrl-C ends the waiting.`)
    );
    this.#fleet.on('standby.ended', () => this.#note('Taking over.'));
    this.#fleet.on('store.unavailable', ({ message }) =>
      this.#note(`The store is unavailable, what runs goes on: ${message}`)
    );
    this.#fleet.on('store.recovered', () => this.#note('The store is available again.'));
    if (this.#workerCommand !== null) this.#tellOfWorkers();
    this.#fleet.on('task.log', ({ key, line }) => this.#note(`${key}: ${line}`));
  }

  /** What it retried for other processes. */
  get retried(): Pick<Finished, 'batches' | 'tasks'> {
    return this.#inbox;
  }

  /** Runs until all is settled, or until it is interrupted. @returns Whether all is settled. */
  async finish(interrupts: Interrupts): Promise<boolean> {
    const work = this.#workUntilDone();
    try {
      const isFinished = await Promise.race([work.then(() => true), interrupts.first.then(() => false)]);
      if (isFinished && this.#hasPage && process.stderr.isTTY) await this.#keepPage(interrupts);
      if (!isFinished) this.#noteStopping();
      await this.#stop(interrupts);
      return isFinished;
    } catch (error) {
      await this.#stop(interrupts);
      throw error;
    } finally {
      this.#progress?.[Symbol.dispose]();
      this.#metrics?.[Symbol.dispose]();
    }
  }

  /** Who stands by and is fenced stands by again, and goes on when it has taken over. */
  async #workUntilDone(): Promise<void> {
    for (;;) {
      try {
        return await this.#work();
      } catch (error) {
        if (!(error instanceof FencedError) || this.#options.standby !== true) throw error;
        this.#progress?.[Symbol.dispose]();
        this.#progress = null;
        this.#note(error.message);
      }
    }
  }

  async #work(): Promise<void> {
    await this.#start();
    await this.#submit();
    await this.#fleet.waitForBatch(this.#batchId);
    await this.#inbox.obeyed(this.#options.fleet);
    const { batches, tasks } = this.#inbox;
    for (let waitedFor = -1; waitedFor !== batches.size + tasks.size;) {
      waitedFor = batches.size + tasks.size;
      for (const id of batches) await this.#fleet.waitForBatch(id);
      for (const id of await this.#findRetries()) await this.#fleet.waitForBatch(id);
      for (const key of tasks) await this.#waitForTask(key);
    }
  }

  async #start(): Promise<void> {
    // Before the start: a probe may ask how far that is.
    if (this.#telemetry !== null) {
      const { openMetrics } = await import('./openMetrics.ts');
      this.#metrics = await openMetrics(this.#telemetry, this.#options.metrics ?? true, (line) =>
        this.#note(line)
      );
    }
    await this.#fleet.start();
    if (this.#workerCommand !== null) {
      this.#note(`Workers elsewhere run the tasks. To start one: ${this.#workerCommand}`);
    }
    if (this.#options.ui !== undefined) {
      await openPage(this.#fleet, this.#options.ui, (line) => this.#note(line));
      this.#hasPage = true;
    }
    this.#found = await this.#findBatch();
    this.#foundRetries = await this.#findRetries();
    this.#progress = showProgress(process.stderr, () => this.#counts());
    await this.#noteOtherBatches();
    // Whoever runs it wants it to run, even if the fleet was paused when it was stopped.
    await this.#fleet.resume();
  }

  /** Those of other processes come and go by themselves. */
  #tellOfWorkers(): void {
    this.#fleet.on('worker.spawned', ({ workerId }) => this.#note(`Worker ${workerId} joined.`));
    this.#fleet.on('worker.stopped', ({ workerId }) => this.#note(`Worker ${workerId} has left.`));
    this.#fleet.on('worker.lost', ({ workerId, problem }) =>
      this.#note(`Worker ${workerId} is lost, what it ran is queued again: ${problem}`)
    );
    this.#fleet.on('worker.unfit', ({ workerId, problem }) =>
      this.#note(`Worker ${workerId} is given nothing: ${problem}`)
    );
    this.#fleet.on('tasks.unroutable', ({ taskType, tags }) => {
      const wanted = tags.length === 0 ? '' : ` with tags ${tags.join(',')}`;
      this.#note(`Tasks of type ${taskType}${wanted} wait: no worker that is there takes them.`);
    });
  }

  async #submit(): Promise<void> {
    try {
      await this.#fleet.submitBatch(this.#tasks.tasks(), { batchId: this.#batchId });
    } catch (error) {
      // Another process has cancelled it: it takes no more tasks, and settles.
      const isCancelled =
        error instanceof ConflictError && (await this.#findBatch())?.status.startsWith('cancel');
      if (!isCancelled) throw error;
    }
  }

  async #waitForTask(key: string): Promise<void> {
    try {
      await this.#fleet.waitFor(key);
    } catch (error) {
      if (!(error instanceof TaskFailedError || error instanceof TaskCancelledError)) throw error;
    }
  }

  /** Ends the fleet. Resolves when all that it can still write is written. */
  async #stop(interrupts: Interrupts): Promise<void> {
    const stopped = this.#fleet.stop({ timeoutMs: this.#drainMs });
    const isStopped = await Promise.race([stopped.then(() => true), interrupts.second.then(() => false)]);
    if (isStopped) return;
    this.#note(this.#workerCommand === null ? 'Aborting what runs.' : 'Leaving what runs to its workers.');
    await Promise.race([this.#fleet.stop({ graceful: false }), sleep(abortMs)]);
  }

  async #findBatch(): Promise<BatchStatus | null> {
    try {
      return await this.#fleet.getBatchStatus(this.#batchId);
    } catch (error) {
      if (error instanceof NotFoundError) return null;
      throw error;
    }
  }

  #findRetries(): Promise<string[]> {
    return retriesOf(this.#batchId, this.#inbox.store, this.#options.fleet);
  }

  /** Work of other files, or of this one before it was changed, goes on in this run too. */
  async #noteOtherBatches(): Promise<void> {
    for (const status of ['accepting', 'pending', 'processing', 'cancelling'] as const) {
      for (const { id, progress } of await this.#fleet.listBatches({ status, limit: 10 })) {
        if (id === this.#batchId || this.#foundRetries.includes(id)) continue;
        this.#note(
          `Batch ${id} is unfinished too (${Math.floor(progress * 100)} %), and goes on beside this one.`
        );
      }
    }
  }

  /** Who looks at it on a terminal wants to see how it ended. What the page retries runs meanwhile. */
  async #keepPage(interrupts: Interrupts): Promise<void> {
    this.#progress?.[Symbol.dispose]();
    this.#progress = null;
    this.#note('All is settled. The live page stays until it is interrupted (Ctrl-C).');
    await interrupts.first;
  }

  #noteStopping(): void {
    const { running } = this.#counts();
    this.#note(
      running === 0
        ? 'Stopping.'
        : `Stopping: tasks that run (${running}) may finish, for ${durationText(this.#drainMs)} at most. ` +
            `Interrupt again to ${this.#workerCommand === null ? 'abort them' : 'leave them to their workers'}.`
    );
  }

  #counts(): Counts {
    const { batches } = this.#fleet.store.getSnapshot().context;
    const own = batches.find(({ id }) => id === this.#batchId) ?? this.#found;
    const retried = batches.filter(
      ({ id }) => this.#inbox.batches.has(id) || this.#foundRetries.includes(id)
    );
    const counts = { total: this.#tasks.count, done: 0, failed: 0, running: 0, retrying: 0 };
    for (const { totalTasks } of retried) counts.total += totalTasks;
    for (const batch of own === null ? retried : [own, ...retried]) {
      counts.done += batch.completedTasks + batch.failedTasks + batch.cancelledTasks;
      counts.failed += batch.failedTasks;
      counts.running += batch.runningTasks;
      counts.retrying += batch.retryingTasks;
    }
    return counts;
  }

  #note(line: string): void {
    if (this.#progress) this.#progress.note(line);
    else process.stderr.write(`${printable(line)}\n`);
  }

  get #drainMs(): number {
    return this.#options.timeout ?? drainMs;
  }
}

function configOf({ workers, group, concurrency, retries, timeout }: RunOptions) {
  return {
    ...(group.length > 0 && { workerGroups: group }),
    ...(workers !== undefined && { maxConcurrentWorkers: workers }),
    ...(concurrency !== undefined && { workerConcurrency: concurrency }),
    ...(retries !== undefined && { maxRetries: retries }),
    ...(timeout !== undefined && { workerTimeout: timeout })
  };
}

/** `null`: it need not be told. */
function answerText(command: RemoteCommand, reply: CommandReply): string | null {
  if (!reply.ok) return `Refused a command of another process: ${reply.message}`;
  switch (command.type) {
    case 'batch.submit':
      return command.seal ? `Took batch ${command.batchId} of another process.` : null;
    case 'task.submit':
      return `Took task ${reply.value as string} of another process.`;
    case 'batch.cancel':
      return reply.value === true
        ? `Cancelled batch ${command.batchId}.`
        : `Batch ${command.batchId} has settled.`;
    case 'batch.pause':
      return `Paused batch ${command.batchId}.`;
    case 'batch.resume':
      return `Resumed batch ${command.batchId}.`;
    case 'task.cancel':
      return reply.value === true ? `Cancelled task ${command.key}.` : `Task ${command.key} has settled.`;
    case 'batch.retry':
      return `Retrying batch ${command.batchId} as batch ${command.newBatchId}.`;
    case 'task.retry':
      return `Retrying task ${command.key} as task ${command.newKey}.`;
    case 'workers.list':
      return null;
    case 'workers.scale':
      return `Scaled to ${command.count} workers.`;
    case 'fleet.pause':
      return 'Paused.';
    case 'fleet.resume':
      return 'Resumed.';
  }
}
