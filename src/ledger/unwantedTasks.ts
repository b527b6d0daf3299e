import type { TaskContext } from '../../machines/taskMachine.ts';
import { PriorityQueue } from './priorityQueue.ts';

/**
 * Queued tasks that nobody who waited wanted, by type, taken out of the queue so that they are in no other's way.
 *
 * Whoever comes for a type gets the first of them put back, not all: looking for a task costs the same however
 * many wait for others.
 */
export class UnwantedTasks {
  readonly #byType = new Map<string, PriorityQueue>();

  get types(): IterableIterator<string> {
    return this.#byType.keys();
  }

  /** Entries, those included whose task is queued no more. */
  get size(): number {
    let size = 0;
    for (const tasks of this.#byType.values()) size += tasks.size;
    return size;
  }

  push(task: TaskContext): void {
    let tasks = this.#byType.get(task.type);
    if (tasks === undefined) this.#byType.set(task.type, (tasks = new PriorityQueue()));
    tasks.push(task.seq, task.priority, task.readyAt ?? task.createdAt);
  }

  /** Takes the `seq` of the type's next task out. */
  pop(type: string): number | undefined {
    const tasks = this.#byType.get(type);
    const seq = tasks?.pop();
    if (tasks?.size === 0) this.#byType.delete(type);
    return seq;
  }

  /** Keeps one entry for each task that is still queued. O(n log n). */
  retain(isQueued: (seq: number) => boolean): void {
    for (const [type, tasks] of this.#byType) {
      tasks.retain(isQueued);
      if (tasks.size === 0) this.#byType.delete(type);
    }
  }
}
