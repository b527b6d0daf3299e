import type { FinalTaskStatus } from '../../machines/task.ts';
import type { Task } from '../../src/submission/task.ts';

/** What a kind of task is submitted with, and how it settles unless it is cancelled. */
interface KindOfTask {
  readonly settles: FinalTaskStatus;
  /** Failures and timeouts that it is charged in the end; at most so many where `isUpTo`. */
  readonly failures: number;
  readonly isUpTo?: boolean;
  readonly maxRetries?: number;
  readonly timeoutMs?: number;
}

/** What handlers do in this harness: each does one thing that handlers do, well or badly. */
export const kindsOfTasks = {
  /** Is done at once, on the stack of the fleet. */
  quick: { settles: 'completed', failures: 0 },
  /** Takes some milliseconds, and stops when it is asked to. */
  working: { settles: 'completed', failures: 0 },
  /** Takes so long that whoever waits for its beginning finds it running. */
  long: { settles: 'completed', failures: 0 },
  /** Takes a part of its limit, which a process that stands still for longer must not use up. */
  timely: { settles: 'completed', failures: 0, maxRetries: 0, timeoutMs: 1_000 },
  /** Tells its progress and logs lines. */
  chatty: { settles: 'completed', failures: 0 },
  /** Fails in its first two attempts; one that was lost or released has not failed. */
  flaky: { settles: 'completed', failures: 2, isUpTo: true },
  /** Fails in every attempt. */
  broken: { settles: 'failed', failures: 2, maxRetries: 1 },
  /** Throws or returns what is no error and no JSON. */
  odd: { settles: 'failed', failures: 1, maxRetries: 0 },
  /** Says that no retry helps. */
  hopeless: { settles: 'failed', failures: 1 },
  /** Takes too long, and stops when it is asked to. */
  slow: { settles: 'timedOut', failures: 1, maxRetries: 0, timeoutMs: 30 },
  /** Takes too long, ignores its abort and returns a value in the end. */
  late: { settles: 'timedOut', failures: 1, maxRetries: 0, timeoutMs: 30 },
  /** Never ends. */
  deaf: { settles: 'timedOut', failures: 1, maxRetries: 0, timeoutMs: 30 },
  /** Runs until it is cancelled. */
  held: { settles: 'cancelled', failures: 0 },
  /** Ends its process; see {@link waysToDie}. */
  lethal: { settles: 'failed', failures: 0 }
} as const satisfies Readonly<Record<string, KindOfTask>>;

export type Kind = keyof typeof kindsOfTasks;

/** How a lethal handler ends its process. */
export const waysToDie = ['kill', 'exit', 'abort', 'segv', 'memory'] as const;

export type WayToDie = (typeof waysToDie)[number];

export function kindOf(kind: Kind): KindOfTask {
  return kindsOfTasks[kind];
}

/** Tasks, in short: the same load is the same tasks, for the caller and for whoever judges. */
export interface Load {
  /** By turns. */
  readonly kinds: readonly Kind[];
  readonly count: number;
  /** None of them begins before, epoch ms. */
  readonly startAfter?: number;
  /** Each depends on the one before. */
  readonly isChain?: boolean;
}

export interface TaskData {
  readonly kind: Kind;
  readonly n: number;
  readonly wayToDie?: WayToDie;
}

/** The tasks of a load, with the ids `1` to `count`. */
export function tasksOf(load: Load): Task<Kind, TaskData>[] {
  return Array.from({ length: load.count }, (_, index) => taskOf(load, index));
}

function taskOf({ kinds, startAfter, isChain = false }: Load, index: number): Task<Kind, TaskData> {
  const kind = kinds[index % kinds.length]!;
  const { maxRetries, timeoutMs } = kindOf(kind);
  return {
    id: String(index + 1),
    type: kind,
    data: { kind, n: index + 1 },
    ...(maxRetries !== undefined && { maxRetries }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(startAfter !== undefined && { startAfter }),
    ...(isChain && index > 0 && { dependsOn: [String(index)] })
  };
}

/** What a schedule submits each time. */
export const scheduledTask = { type: 'quick', data: { kind: 'quick', n: 1 } } as const satisfies {
  readonly type: Kind;
  readonly data: TaskData;
};

/** Between two times of a schedule, ms. */
export const scheduleMs = 1_000;

/** What the handler of a task returns. Half as much again as its number, so that a mix-up shows. */
export function valueOf(key: string, { n }: TaskData): { readonly key: string; readonly value: number } {
  return { key, value: n * 1.5 };
}
