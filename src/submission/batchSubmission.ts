import type { LedgerCommand, NewTask } from '../../machines/fleetCommand.ts';
import type { Json } from '../../machines/task.ts';
import type { Clock } from '../clock.ts';
import { ConflictError, ValidationError } from '../errors.ts';
import { ShardedMap } from '../ledger/shardedMap.ts';
import { oneOf } from '../turn/admission.ts';
import type { SubmitReply } from '../turn/batchRules.ts';
import { limits } from '../validation/limits.ts';
import { readItems, refuse } from '../validation/validation.ts';
import { inOrderOfDependencies } from './dependencies.ts';
import type { DataReader } from './schema.ts';
import { prepareTask, type StartOptions } from './task.ts';

/** Tasks that are submitted together: more of them block the event loop for longer. */
export const usualChunkTasks = 500;
/** Where as many can run at once: with less, workers idle between two chunks, and their actors take a step for each task. */
export const maxChunkTasks = 1_000;
/** Their dependencies, each of which costs a turn something; a task alone may have as many as it likes. */
const chunkDependencies = 4_000;
/** Of a task on its way, besides its data and metadata. */
const taskBytes = 200;
/** Tasks of an array whose data is read at once, where that takes its time. */
const readAtOnce = 16;
/** Tasks of an array that are validated before the event loop turns: some ms, where a million at once took 4 s. */
const validatedAtOnce = 1_000;
/** How long tasks of a slow stream are held back to be submitted together, ms. */
const flushMs = 50;

export interface SubmissionOptions {
  readonly batchId: string;
  /** The id was minted for this submission. */
  readonly isMinted: boolean;
  readonly metadata: Json;
  /** What its attempts belong to; `undefined`: it is not traced. */
  readonly traceparent?: string | undefined;
  /** When those tasks start that do not say so. */
  readonly start: StartOptions;
  /** `null`: any. */
  readonly types: ReadonlySet<string> | null;
  readonly readData: DataReader;
  /** Chunks never exceed what the queue can ever hold. */
  readonly maxQueueSize: number | null;
  /** Tasks that can run at once. */
  readonly places: number;
  /** Bytes beyond which no task is added to a chunk. */
  readonly chunkBytes: number;
  readonly clock: Clock;
  /** Epoch ms, from which delays count; `null`: the owner of the fleet counts, elsewhere. */
  readonly now: () => number | null;
  readonly send: (command: LedgerCommand) => Promise<SubmitReply>;
}

/** Brings the tasks of one `submitBatch` into the fleet: an array whole, a stream in chunks as it comes. */
export class BatchSubmission {
  readonly #options: SubmissionOptions;
  readonly #chunkSize: number;
  #submitted = 0;
  #isOwner = false;
  /** Where each task of an array is. All ids were looked at together, so none can be repeated. */
  #indexes: ShardedMap<number> | null = null;
  /** What was read of a stream and is not on its way yet, with the ids in it. */
  #chunk: NewTask[] = [];
  #chunkDependencies = 0;
  #chunkBytes = 0;
  #chunkIds = new ShardedMap<number>();
  #chunkKeys = new ShardedMap<number>();
  #flushing: Promise<void> | null = null;
  #timer: Disposable | null = null;
  #failure: Error | null = null;

  /** Whether the batch began with this submission: then every task of it must be new, and it may be cancelled. */
  get isOwner(): boolean {
    return this.#isOwner;
  }

  /** How many tasks were sent so far. */
  get submitted(): number {
    return this.#submitted;
  }

  constructor(options: SubmissionOptions) {
    this.#options = options;
    const { places, maxQueueSize } = options;
    const fit = Math.min(Math.max(places, usualChunkTasks), maxChunkTasks);
    this.#chunkSize = Math.min(fit, maxQueueSize ?? fit);
  }

  /** Validates all before anything is written. What a large array holds must not be changed meanwhile. */
  async submitArray(tasks: readonly unknown[]): Promise<void> {
    const items = readItems(
      'tasks',
      tasks,
      limits.arrayTasks,
      'pass an iterable, which is taken as it comes'
    );
    const now = this.#options.now();
    const ids = new ShardedMap<number>();
    const keys = new ShardedMap<number>();
    const prepared: NewTask[] = [];
    const admit = (task: NewTask): unknown => prepared.push(this.#admit(task, prepared.length, ids, keys));
    // From the first one on whose data takes its time to be read, so that the order is kept.
    const begun: (NewTask | Promise<NewTask>)[] = [];
    for (let index = 0; index < items.length; index++) {
      const task = this.#begin(items[index], index, now);
      if (begun.length === 0 && !(task instanceof Promise)) admit(task);
      else if (begun.push(task) === readAtOnce) for (const one of begun.splice(0)) admit(await one);
      if ((index + 1) % validatedAtOnce === 0) await this.#loopTurn();
    }
    for (const one of begun) admit(await one);
    this.#indexes = ids;
    const ordered = inOrderOfDependencies(prepared, ids);
    let from = 0;
    do {
      const chunk = this.#nextChunk(ordered, from);
      const end = from + chunk.length;
      await this.#submit(chunk, from === 0 ? ordered.length : 0, end === ordered.length);
      from = end;
    } while (from < ordered.length);
  }

  /**
   * Reads the stream at the pace of the fleet; what came may already run.
   *
   * @throws {ValidationError} for a bad item, by its index. What came before it is submitted.
   */
  async submitStream(tasks: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
    const { now } = this.#options;
    let index = 0;
    try {
      for await (const task of tasks) {
        if (this.#failure !== null) break;
        const begun = this.#prepare(task, index, now());
        const prepared = begun instanceof Promise ? await begun : begun;
        this.#chunk.push(this.#admit(prepared, index++, this.#chunkIds, this.#chunkKeys));
        this.#chunkDependencies += dependenciesOf(prepared);
        this.#chunkBytes += this.#bytesOf(prepared);
        this.#armTimer();
        if (!this.#isChunkFull) continue;
        await this.#flushing;
        // In memory all that a turn sets off follows from it without a pause, and the next chunk would be read with it.
        await this.#loopTurn();
        if (this.#isChunkFull) this.#flush();
      }
    } finally {
      await this.#flushing;
      this.#timer?.[Symbol.dispose]();
    }
    if (this.#failure !== null) throw this.#failure;
    if (this.#chunk.length > 0) await this.#submit(this.#chunk, this.#chunk.length, false);
    await this.#submit([], 0, true);
  }

  /** Nobody waits for the stream any more: no more of it is read than what its source is about to give. */
  abandon(reason: Error): void {
    this.#failure ??= reason;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }

  /** What the task takes on its way, about; nothing where that does not matter. */
  #bytesOf({ data, metadata }: NewTask): number {
    if (this.#options.chunkBytes === Infinity) return 0;
    return taskBytes + Buffer.byteLength(data) + (metadata === null ? 0 : Buffer.byteLength(metadata));
  }

  /** Lets what else is due go on. */
  #loopTurn(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.setSoon(resolve));
  }

  get #isChunkFull(): boolean {
    return (
      this.#chunk.length >= this.#chunkSize ||
      this.#chunkDependencies >= chunkDependencies ||
      this.#chunkBytes >= this.#options.chunkBytes
    );
  }

  #nextChunk(tasks: readonly NewTask[], from: number): readonly NewTask[] {
    let end = from;
    let bytes = 0;
    for (let dependencies = 0; end < tasks.length && end - from < this.#chunkSize; end++) {
      if (dependencies >= chunkDependencies || bytes >= this.#options.chunkBytes) break;
      dependencies += dependenciesOf(tasks[end]!);
      bytes += this.#bytesOf(tasks[end]!);
    }
    return tasks.slice(from, end);
  }

  /** Submits what was read of a stream. Its failure ends the reading. */
  #flush(): void {
    const chunk = this.#chunk;
    this.#chunk = [];
    this.#chunkIds = new ShardedMap();
    this.#chunkKeys = new ShardedMap();
    this.#chunkDependencies = 0;
    this.#chunkBytes = 0;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    this.#flushing = this.#submit(chunk, chunk.length, false)
      .catch((error: unknown) => {
        this.#failure ??= error as Error;
      })
      .finally(() => {
        this.#flushing = null;
        if (this.#chunk.length > 0 && this.#failure === null) this.#armTimer();
      });
  }

  /** Sees to it that what was read is submitted soon, also where the stream is slow. */
  #armTimer(): void {
    this.#timer ??= this.#options.clock.setAlarm(() => {
      this.#timer = null;
      // One chunk is written while the next one is read, no more.
      if (this.#flushing === null) this.#flush();
    }, flushMs);
  }

  /** @param announced - Tasks that the queue must have room for; 0: it waits for room. */
  async #submit(tasks: readonly NewTask[], announced: number, seal: boolean): Promise<void> {
    const { batchId, metadata, traceparent, isMinted, send } = this.#options;
    const exclusive = this.#isOwner;
    const from = this.#submitted;
    this.#submitted += tasks.length;
    const total = this.#submitted;
    const fresh = isMinted && this.#indexes !== null;
    try {
      const { added, totalTasks } = await send({
        type: 'batch.submit',
        batchId,
        metadata,
        traceparent,
        tasks,
        seal,
        total,
        fresh,
        exclusive,
        announced
      });
      if (from === 0 && tasks.length > 0) this.#isOwner = totalTasks === added;
    } catch (error) {
      if (exclusive && error instanceof ConflictError && error.kind === 'task') {
        this.#refuseRepeated(error.id, tasks, from);
      }
      throw error instanceof ValidationError ? this.#atItsIndex(error, tasks, from) : error;
    }
  }

  /** The owner of a fleet elsewhere names a task by its place in what was sent. */
  #atItsIndex(error: ValidationError, tasks: readonly NewTask[], from: number): ValidationError {
    const [, place, rest] = /^tasks\[(\d+)\](.*)$/s.exec(error.argument) ?? [];
    const task = place === undefined ? undefined : tasks[Number(place)];
    if (task === undefined) return error;
    const index = this.#indexes?.get(task.id) ?? from + Number(place);
    const { value, allowed, issues, cause } = error;
    return new ValidationError(`tasks[${index}]${rest}`, value, allowed, { issues, cause });
  }

  #refuseRepeated(key: string, tasks: readonly NewTask[], from: number): void {
    const at = tasks.findIndex((task) => task.key === key);
    if (at === -1) return;
    const { id } = tasks[at]!;
    const index = this.#indexes?.get(id) ?? from + at;
    refuse(`tasks[${index}].id`, id, 'unique in its batch; an earlier task has it too');
  }

  /** The same, with its refusal in the promise: the first one of an array is told, not the first that comes. */
  #begin(task: unknown, index: number, now: number | null): NewTask | Promise<NewTask> {
    try {
      const begun = this.#prepare(task, index, now);
      // Nobody waits for it when an earlier one is refused.
      if (begun instanceof Promise) begun.catch(() => {});
      return begun;
    } catch (error) {
      const refused = Promise.reject<NewTask>(error as Error);
      refused.catch(() => {});
      return refused;
    }
  }

  #prepare(task: unknown, index: number, now: number | null): NewTask | Promise<NewTask> {
    return prepareTask(task, `tasks[${index}]`, this.#options.batchId, now, this.#options);
  }

  /** In the order of the tasks, so that it is the later one of two that is refused. */
  #admit(prepared: NewTask, index: number, ids: ShardedMap<number>, keys: ShardedMap<number>): NewTask {
    const { id, type, idempotencyKey } = prepared;
    const { types } = this.#options;
    if (types !== null && !types.has(type)) refuse(`tasks[${index}].type`, type, oneOf(types));
    if (!ids.setNew(id, index)) {
      refuse(`tasks[${index}].id`, id, `unique in its batch; tasks[${ids.get(id)}] has it too`);
    }
    if (idempotencyKey === null || keys.setNew(idempotencyKey, index)) return prepared;
    const allowed = `unique in the fleet; tasks[${keys.get(idempotencyKey)}] has it too`;
    return refuse(`tasks[${index}].idempotencyKey`, idempotencyKey, allowed);
  }
}

function dependenciesOf({ dependsOn }: NewTask): number {
  return dependsOn?.length ?? 0;
}
