/** A worker beyond the fleet's own that waits for one task. */
export interface TaskRequest {
  /** Unique in a run of the fleet. */
  readonly id: string;
  readonly workerId: string;
  /** Task types that it takes; `null`: any. */
  readonly types: ReadonlySet<string> | null;
}

/**
 * Workers that come for one task and go: of those that take a task, the one that has waited longest gets it.
 *
 * A turn takes a request when it claims a task for it, and puts it back if it is not committed. So a request is
 * open, or a turn is under way with it, or it has had its task.
 */
export class TaskRequests {
  readonly #open = new Map<string, TaskRequest>();

  get size(): number {
    return this.#open.size;
  }

  add(request: TaskRequest): void {
    this.#open.set(request.id, request);
  }

  /** @returns `false`: a turn has taken it. */
  withdraw(id: string): boolean {
    return this.#open.delete(id);
  }

  /** Who gets a task of this type. O(1) where everybody takes any. */
  next(type: string): TaskRequest | undefined {
    for (const request of this.#open.values()) if (takes(request, type)) return request;
    return undefined;
  }

  /** How many take tasks of this type. */
  count(type: string): number {
    let count = 0;
    for (const request of this.#open.values()) if (takes(request, type)) count += 1;
    return count;
  }

  take({ id }: TaskRequest): void {
    this.#open.delete(id);
  }

  /** Undoes {@link TaskRequests.take}, in the order in which they were taken: they waited before all others. */
  putBack(requests: Iterable<TaskRequest>): void {
    const later = [...this.#open.values()];
    this.#open.clear();
    for (const request of requests) this.add(request);
    for (const request of later) this.add(request);
  }
}

function takes({ types }: TaskRequest, type: string): boolean {
  return types === null || types.has(type);
}
