import { noTaskCounts } from '../../machines/batch.ts';
import type { BatchContext, BatchEvent } from '../../machines/batchMachine.ts';
import { noTags } from '../../machines/tags.ts';
import type { TaskContext, TaskEvent } from '../../machines/taskMachine.ts';
import {
  count,
  counts,
  error,
  Fields,
  isBlocked,
  nullable,
  number,
  policy,
  text,
  time,
  word,
  type Cells
} from './cells.ts';

/** How events of a machine are written: by type, the fields beside it. Complete by its type. */
type EventCells<TEvent extends { readonly type: string }> = {
  readonly [Type in TEvent['type']]: Cells<Omit<Extract<TEvent, { readonly type: Type }>, 'type'>>;
};

/** The fields of a machine's events, by type. */
export type EventFields = ReadonlyMap<string, Fields<object>>;

const end = { attempt: number, at: time, random: number, policy, error };

export const taskEvents = eventFields<TaskEvent>({
  'task.claim': { workerId: word },
  'task.cancel': { at: time, error },
  'dependencies.completed': { at: time },
  'dependency.failed': { at: time, error },
  'task.due': { at: time },
  'attempt.started': { attempt: number, at: time },
  'attempt.completed': { attempt: number, at: time },
  'attempt.failed': end,
  'attempt.timedOut': end,
  'attempt.lost': end,
  'attempt.released': { attempt: number, at: time },
  'grace.ended': { attempt: number, at: time }
});

export const batchEvents = eventFields<BatchEvent>({
  'batch.seal': { at: time },
  'batch.pause': {},
  'batch.resume': {},
  'batch.cancel': { at: time },
  'tasks.added': { count: number, firstSeq: number, lastSeq: number },
  'tasks.counted': { counts, at: time }
});

/** A task as it was when it was first seen. Its number is what steps name it by; its tags, which no guard reads, are left out. */
export const taskFields = new Fields<Omit<TaskContext, 'seq' | 'tags' | 'settledAt'>>({
  key: text,
  batchId: nullable(word),
  type: word,
  createdAt: time,
  priority: number,
  timeoutMs: nullable(number),
  maxRetries: nullable(number),
  dueAt: nullable(time),
  blockedBy: nullable(isBlocked),
  readyAt: nullable(time),
  retryOf: nullable(text),
  attempt: count,
  failures: count,
  recoveries: count,
  workerId: nullable(word),
  startedAt: nullable(time),
  error: nullable(error)
});

/** The rest of a task's context. */
export const unrecordedOfTask = { tags: noTags, settledAt: null } as const;

/** A batch as it was when it was first seen, without its metadata and its trace. */
export const batchFields = new Fields<Omit<BatchContext, 'id' | 'metadata' | 'traceparent'>>({
  createdAt: time,
  totalTasks: count,
  firstSeq: count,
  lastSeq: count,
  startedAt: nullable(time),
  settledAt: nullable(time),
  counts: {
    encode: (value, encoding) => (value === noTaskCounts ? null : counts.encode(value, encoding)),
    decode: (cell, decoding) => (cell == null ? noTaskCounts : counts.decode(cell, decoding))
  }
});

function eventFields<TEvent extends { readonly type: string }>(cells: EventCells<TEvent>): EventFields {
  const all = Object.entries(cells as Readonly<Record<string, Cells<object>>>);
  return new Map(all.map(([type, some]) => [type, new Fields(some)]));
}
