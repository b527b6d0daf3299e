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
  readonly #lanes = new Map<number, Lane>();
  /** Priorities of lanes that hold something, highest first. */
  #priorities = new TinyQueue<number>([], highestFirst);
  #size = 0;

  /** Entries, those included whose task is queued no more. */
  get size(): number {
    return this.#size;
  }

  push({ seq, priority }: QueueEntry): void {
    let lane = this.#lanes.get(priority);
    if (lane === undefined) {
      this.#lanes.set(priority, (lane = new Lane()));
      this.#priorities.push(priority);
    }
    lane.push(seq);
    this.#size += 1;
  }

  /** Takes the `seq` of the next task out. */
  pop(): number | undefined {
    const priority = this.#priorities.peek();
    if (priority === undefined) return undefined;
    const lane = this.#lanes.get(priority)!;
    const seq = lane.pop();
    this.#size -= 1;
    if (lane.isEmpty) {
      this.#lanes.delete(priority);
      this.#priorities.pop();
    }
    return seq;
  }

  /** Keeps one entry for each task that is still queued. O(n log n). */
  retain(isQueued: (seq: number) => boolean): void {
    const kept: QueueEntry[] = [];
    for (const [priority, lane] of this.#lanes) {
      // Each task has one priority, so that its entries are all in one lane.
      const seqs = new Set(lane.seqs().filter(isQueued));
      for (const seq of seqs) kept.push({ seq, priority });
    }
    this.#lanes.clear();
    this.#priorities = new TinyQueue([], highestFirst);
    this.#size = 0;
    for (const entry of kept) this.push(entry);
  }
}

function highestFirst(left: number, right: number): number {
  return right - left;
}

/** Read entries of a lane are cut off once so many have gathered, so that cutting is O(1) on average. */
const cutAfter = 10_000;

/**
 * Tasks of one priority, in order of submission.
 *
 * Nearly all come in that order and need no heap: only what comes back late, a retry or a resumed task, does.
 */
class Lane {
  #inOrder: number[] = [];
  #read = 0;
  readonly #late = new TinyQueue<number>();

  get isEmpty(): boolean {
    return this.#read === this.#inOrder.length && this.#late.length === 0;
  }

  push(seq: number): void {
    const last = this.#inOrder.at(-1);
    if (last === undefined || seq > last) this.#inOrder.push(seq);
    else this.#late.push(seq);
  }

  /** In ascending order. */
  seqs(): number[] {
    return [...this.#inOrder.slice(this.#read), ...this.#late.data].sort((left, right) => left - right);
  }

  pop(): number | undefined {
    const next = this.#inOrder[this.#read];
    const late = this.#late.peek();
    if (next === undefined || (late !== undefined && late < next)) return this.#late.pop();
    this.#read += 1;
    if (this.#read >= cutAfter && this.#read * 2 > this.#inOrder.length) {
      this.#inOrder = this.#inOrder.slice(this.#read);
      this.#read = 0;
    }
    return next;
  }
}
