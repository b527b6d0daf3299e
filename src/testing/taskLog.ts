import type { TaskError, TaskStatus } from '../../machines/task.ts';
import { ConflictError } from '../errors.ts';
import { isHeld } from '../ledger/ledger.ts';
import type { Commit, StoredFleet, TaskRow } from '../store.ts';
import { taskIdOf } from '../submission/taskKey.ts';

/** One attempt of a task, as the store was told of it. */
export interface TaskAttempt {
  /** Integer >= 1. */
  readonly attempt: number;
  readonly workerId: string;
  /** When it was claimed, epoch ms. */
  readonly startedAt: number;
  /** When its end was durable, epoch ms; `null`: it goes on. */
  readonly endedAt: number | null;
  /** What its end made of the task: settled, `backingOff`, or `queued` again where it was lost; `null`: it goes on. */
  readonly status: TaskStatus | null;
  /** Why it did not complete; `null` where it did, or goes on. */
  readonly error: TaskError | null;
}

/** Follows the tasks of a fleet from commit to commit, through crashes: it knows what the store has. */
export class TaskLog {
  readonly #unsettled = new Map<string, TaskRow>();
  readonly #attempts = new Map<string, TaskAttempt[]>();
  /** Keys of tasks by their ids. */
  readonly #keys = new Map<string, Set<string>>();
  #changes = 0;
  #turn = 0;

  /** Steps of tasks that it has seen. */
  get changes(): number {
    return this.#changes;
  }

  /** Number of the last committed turn. */
  get turn(): number {
    return this.#turn;
  }

  /** Rows of the tasks that have not settled, in order of submission. */
  get unsettled(): readonly TaskRow[] {
    return [...this.#unsettled.values()].sort((left, right) => left.context.seq - right.context.seq);
  }

  get hasUnsettled(): boolean {
    return this.#unsettled.size > 0;
  }

  /** What a fleet takes up from the store. Its pages pass through. */
  opened(stored: StoredFleet, at: number): StoredFleet {
    const record = (row: TaskRow): void => this.#record(row, at);
    this.#unsettled.clear();
    this.#turn = stored.head?.turn ?? 0;
    return { ...stored, tasks: observed(stored.tasks, record) };
  }

  committed({ head, newTasks, tasks }: Commit, at: number): void {
    this.#turn = head.turn;
    for (const { row } of newTasks) this.#record(row, at);
    for (const row of tasks) this.#record(row, at);
  }

  attemptsOf(key: string): readonly TaskAttempt[] {
    return this.#attempts.get(key) ?? [];
  }

  /** The key of a task that is named by its id alone; a key stays one. @throws {ConflictError} where several have the id. */
  keyOf(id: string): string {
    const keys = this.#keys.get(id);
    if (keys === undefined || keys.has(id)) return id;
    if (keys.size === 1) return [...keys][0]!;
    throw new ConflictError('task', id, `is in several batches: name it as one of ${[...keys].join(', ')}`);
  }

  #record(row: TaskRow, at: number): void {
    const { key, batchId, settledAt } = row.context;
    const id = taskIdOf(key, batchId);
    this.#changes += 1;
    this.#keys.set(id, (this.#keys.get(id) ?? new Set()).add(key));
    if (settledAt === null) this.#unsettled.set(key, row);
    else this.#unsettled.delete(key);
    this.#recordAttempt(row, at);
  }

  #recordAttempt({ state, context }: TaskRow, at: number): void {
    const { key, attempt, workerId, startedAt, error } = context;
    if (attempt === 0) return;
    const attempts = this.#attempts.get(key) ?? [];
    const last = attempts.at(-1);
    // A turn may end an attempt and begin the next one.
    const isNext = last === undefined || last.attempt < attempt;
    if (last !== undefined && last.endedAt === null && (isNext || !isHeld(state))) {
      const status = isNext ? 'queued' : state;
      attempts[attempts.length - 1] = {
        ...last,
        endedAt: at,
        status,
        error: status === 'completed' ? null : error
      };
    }
    if (isNext) {
      const end = isHeld(state) ? null : state;
      attempts.push({
        attempt,
        workerId: workerId!,
        startedAt: startedAt ?? at,
        endedAt: end === null ? null : at,
        status: end,
        error: end === null || end === 'completed' ? null : error
      });
    }
    this.#attempts.set(key, attempts);
  }
}

async function* observed(
  pages: StoredFleet['tasks'],
  onRow: (row: TaskRow) => void
): AsyncGenerator<readonly TaskRow[], void, undefined> {
  for await (const page of pages) {
    for (const row of page) onRow(row);
    yield page;
  }
}
