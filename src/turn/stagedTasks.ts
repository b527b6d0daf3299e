import type { Payload, StoredTask, TaskRow } from '../store.ts';

/** A task that a turn has changed or added. */
interface StagedTask {
  row: TaskRow;
  /** What it carries; `null`: it was there before, and so was that. */
  readonly payload: Payload | null;
  /** When the attempt's time would have been over that a worker had before the turn; `null`: none had one. */
  readonly deadlineAt: number | null;
}

type NewTask = StagedTask & StoredTask;

/** The tasks that a turn stages over those of the ledger. */
export class StagedTasks {
  readonly #tasks = new Map<number, StagedTask>();
  readonly #added: NewTask[] = [];
  readonly #newKeys = new Map<string, NewTask>();
  /** How many of the new tasks are found by their keys: those that were there when one was last looked for. Few turns do. */
  #keyed = 0;

  get isEmpty(): boolean {
    return this.#tasks.size === 0;
  }

  /** The task's last row. */
  get(seq: number): TaskRow | undefined {
    return this.#tasks.get(seq)?.row;
  }

  /** What a new task carries. */
  payload(seq: number): Payload | undefined {
    return this.#tasks.get(seq)?.payload ?? undefined;
  }

  /** The new task that has a key. */
  byKey(key: string): StoredTask | undefined {
    for (; this.#keyed < this.#added.length; this.#keyed++) {
      const task = this.#added[this.#keyed]!;
      this.#newKeys.set(task.row.context.key, task);
    }
    return this.#newKeys.get(key);
  }

  add(row: TaskRow, payload: Payload): void {
    const task = { row, payload, deadlineAt: null };
    this.#tasks.set(row.context.seq, task);
    this.#added.push(task);
  }

  /** @returns `false`: this is the turn's first row of the task. It is not taken in. */
  replace(row: TaskRow): boolean {
    const task = this.#tasks.get(row.context.seq);
    if (task === undefined) return false;
    task.row = row;
    return true;
  }

  /** Takes in the first row of a task that was there before the turn. */
  begin(row: TaskRow, deadlineAt: number | null): void {
    this.#tasks.set(row.context.seq, { row, payload: null, deadlineAt });
  }

  /** Each task once, in the order in which they came in. */
  all(): Iterable<Readonly<StagedTask>> {
    return this.#tasks.values();
  }

  /** Tasks that are new. */
  get added(): readonly StoredTask[] {
    return this.#added;
  }

  /** Rows of the others. */
  changed(): readonly TaskRow[] {
    const rows: TaskRow[] = [];
    for (const { row, payload } of this.#tasks.values()) if (payload === null) rows.push(row);
    return rows;
  }
}
