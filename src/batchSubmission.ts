import type { LedgerCommand, NewTask } from '../machines/fleet.ts';
import type { Json } from '../machines/task.ts';
import type { Clock } from './clock.ts';
import { oneOf, type SubmitReply } from './commandRules.ts';
import { prepareTask } from './task.ts';
import { refuse } from './validation.ts';

/** Tasks that are submitted together. */
const chunkSize = 1_000;
/** How long tasks of a slow stream are held back to be submitted together, ms. */
const flushMs = 50;

export interface SubmissionOptions {
  readonly batchId: string;
  /** The id was minted for this submission. */
  readonly isMinted: boolean;
  readonly metadata: Json;
  readonly types: ReadonlySet<string>;
  /** Chunks never exceed what the queue can ever hold. */
  readonly maxQueueSize: number | null;
  readonly clock: Clock;
  readonly send: (command: LedgerCommand) => Promise<SubmitReply>;
}

/** Brings the tasks of one `submitBatch` into the fleet: an array whole, a stream in chunks as it comes. */
export class BatchSubmission {
  readonly #options: SubmissionOptions;
  readonly #chunkSize: number;
  #submitted = 0;
  /** Whether the batch began with this submission, so that every task of it must be new. */
  #isNew = true;
  #error: unknown = null;

  /** Whether the batch is this submission's, so that its failure may cancel it. */
  get isOwner(): boolean {
    return this.#isNew;
  }

  constructor(options: SubmissionOptions) {
    this.#options = options;
    this.#chunkSize = Math.min(chunkSize, options.maxQueueSize ?? chunkSize);
  }

  /** Validates all before anything is written. */
  async submitArray(tasks: readonly unknown[]): Promise<void> {
    const now = this.#options.clock.now();
    const ids = new Map<string, number>();
    // By index: `map` would pass over the holes of a sparse array.
    const prepared = Array.from(tasks, (task, index) => this.#prepare(task, index, ids, now));
    const { isMinted } = this.#options;
    for (let from = 0; from === 0 || from < prepared.length; from += this.#chunkSize) {
      const chunk = prepared.slice(from, from + this.#chunkSize);
      await this.#submit(chunk, from + chunk.length >= prepared.length, isMinted);
    }
  }

  /**
   * Reads the stream at the pace of the fleet; what came may already run.
   *
   * @throws {ValidationError} for a bad item, by its index. What came before it is submitted.
   */
  async submitStream(tasks: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
    let chunk: NewTask[] = [];
    let ids = new Map<string, number>();
    let index = 0;
    let flushing: Promise<void> = Promise.resolve();
    let timer: Disposable | null = null;
    const flush = (): void => {
      timer?.[Symbol.dispose]();
      timer = null;
      const full = chunk;
      chunk = [];
      ids = new Map();
      flushing = flushing.then(() => this.#submitOpen(full));
    };

    try {
      for await (const task of tasks) {
        if (this.#error !== null) break;
        chunk.push(this.#prepare(task, index++, ids, this.#options.clock.now()));
        if (chunk.length >= this.#chunkSize) {
          // One chunk is written while the next one is read, no more.
          await flushing;
          flush();
        } else timer ??= this.#options.clock.setAlarm(flush, flushMs);
      }
    } finally {
      timer?.[Symbol.dispose]();
      await flushing;
    }
    if (this.#error !== null) throw this.#error;
    await this.#submit(chunk, true, false);
  }

  /** Submits a chunk of a stream. Its failure ends the reading of the stream. */
  async #submitOpen(chunk: readonly NewTask[]): Promise<void> {
    if (this.#error !== null) return;
    try {
      await this.#submit(chunk, false, false);
    } catch (error) {
      this.#error = error;
    }
  }

  async #submit(tasks: readonly NewTask[], seal: boolean, fresh: boolean): Promise<void> {
    const { batchId, metadata, send } = this.#options;
    const isFirst = this.#submitted === 0;
    this.#submitted += tasks.length;
    const total = seal ? this.#submitted : null;
    const reply = await send({ type: 'batch.submit', batchId, metadata, tasks, seal, total, fresh });
    if (isFirst) this.#isNew = reply.added === tasks.length && reply.totalTasks === tasks.length;
    else if (this.#isNew && reply.added < tasks.length) {
      refuse('id of a task', 'one that an earlier task of the stream has', 'unique in its batch');
    }
  }

  #prepare(task: unknown, index: number, ids: Map<string, number>, now: number): NewTask {
    const path = `tasks[${index}]`;
    const prepared = prepareTask(task, path, this.#options.batchId, now);
    const { types } = this.#options;
    if (!types.has(prepared.type)) refuse(`${path}.type`, prepared.type, oneOf(types));
    const first = ids.get(prepared.id);
    if (first !== undefined)
      refuse(`${path}.id`, prepared.id, `unique in its batch; tasks[${first}] has it too`);
    ids.set(prepared.id, index);
    return prepared;
  }
}
