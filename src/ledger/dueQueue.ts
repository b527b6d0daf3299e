import TinyQueue from 'tinyqueue';

interface DueEntry {
  readonly seq: number;
  /** Epoch ms. */
  readonly dueAt: number;
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

  push(seq: number, dueAt: number): void {
    this.#heap.push({ seq, dueAt });
  }

  /** The next task that is due at `now`, in order of time, then of submission. */
  popDue(now: number): number | undefined {
    const next = this.#heap.peek();
    return next !== undefined && next.dueAt <= now ? this.#heap.pop()!.seq : undefined;
  }

  /** Epoch ms; `undefined` when nothing waits. */
  get nextAt(): number | undefined {
    return this.#heap.peek()?.dueAt;
  }

  /** Keeps one entry for each task that still waits for its time. O(n). */
  retain(isWaiting: (seq: number, dueAt: number) => boolean): void {
    const kept = new Map<number, DueEntry>();
    for (const entry of this.#heap.data) if (isWaiting(entry.seq, entry.dueAt)) kept.set(entry.seq, entry);
    this.#heap = new TinyQueue([...kept.values()], byTime);
  }
}

function byTime(left: DueEntry, right: DueEntry): number {
  return left.dueAt - right.dueAt || left.seq - right.seq;
}
