import { taskStatuses, type FinalTaskStatus, type TaskStatus } from '../../../machines/task.ts';
import type { TaskContext } from '../../../machines/taskMachine.ts';
import { TaskKinds } from '../../ledger/taskKinds.ts';
import type { Payload, StoredResult, StoredTask, TaskRow } from '../../store.ts';
import { taskIdOf } from '../../submission/taskKey.ts';

/**
 * Tasks of any state by `seq`: the latest row of each, what it carries, and the result that its row accounts for.
 *
 * They are kept in blocks, a column for each field in which a task differs from its neighbours, and rows are made again
 * when they are asked for. As objects, a settled task took 880 bytes that the garbage collector copied twice; as
 * columns it takes a quarter of that, most of it its key and its data. What fits no column is kept as it came.
 */
export class TaskRecords {
  readonly #blocks = new Map<number, Block>();

  has(seq: number): boolean {
    return this.#blockOf(seq)?.has(seq) ?? false;
  }

  add({ row, payload }: StoredTask): void {
    const { seq } = row.context;
    const number = blockNumber(seq);
    let block = this.#blocks.get(number);
    if (block === undefined) this.#blocks.set(number, (block = new Block()));
    block.add(row, payload);
  }

  /** The next row of a task that is there. One that is not is ignored. */
  set(row: TaskRow): void {
    const { seq } = row.context;
    const block = this.#blockOf(seq);
    if (block?.has(seq)) block.set(row);
  }

  /** @param seq - Is there. */
  state(seq: number): TaskStatus {
    return this.#blockOf(seq)!.state(seq);
  }

  row(seq: number): TaskRow | undefined {
    return this.#blockOf(seq)?.row(seq);
  }

  payload(seq: number): Payload | undefined {
    return this.#blockOf(seq)?.payload(seq);
  }

  /** Keeps of a task's result what its row does not say. @returns Whether that was possible. */
  settle(seq: number, result: StoredResult): boolean {
    return this.#blockOf(seq)?.settle(seq, result) ?? false;
  }

  /** What {@link TaskRecords.settle} kept. */
  result(seq: number): StoredResult | undefined {
    return this.#blockOf(seq)?.result(seq);
  }

  remove(seq: number): void {
    const block = this.#blockOf(seq);
    block?.remove(seq);
    if (block?.size === 0) this.#blocks.delete(blockNumber(seq));
  }

  #blockOf(seq: number): Block | undefined {
    return this.#blocks.get(blockNumber(seq));
  }
}

/** How many numbers in a row make a block. */
const blockSize = 1_024;

class Block {
  readonly #keys = Array.from<string | undefined>({ length: blockSize });
  readonly #data = Array.from<string>({ length: blockSize });
  /** Of tasks that carry more than data. */
  readonly #payloads = new Map<number, Payload>();
  readonly #kinds = new TaskKinds();
  readonly #kindOf = new Uint16Array(blockSize);
  readonly #states = new Uint8Array(blockSize);
  readonly #attempts = new Uint32Array(blockSize);
  readonly #workerIds = Array.from<string | null>({ length: blockSize });
  /** Epoch ms; NaN: `null`. */
  readonly #startedAt = new Float64Array(blockSize);
  readonly #settledAt = new Float64Array(blockSize);
  /** Rows that the columns do not hold whole: most of them of tasks that failed. */
  readonly #rows = new Map<number, TaskRow>();
  /** Position of the result that the row accounts for; 0: it has none. */
  readonly #settledSeqs = new Float64Array(blockSize);
  /** JSON text of what the handler returned. */
  readonly #values = Array.from<string | null>({ length: blockSize });
  size = 0;

  has(seq: number): boolean {
    return this.#keys[seq % blockSize] !== undefined;
  }

  add(row: TaskRow, payload: Payload): void {
    const index = row.context.seq % blockSize;
    this.size += 1;
    this.#keys[index] = row.context.key;
    this.#data[index] = payload.data;
    if (!isPlain(payload)) this.#payloads.set(index, payload);
    this.#kindOf[index] = this.#kinds.numberOf(row.context);
    this.set(row);
  }

  set(row: TaskRow): void {
    const { context } = row;
    const index = context.seq % blockSize;
    this.#states[index] = stateNumbers[row.state];
    if (!this.#isPlain(index, context)) {
      this.#rows.set(index, row);
      return;
    }
    if (this.#rows.size > 0) this.#rows.delete(index);
    this.#attempts[index] = context.attempt;
    this.#workerIds[index] = context.workerId;
    this.#startedAt[index] = context.startedAt ?? NaN;
    this.#settledAt[index] = context.settledAt ?? NaN;
  }

  state(seq: number): TaskStatus {
    return taskStatuses[this.#states[seq % blockSize]!]!;
  }

  row(seq: number): TaskRow | undefined {
    const index = seq % blockSize;
    const key = this.#keys[index];
    if (key === undefined) return undefined;
    const kept = this.#rows.get(index);
    if (kept !== undefined) return kept;
    return {
      state: this.state(seq),
      context: {
        ...this.#kinds.at(this.#kindOf[index]!),
        seq,
        key,
        attempt: this.#attempts[index]!,
        workerId: this.#workerIds[index]!,
        startedAt: timeOf(this.#startedAt[index]!),
        settledAt: timeOf(this.#settledAt[index]!)
      }
    };
  }

  payload(seq: number): Payload | undefined {
    const index = seq % blockSize;
    if (this.#keys[index] === undefined) return undefined;
    return (
      this.#payloads.get(index) ?? {
        data: this.#data[index]!,
        metadata: null,
        dependsOn: null,
        idempotencyKey: null
      }
    );
  }

  settle(seq: number, result: StoredResult): boolean {
    const index = seq % blockSize;
    if (this.#settledSeqs[index] !== 0 || !this.#accountsFor(index, result)) return false;
    this.#settledSeqs[index] = result.settledSeq;
    this.#values[index] = result.result;
    return true;
  }

  result(seq: number): StoredResult | undefined {
    const index = seq % blockSize;
    const settledSeq = this.#settledSeqs[index]!;
    if (settledSeq === 0) return undefined;
    const { batchId, type } = this.#kinds.at(this.#kindOf[index]!);
    const key = this.#keys[index]!;
    const status = this.state(seq) as FinalTaskStatus;
    const settledAt = this.#settledAt[index]!;
    return {
      taskId: taskIdOf(key, batchId),
      key,
      batchId,
      type,
      success: status === 'completed',
      status,
      result: this.#values[index]!,
      duration: this.#duration(index),
      timestamp: settledAt,
      attempts: this.#attempts[index]!,
      workerId: this.#workerIds[index]!,
      settledSeq,
      receivedAt: settledAt
    };
  }

  remove(seq: number): void {
    const index = seq % blockSize;
    if (this.#keys[index] === undefined) return;
    this.size -= 1;
    this.#keys[index] = undefined;
    this.#data[index] = '';
    this.#payloads.delete(index);
    this.#rows.delete(index);
    this.#settledSeqs[index] = 0;
    this.#values[index] = null;
  }

  /** Whether the columns hold all of a row. */
  #isPlain(index: number, context: TaskContext): boolean {
    const { failures, recoveries, error, blockedBy } = context;
    return (
      failures === 0 &&
      recoveries === 0 &&
      error === null &&
      blockedBy === null &&
      this.#hasKind(index, context)
    );
  }

  /** A task whose time comes is of another kind then. No block has more kinds than tasks. */
  #hasKind(index: number, context: TaskContext): boolean {
    if (this.#kinds.includes(this.#kindOf[index]!, context)) return true;
    if (this.#kinds.size >= blockSize) return false;
    this.#kindOf[index] = this.#kinds.numberOf(context);
    return true;
  }

  /** Whether the columns say all that the result does, but for its position and its value. */
  #accountsFor(index: number, result: StoredResult): boolean {
    const key = this.#keys[index];
    if (key === undefined || this.#rows.has(index)) return false;
    const { batchId, type } = this.#kinds.at(this.#kindOf[index]!);
    const status = taskStatuses[this.#states[index]!];
    const settledAt = this.#settledAt[index];
    return (
      result.status === status &&
      result.success === (status === 'completed') &&
      result.timestamp === settledAt &&
      result.receivedAt === settledAt &&
      result.duration === this.#duration(index) &&
      result.workerId === this.#workerIds[index] &&
      result.attempts === this.#attempts[index] &&
      result.error === undefined &&
      result.failure === undefined &&
      result.type === type &&
      result.batchId === batchId &&
      result.taskId === taskIdOf(key, batchId)
    );
  }

  #duration(index: number): number {
    const startedAt = this.#startedAt[index]!;
    return Number.isNaN(startedAt) ? 0 : Math.max(0, this.#settledAt[index]! - startedAt);
  }
}

const stateNumbers = Object.fromEntries(taskStatuses.map((status, number) => [status, number])) as Record<
  TaskStatus,
  number
>;

/** Whether it has data and nothing else. */
function isPlain({ metadata, dependsOn, idempotencyKey, traceparent }: Payload): boolean {
  return metadata === null && dependsOn === null && idempotencyKey === null && traceparent === undefined;
}

function blockNumber(seq: number): number {
  return Math.floor(seq / blockSize);
}

function timeOf(column: number): number | null {
  return Number.isNaN(column) ? null : column;
}
