import TinyQueue from 'tinyqueue';

/** What orders a queued task: its priority, then its place in the order of submission. */
export interface QueueEntry {
  readonly seq: number;
  /** Higher first. */
  readonly priority: number;
}

/**
 * Tasks in the order in which they are to be dispatched: by priority, then first come, first served.
 *
 * An entry is a hint. The ledger's row is the truth, so whoever pops an entry checks that its task is still
 * queued; a task that was cancelled needs no search here.
 */
export class PriorityQueue {
  readonly #heap = new TinyQueue<QueueEntry>([], byPriorityThenSeq);

  push({ seq, priority }: QueueEntry): void {
    this.#heap.push({ seq, priority });
  }

  pop(): QueueEntry | undefined {
    return this.#heap.pop();
  }
}

function byPriorityThenSeq(left: QueueEntry, right: QueueEntry): number {
  return right.priority - left.priority || left.seq - right.seq;
}
