import type { TaskContext, TaskInput } from '../../machines/taskMachine.ts';
import { tagsKey } from '../validation/tags.ts';

/** What tasks have in common that came together. */
export type TaskKind = Omit<TaskInput, 'seq' | 'key' | 'blockedBy'>;

/** How many kinds, newest first, are compared before another one is added. */
const kindsCompared = 8;

/** The kinds of a few tasks, each kept once: a task differs from its neighbours in little but its key. */
export class TaskKinds {
  readonly #kinds: TaskKind[] = [];

  get size(): number {
    return this.#kinds.length;
  }

  at(number: number): TaskKind {
    return this.#kinds[number]!;
  }

  /** Whether the task is of this kind. */
  includes(number: number, context: TaskContext): boolean {
    return isOfKind(context, this.#kinds[number]!);
  }

  /** The number of the task's kind, which is added if it is new. */
  numberOf(context: TaskContext): number {
    const last = this.#kinds.length - 1;
    for (let number = last; number >= 0 && number > last - kindsCompared; number--) {
      if (isOfKind(context, this.#kinds[number]!)) return number;
    }
    const { batchId, type, priority, tags, timeoutMs, maxRetries, retryOf, createdAt, readyAt, dueAt } =
      context;
    return (
      this.#kinds.push({
        batchId,
        type,
        priority,
        tags,
        timeoutMs,
        maxRetries,
        retryOf,
        createdAt,
        readyAt,
        startAfter: dueAt
      }) - 1
    );
  }
}

function isOfKind(context: TaskContext, kind: TaskKind): boolean {
  return (
    context.createdAt === kind.createdAt &&
    context.batchId === kind.batchId &&
    context.type === kind.type &&
    context.priority === kind.priority &&
    context.readyAt === kind.readyAt &&
    context.dueAt === kind.startAfter &&
    (context.tags === kind.tags || tagsKey(context.tags) === tagsKey(kind.tags)) &&
    context.timeoutMs === kind.timeoutMs &&
    context.maxRetries === kind.maxRetries &&
    context.retryOf === kind.retryOf
  );
}
