import type { TaskStatus } from '../../machines/task.ts';
import { copyOfTask, type TaskContext } from '../../machines/taskMachine.ts';
import type { Mutable } from '../mutable.ts';
import type { TaskRow } from '../store.ts';
import { TaskKinds } from './taskKinds.ts';

/**
 * The rows of tasks that have not settled, by `seq`.
 *
 * A task that no worker has had yet is fully described by its input, and differs from its neighbours in little
 * but its key. Such tasks are kept some 12 bytes each beside the key's own, and their rows are made again when they are
 * asked for: as an object, a row takes 300 bytes. All are in blocks of numbers in a row: they come and go in about this
 * order, and a map would be made anew as often as half of its entries have gone.
 */
export class TaskTable {
  readonly #blocks = new Map<number, Block>();
  /** One that got empty: a fleet that has a task now and then needs no new one for each. */
  #spare: Block | null = null;

  get size(): number {
    let size = 0;
    for (const block of this.#blocks.values()) size += block.size;
    return size;
  }

  get(seq: number): TaskRow | undefined {
    return this.#blocks.get(blockOf(seq))?.get(seq);
  }

  set(row: TaskRow): void {
    this.#blockFor(row.context.seq).set(row);
  }

  has(seq: number): boolean {
    return this.#blocks.get(blockOf(seq))?.has(seq) ?? false;
  }

  delete(seq: number): void {
    const number = blockOf(seq);
    const block = this.#blocks.get(number);
    if (block === undefined) return;
    block.delete(seq);
    if (block.size > 0) return;
    this.#blocks.delete(number);
    this.#spare = block;
  }

  /** Those first that a worker has had. Each of the others is made again as it is asked for. */
  *rows(): Generator<TaskRow, void, undefined> {
    for (const block of this.#blocks.values()) yield* block.attempted();
    for (const [number, block] of this.#blocks) yield* block.waiting(number * blockSize);
  }

  #blockFor(seq: number): Block {
    const number = blockOf(seq);
    let block = this.#blocks.get(number);
    if (block === undefined) {
      block = this.#spare ?? new Block();
      this.#spare = null;
      this.#blocks.set(number, block);
    }
    return block;
  }
}

/** How many numbers in a row make a block. */
const blockSize = 1_024;

class Block {
  /** The key of a task that no worker has had, the row of another one. */
  readonly #tasks = Array.from<string | TaskRow | undefined>({ length: blockSize });
  readonly #kindOf = new Uint16Array(blockSize);
  readonly #kinds = new TaskKinds();
  /** Of the tasks that are blocked, each of which has its own: few do. */
  readonly #blockedBy = new Map<number, readonly number[]>();
  size = 0;

  has(seq: number): boolean {
    return this.#tasks[seq % blockSize] !== undefined;
  }

  get(seq: number): TaskRow | undefined {
    const index = seq % blockSize;
    const task = this.#tasks[index];
    if (typeof task !== 'string') return task;
    const context: Mutable<TaskContext> = copyOfTask(this.#kinds.at(this.#kindOf[index]!));
    context.seq = seq;
    context.key = task;
    if (this.#blockedBy.size > 0) context.blockedBy = this.#blockedBy.get(index) ?? null;
    return { state: waitingState(context), context };
  }

  *attempted(): Generator<TaskRow, void, undefined> {
    for (const task of this.#tasks) if (typeof task === 'object') yield task;
  }

  /** @param firstSeq - Of the block. */
  *waiting(firstSeq: number): Generator<TaskRow, void, undefined> {
    for (let seq = firstSeq; seq < firstSeq + blockSize; seq++) {
      if (typeof this.#tasks[seq % blockSize] === 'string') yield this.get(seq)!;
    }
  }

  set(row: TaskRow): void {
    const { seq, key, attempt, blockedBy } = row.context;
    const index = seq % blockSize;
    if (this.#tasks[index] === undefined) this.size += 1;
    if (attempt === 0) {
      this.#tasks[index] = key;
      this.#kindOf[index] = this.#kinds.numberOf(row.context);
    } else this.#tasks[index] = row;
    if (blockedBy !== null) this.#blockedBy.set(index, blockedBy);
    else if (this.#blockedBy.size > 0) this.#blockedBy.delete(index);
  }

  delete(seq: number): void {
    const index = seq % blockSize;
    if (this.#tasks[index] === undefined) return;
    this.#tasks[index] = undefined;
    if (this.#blockedBy.size > 0) this.#blockedBy.delete(index);
    this.size -= 1;
    if (this.size === 0) this.#kinds.clear();
  }
}

/** What a task waits for that no worker has had. */
function waitingState({ blockedBy, dueAt }: TaskContext): TaskStatus {
  if (blockedBy !== null) return 'blocked';
  return dueAt === null ? 'queued' : 'scheduled';
}

function blockOf(seq: number): number {
  return Math.floor(seq / blockSize);
}
