import type { TaskRow } from '../store.ts';
import { taskLifecycle } from './lifecycles.ts';
import { TaskKinds } from './taskKinds.ts';

/**
 * The rows of tasks that have not settled, by `seq`.
 *
 * A task that no worker has had yet is fully described by its input, and differs from its neighbours in little
 * but its key. Such tasks are kept in blocks, some 12 bytes each beside the key's own, and their rows are made
 * again when they are asked for: as an object, a row takes 300 bytes.
 */
export class TaskTable {
  /** Of tasks that a worker has had. */
  readonly #attempted = new Map<number, TaskRow>();
  readonly #blocks = new Map<number, Block>();

  get size(): number {
    let size = this.#attempted.size;
    for (const block of this.#blocks.values()) size += block.size;
    return size;
  }

  get(seq: number): TaskRow | undefined {
    return this.#attempted.get(seq) ?? this.#blocks.get(blockOf(seq))?.get(seq);
  }

  set(row: TaskRow): void {
    const { seq, attempt } = row.context;
    if (attempt === 0) return this.#blockFor(seq).set(row);
    if (!this.#attempted.has(seq)) this.#leaveBlock(seq);
    this.#attempted.set(seq, row);
  }

  has(seq: number): boolean {
    return this.#attempted.has(seq) || (this.#blocks.get(blockOf(seq))?.has(seq) ?? false);
  }

  delete(seq: number): void {
    if (!this.#attempted.delete(seq)) this.#leaveBlock(seq);
  }

  /** Those first that a worker has had. Each of the others is made again as it is asked for. */
  *rows(): Generator<TaskRow, void, undefined> {
    yield* this.#attempted.values();
    for (const [number, block] of this.#blocks) yield* block.rows(number * blockSize);
  }

  #blockFor(seq: number): Block {
    const number = blockOf(seq);
    let block = this.#blocks.get(number);
    if (block === undefined) this.#blocks.set(number, (block = new Block()));
    return block;
  }

  #leaveBlock(seq: number): void {
    const number = blockOf(seq);
    const block = this.#blocks.get(number);
    block?.delete(seq);
    if (block?.size === 0) this.#blocks.delete(number);
  }
}

/** How many numbers in a row make a block. */
const blockSize = 1_024;
class Block {
  readonly #keys = Array.from<string | undefined>({ length: blockSize });
  readonly #kindOf = new Uint16Array(blockSize);
  readonly #kinds = new TaskKinds();
  /** Of the tasks that are blocked, each of which has its own: few do. */
  readonly #blockedBy = new Map<number, readonly number[]>();
  size = 0;

  has(seq: number): boolean {
    return this.#keys[seq % blockSize] !== undefined;
  }

  get(seq: number): TaskRow | undefined {
    const index = seq % blockSize;
    const key = this.#keys[index];
    if (key === undefined) return undefined;
    const blockedBy = this.#blockedBy.get(index) ?? null;
    return taskLifecycle.create({ seq, key, blockedBy, ...this.#kinds.at(this.#kindOf[index]!) });
  }

  /** @param firstSeq - Of the block. */
  *rows(firstSeq: number): Generator<TaskRow, void, undefined> {
    for (let seq = firstSeq; seq < firstSeq + blockSize; seq++) {
      const row = this.get(seq);
      if (row !== undefined) yield row;
    }
  }

  set({ context }: TaskRow): void {
    const index = context.seq % blockSize;
    if (this.#keys[index] === undefined) this.size += 1;
    this.#keys[index] = context.key;
    this.#kindOf[index] = this.#kinds.numberOf(context);
    if (context.blockedBy !== null) this.#blockedBy.set(index, context.blockedBy);
    else if (this.#blockedBy.size > 0) this.#blockedBy.delete(index);
  }

  delete(seq: number): void {
    const index = seq % blockSize;
    if (this.#keys[index] === undefined) return;
    this.#keys[index] = undefined;
    if (this.#blockedBy.size > 0) this.#blockedBy.delete(index);
    this.size -= 1;
  }
}

function blockOf(seq: number): number {
  return Math.floor(seq / blockSize);
}
