import { copyOfTask, type TaskContext } from '../../machines/taskMachine.ts';
import { tagsKey } from '../validation/tags.ts';

/** How many kinds, newest first, are compared before another one is added. */
const kindsCompared = 8;

/** The kinds of a few tasks, each kept once: a task differs from its neighbours in little but its key. */
export class TaskKinds {
  readonly #kinds: TaskContext[] = [];

  get size(): number {
    return this.#kinds.length;
  }

  /** What tasks of the kind have in common: the context of one that has no name, and that no worker has had. */
  at(number: number): TaskContext {
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
    return this.#kinds.push(kindOf(context)) - 1;
  }

  clear(): void {
    this.#kinds.length = 0;
  }
}

function kindOf(context: TaskContext): TaskContext {
  return {
    ...copyOfTask(context),
    seq: 0,
    key: '',
    blockedBy: null,
    attempt: 0,
    failures: 0,
    recoveries: 0,
    workerId: null,
    startedAt: null,
    settledAt: null,
    error: null
  };
}

function isOfKind(context: TaskContext, kind: TaskContext): boolean {
  return (
    context.createdAt === kind.createdAt &&
    context.batchId === kind.batchId &&
    context.type === kind.type &&
    context.priority === kind.priority &&
    context.readyAt === kind.readyAt &&
    context.dueAt === kind.dueAt &&
    (context.tags === kind.tags || tagsKey(context.tags) === tagsKey(kind.tags)) &&
    context.timeoutMs === kind.timeoutMs &&
    context.maxRetries === kind.maxRetries &&
    context.retryOf === kind.retryOf
  );
}
