import TinyQueue from 'tinyqueue';

/** Epoch ms, as the wall clock shows them. */
interface DueEntry {
  readonly seq: number;
  /** As the task's row says. */
  readonly dueAt: number;
  /** When it counts as due: before `dueAt` if the clock was set back since. */
  readonly reachedAt: number;
}

/**
 * Tasks that wait for a time: scheduled ones and those that back off. Epoch ms, durable in their rows.
 *
 * Like the priority queue's, an entry is a hint that is checked against the task's row.
 */
export class DueQueue {
  #heap = new TinyQueue<DueEntry>([], byTime);

  /** Entries, those included whose task waits for their time no more. */
  get size(): number {
    return this.#heap.length;
  }

  /** @param latestAt - When it counts as due at the latest, epoch ms. */
  push(seq: number, dueAt: number, latestAt = Infinity): void {
    this.#heap.push({ seq, dueAt, reachedAt: Math.min(dueAt, latestAt) });
  }

  /** The next task that is due at `now`, in order of time, then of submission. */
  popDue(now: number): Pick<DueEntry, 'seq' | 'dueAt'> | undefined {
    const next = this.#heap.peek();
    return next !== undefined && next.reachedAt <= now ? this.#heap.pop() : undefined;
  }

  /** Epoch ms; `undefined` when nothing waits. */
  get nextAt(): number | undefined {
    return this.#heap.peek()?.reachedAt;
  }

  /** Has those that can be hurried count as due at `latestAt`, epoch ms, at the latest. O(n). */
  hurry(latestAt: number, canBeHurried: (seq: number) => boolean): void {
    const entries = this.#heap.data.map((entry) =>
      entry.reachedAt > latestAt && canBeHurried(entry.seq) ? { ...entry, reachedAt: latestAt } : entry
    );
    this.#heap = new TinyQueue(entries, byTime);
  }

  /** Keeps one entry for each task that still waits for its time. O(n). */
  retain(isWaiting: (seq: number, dueAt: number) => boolean): void {
    const kept = new Map<number, DueEntry>();
    for (const entry of this.#heap.data) {
      if (!isWaiting(entry.seq, entry.dueAt)) continue;
      const other = kept.get(entry.seq);
      if (other === undefined || entry.reachedAt < other.reachedAt) kept.set(entry.seq, entry);
    }
    this.#heap = new TinyQueue([...kept.values()], byTime);
  }
}

function byTime(left: DueEntry, right: DueEntry): number {
  return left.reachedAt - right.reachedAt || left.seq - right.seq;
}
