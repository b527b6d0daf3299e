import type { ScheduleRow } from '../store.ts';

/**
 * The committed rows of a fleet's schedules. All of them are in memory; what they start is not.
 *
 * No queue is kept of their times: there are at most 10,000, and looking through them when one is due takes less
 * than a commit. So nothing has to be undone when a turn is refused.
 */
export class ScheduleBook {
  readonly #rows = new Map<string, ScheduleRow>();
  /** When this process took the fleet up, epoch ms: what was due before was missed. */
  openedAt = -Infinity;
  /** What is due found no room in the queue. A turn that makes room has it looked at again. */
  isWaitingForRoom = false;
  #nextAt: number | null | undefined = null;

  get size(): number {
    return this.#rows.size;
  }

  all(): IterableIterator<ScheduleRow> {
    return this.#rows.values();
  }

  get(id: string): ScheduleRow | undefined {
    return this.#rows.get(id);
  }

  set(row: ScheduleRow): void {
    this.#rows.set(row.context.id, row);
    this.#nextAt = undefined;
  }

  delete(id: string): void {
    this.#rows.delete(id);
    this.#nextAt = undefined;
  }

  /** When the next one is due, epoch ms; `undefined`: none is. */
  get nextAt(): number | undefined {
    if (this.#nextAt === undefined) {
      this.#nextAt = null;
      for (const { context } of this.#rows.values()) {
        if (context.dueAt !== null) this.#nextAt = Math.min(this.#nextAt ?? Infinity, context.dueAt);
      }
    }
    return this.#nextAt ?? undefined;
  }

  /** Those that are due, the one first that has been for longest; equal times in order of their ids. */
  due(now: number): readonly ScheduleRow[] {
    const { nextAt } = this;
    if (nextAt === undefined || nextAt > now) return [];
    const due: ScheduleRow[] = [];
    for (const row of this.#rows.values()) {
      if (row.context.dueAt !== null && row.context.dueAt <= now) due.push(row);
    }
    return due.sort(byTime);
  }
}

function byTime({ context: left }: ScheduleRow, { context: right }: ScheduleRow): number {
  return left.dueAt! - right.dueAt! || (left.id < right.id ? -1 : 1);
}
