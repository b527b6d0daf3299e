import type { BatchState, TaskStatus } from '../../src/index.ts';

/** A task as the model knows it. Its place in {@link FleetModel.tasks} is the order of submission. */
export interface ModelTask {
  readonly key: string;
  readonly batchId: string | null;
  readonly priority: number;
  status: TaskStatus;
  attempts: number;
  failures: number;
  /** From when on it ages, epoch ms. */
  readonly readyAt: number;
  /** Epoch ms, while it is scheduled or backs off. */
  dueAt: number;
}

interface ModelBatch {
  readonly id: string;
  hasBegun: boolean;
  isPaused: boolean;
  isCancelled: boolean;
}

/** What a task is submitted with. */
export interface ModelTaskInput {
  readonly priority: number;
  readonly delayMs: number;
}

export const baseMs = 100;
export const maxMs = 1_000;
export const ageingMs = 100;

/**
 * A fleet as plain data, with lists that are searched from their beginning: slow, and obviously right.
 *
 * Its handlers end when they are told to, obey their abort at once, and are lost with a crash.
 */
export class FleetModel {
  readonly tasks: ModelTask[] = [];
  readonly batches: ModelBatch[] = [];
  /** Keys in the order in which they settled. */
  readonly settled: string[] = [];
  /** Tasks of removed batches, by how they ended. */
  readonly removed: TaskStatus[] = [];
  now: number;
  isPaused = false;
  workers: number;
  maxRetries: number;

  constructor(now: number, workers: number, maxRetries: number) {
    this.now = now;
    this.workers = workers;
    this.maxRetries = maxRetries;
  }

  submitBatch(id: string, inputs: readonly ModelTaskInput[]): void {
    this.batches.push({ id, hasBegun: false, isPaused: false, isCancelled: false });
    inputs.forEach((input, index) => this.#add(`${id}/${index}`, id, input));
    this.#claim();
  }

  submitTask(key: string, input: ModelTaskInput): void {
    this.#add(key, null, input);
    this.#claim();
  }

  /** @returns Whether there was something to cancel. */
  cancelTask(key: string): boolean {
    const task = this.tasks.find((other) => other.key === key);
    if (task === undefined || isFinal(task.status)) return false;
    this.#settle(task, 'cancelled');
    this.#claim();
    return true;
  }

  /** What waits is settled at once, what runs when its handler has obeyed. */
  cancelBatch(id: string): boolean {
    const batch = this.batches.find((other) => other.id === id);
    if (batch === undefined || isFinal(this.batchStatus(id))) return false;
    batch.isCancelled = true;
    const live = this.tasksOf(id).filter(({ status }) => !isFinal(status));
    const running = live.filter(({ status }) => status === 'running');
    for (const task of live) if (task.status !== 'running') this.#settle(task, 'cancelled');
    for (const task of running) this.#settle(task, 'cancelled');
    this.#claim();
    return true;
  }

  /** @returns Whether the batch is in a state that can be paused. */
  pauseBatch(id: string): boolean {
    if (isFinal(this.batchStatus(id))) return false;
    this.batches.find((batch) => batch.id === id)!.isPaused = true;
    return true;
  }

  resumeBatch(id: string): void {
    this.batches.find((batch) => batch.id === id)!.isPaused = false;
    this.#claim();
  }

  /** @returns Whether the batch has settled, so that it can be removed. */
  removeBatch(id: string): boolean {
    if (!isFinal(this.batchStatus(id))) return false;
    for (const task of this.tasksOf(id)) {
      this.removed.push(task.status);
      this.tasks.splice(this.tasks.indexOf(task), 1);
      this.settled.splice(this.settled.indexOf(task.key), 1);
    }
    this.batches.splice(
      this.batches.findIndex((batch) => batch.id === id),
      1
    );
    return true;
  }

  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused;
    this.#claim();
  }

  scale(workers: number): void {
    this.workers = workers;
    this.#claim();
  }

  /** A handler ends. */
  endAttempt(key: string, success: boolean): void {
    const task = this.tasks.find((other) => other.key === key)!;
    if (success) this.#settle(task, 'completed');
    else {
      task.failures += 1;
      if (task.failures > this.maxRetries) this.#settle(task, 'failed');
      else {
        task.status = 'backingOff';
        task.dueAt = this.now + Math.min(maxMs, baseMs * 2 ** (task.failures - 1));
      }
    }
    this.#claim();
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const waiting = this.tasks.filter(({ status }) => status === 'scheduled' || status === 'backingOff');
      const next = Math.min(...waiting.map(({ dueAt }) => dueAt));
      if (next > end) break;
      this.now = next;
      for (const task of waiting) if (task.dueAt === next) task.status = 'queued';
      this.#claim();
    }
    this.now = end;
  }

  /** What ran is queued again, and claimed by the next process. */
  crash(): void {
    for (const task of this.running) task.status = 'queued';
    this.#claim();
  }

  get running(): ModelTask[] {
    return this.tasks.filter(({ status }) => status === 'running');
  }

  tasksOf(batchId: string): ModelTask[] {
    return this.tasks.filter((task) => task.batchId === batchId);
  }

  /** How many tasks there ever were, of all or of some statuses. */
  count(...statuses: readonly TaskStatus[]): number {
    const all = [...this.tasks.map(({ status }) => status), ...this.removed];
    return all.filter((status) => statuses.length === 0 || statuses.includes(status)).length;
  }

  batchStatus(id: string): BatchState {
    const { isCancelled, isPaused, hasBegun } = this.batches.find((batch) => batch.id === id)!;
    const statuses = this.tasksOf(id).map(({ status }) => status);
    if (statuses.every(isFinal)) {
      if (isCancelled) return 'cancelled';
      if (statuses.every((status) => status === 'completed')) return 'completed';
      return statuses.includes('completed') ? 'partial' : 'failed';
    }
    if (isPaused) return 'paused';
    return hasBegun ? 'processing' : 'pending';
  }

  #add(key: string, batchId: string | null, { priority, delayMs }: ModelTaskInput): void {
    const status = delayMs > 0 ? 'scheduled' : 'queued';
    const readyAt = this.now + delayMs;
    this.tasks.push({ key, batchId, priority, status, attempts: 0, failures: 0, readyAt, dueAt: readyAt });
  }

  #settle(task: ModelTask, status: TaskStatus): void {
    task.status = status;
    this.settled.push(task.key);
  }

  /** Highest priority first, age counted in, then in order of submission, as long as a worker is free. */
  #claim(): void {
    while (!this.isPaused && this.running.length < this.workers) {
      const [task] = this.tasks
        .filter(({ status, batchId }) => status === 'queued' && !this.#isBatchPaused(batchId))
        .sort((left, right) => this.#score(right) - this.#score(left) || right.priority - left.priority);
      if (task === undefined) return;
      task.status = 'running';
      task.attempts += 1;
      const batch = this.batches.find(({ id }) => id === task.batchId);
      if (batch !== undefined) batch.hasBegun = true;
    }
  }

  #score({ priority, readyAt }: ModelTask): number {
    return priority * ageingMs + this.now - readyAt;
  }

  #isBatchPaused(batchId: string | null): boolean {
    return this.batches.some(({ id, isPaused }) => id === batchId && isPaused);
  }
}

function isFinal(status: TaskStatus | BatchState): boolean {
  return ['completed', 'failed', 'timedOut', 'cancelled', 'partial'].includes(status);
}
