import type { Attempt, ExecutorReports, JoinedWorker } from '../../src/executor.ts';
import type { AttemptRef, Json, Outcome, TaskError, TaskStatus } from '../../machines/task.ts';

export type Told =
  | { readonly type: 'settled'; readonly seq: number; readonly attempt: number; readonly outcome: Outcome }
  | { readonly type: 'progress'; readonly seq: number; readonly value: Json }
  | { readonly type: 'log'; readonly seq: number; readonly line: string }
  | {
      readonly type: 'detached';
      readonly seq: number;
      readonly error: TaskError;
      readonly hasFailed: boolean;
    }
  | { readonly type: 'lost'; readonly seq: number; readonly attempt: number; readonly reason: string }
  | { readonly type: 'workerLost'; readonly workerId: string; readonly reason: string }
  | { readonly type: 'heartbeat'; readonly workerId: string }
  | { readonly type: 'started'; readonly seq: number; readonly attempt: number }
  | { readonly type: 'returned'; readonly seq: number; readonly attempt: number }
  | { readonly type: 'joined'; readonly worker: JoinedWorker }
  | { readonly type: 'draining' | 'left'; readonly workerId: string };

type ToldOf<TType extends Told['type']> = Extract<Told, { type: TType }>;

/** Keeps all that an executor reports, and lets a test wait for it. */
export class RecordedReports implements ExecutorReports {
  readonly all: Told[] = [];
  #listeners = new Set<() => void>();

  /** What was told of one kind. */
  of<TType extends Told['type']>(type: TType): ToldOf<TType>[] {
    return this.all.filter((told): told is ToldOf<TType> => told.type === type);
  }

  /** The first of a kind, of one task where that is given: it may have been told already. */
  first<TType extends Told['type']>(type: TType, seq?: number): Promise<ToldOf<TType>> {
    return this.until(type, (told) => seq === undefined || ('seq' in told && told.seq === seq));
  }

  /** The first of a kind that is meant: it may have been told already. */
  async until<TType extends Told['type']>(
    type: TType,
    isMeant: (told: ToldOf<TType>) => boolean
  ): Promise<ToldOf<TType>> {
    const isOfType = (told: Told): told is ToldOf<TType> => told.type === type;
    return (await this.untilAny((told) => isOfType(told) && isMeant(told))) as ToldOf<TType>;
  }

  /** The first of any kind that is meant: it may have been told already. */
  async untilAny(isMeant: (told: Told) => boolean): Promise<Told> {
    for (;;) {
      const found = this.all.find(isMeant);
      if (found) return found;
      await this.#next();
    }
  }

  /** Resolves when something holds, which is looked at with each report. */
  async untilHolds(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#next();
  }

  settled({ seq, attempt }: AttemptRef, outcome: Outcome): void {
    this.#record({ type: 'settled', seq, attempt, outcome });
  }

  progress({ seq }: AttemptRef, value: Json): void {
    this.#record({ type: 'progress', seq, value });
  }

  log({ seq }: AttemptRef, line: string): void {
    this.#record({ type: 'log', seq, line });
  }

  detached({ seq }: Attempt, error: TaskError, hasFailed: boolean): void {
    this.#record({ type: 'detached', seq, error, hasFailed });
  }

  lost({ seq, attempt }: AttemptRef, reason: string): void {
    this.#record({ type: 'lost', seq, attempt, reason });
  }

  workerLost(workerId: string, reason: string): void {
    this.#record({ type: 'workerLost', workerId, reason });
  }

  heartbeat(workerId: string): void {
    this.#record({ type: 'heartbeat', workerId });
  }

  started({ seq, attempt }: AttemptRef): void {
    this.#record({ type: 'started', seq, attempt });
  }

  /** As a fleet that has committed it at once. */
  confirm(attempt: AttemptRef, outcome: Outcome): Promise<TaskStatus | null> {
    this.settled(attempt, outcome);
    return Promise.resolve(outcome.status === 'completed' ? 'completed' : 'failed');
  }

  returned({ seq, attempt }: AttemptRef): void {
    this.#record({ type: 'returned', seq, attempt });
  }

  joined(worker: JoinedWorker): void {
    this.#record({ type: 'joined', worker });
  }

  draining(workerId: string): void {
    this.#record({ type: 'draining', workerId });
  }

  left(workerId: string): void {
    this.#record({ type: 'left', workerId });
  }

  /** What was told is safe at once here. */
  nextTurn(): Promise<void> {
    return Promise.resolve();
  }

  // None of these executors has workers that ask for tasks.
  readonly request = unexpected;
  readonly withdraw = unexpected;

  #next(): Promise<void> {
    return new Promise((resolve) => this.#listeners.add(resolve));
  }

  #record(told: Told): void {
    this.all.push(told);
    const listeners = this.#listeners;
    this.#listeners = new Set();
    for (const listener of listeners) listener();
  }
}

function unexpected(): never {
  throw new Error('An executor whose workers are given tasks asks for none');
}

/** An attempt of a task in no batch, on worker `w1` unless it says otherwise. */
export function attemptOf(
  seq: number,
  type: string,
  data: Json = null,
  changes: Partial<Attempt> = {}
): Attempt {
  return {
    seq,
    attempt: 1,
    key: `key-${seq}`,
    taskId: `key-${seq}`,
    batchId: null,
    type,
    data: JSON.stringify(data),
    metadata: null,
    workerId: 'w1',
    ...changes
  };
}
