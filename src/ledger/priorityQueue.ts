import TinyQueue from 'tinyqueue';

/** The next task of a queue, with what orders it: its priority and its age, then its place in the order of submission. */
export interface QueueHead {
  readonly seq: number;
  readonly priority: number;
  readonly readyAt: number;
  /** Its priority with its age counted in, at a fixed time: all tasks age alike, so it does not matter which. */
  readonly score: number;
}

/** Whether a task goes before another one. A total order, and it does not change while the two wait. */
export function isBefore(left: QueueHead, right: QueueHead): boolean {
  return compareHeads(left, right) < 0;
}

/**
 * Tasks in the order in which they are to be dispatched: by priority and age, then first come, first served.
 *
 * An entry is a hint. The ledger's row is the truth, so whoever pops an entry checks that its task is still
 * queued; a task that was cancelled needs no search here.
 */
export class PriorityQueue {
  readonly #lanes = new Map<number, Lane>();
  #order = new TinyQueue<Lane>([], compareHeads);
  /** A lane has another head, and is not where it belongs in the order. */
  #isOutOfOrder = false;
  #ageingMs: number | null;
  #size = 0;

  /** @param ageingMs - A task counts as one point higher for each such time that it has waited; `null`: never. */
  constructor(ageingMs: number | null = null) {
    this.#ageingMs = ageingMs;
  }

  /** Entries, those included whose task is queued no more. */
  get size(): number {
    return this.#size;
  }

  set ageingMs(ageingMs: number | null) {
    this.#ageingMs = ageingMs;
    for (const lane of this.#lanes.values()) lane.findHead(ageingMs);
    this.#isOutOfOrder = true;
  }

  /**
   * @param priority - Higher first.
   * @param readyAt - Its age counts from here, epoch ms.
   */
  push(seq: number, priority: number, readyAt: number): void {
    let lane = this.#lanes.get(priority);
    if (lane === undefined) {
      lane = new Lane(priority);
      this.#lanes.set(priority, lane);
      lane.push(seq, readyAt);
      lane.findHead(this.#ageingMs);
      this.#order.push(lane);
    } else {
      lane.push(seq, readyAt);
      if (readyAt < lane.readyAt || (readyAt === lane.readyAt && seq < lane.seq)) {
        lane.findHead(this.#ageingMs);
        this.#isOutOfOrder = true;
      }
    }
    this.#size += 1;
  }

  /** The next task; `undefined` when there is none. It is overwritten by the next change of the queue. */
  get head(): QueueHead | undefined {
    if (this.#isOutOfOrder) this.#reorder();
    return this.#order.peek();
  }

  /** Takes the `seq` of the next task out. O(log of the number of priorities). */
  pop(): number | undefined {
    if (this.#isOutOfOrder) this.#reorder();
    const lane = this.#order.pop();
    if (lane === undefined) return undefined;
    const seq = lane.pop();
    this.#size -= 1;
    if (lane.isEmpty) this.#lanes.delete(lane.priority);
    else {
      lane.findHead(this.#ageingMs);
      this.#order.push(lane);
    }
    return seq;
  }

  /** Keeps one entry for each task that is still queued. O(n). */
  retain(isQueued: (seq: number) => boolean): void {
    this.#size = 0;
    for (const lane of this.#lanes.values()) {
      // Each task has one priority, so that its entries are all in one lane.
      lane.retain(isQueued);
      this.#size += lane.size;
      if (lane.isEmpty) this.#lanes.delete(lane.priority);
      else lane.findHead(this.#ageingMs);
    }
    this.#isOutOfOrder = true;
  }

  #reorder(): void {
    this.#order = new TinyQueue([...this.#lanes.values()], compareHeads);
    this.#isOutOfOrder = false;
  }
}

function compareHeads(left: QueueHead, right: QueueHead): number {
  // Not a difference: that of the largest numbers is no number.
  if (left.score !== right.score) return left.score > right.score ? -1 : 1;
  if (left.priority !== right.priority) return left.priority > right.priority ? -1 : 1;
  return compareWithinLane(left, right);
}

type LaneEntry = Pick<QueueHead, 'seq' | 'readyAt'>;

function compareWithinLane(left: LaneEntry, right: LaneEntry): number {
  return left.readyAt - right.readyAt || left.seq - right.seq;
}

/** Read entries of a lane are cut off once so many have gathered, so that cutting is O(1) on average. */
const cutAfter = 10_000;

/**
 * Tasks of one priority, the one that has been ready longest first.
 *
 * Nearly all come in that order and need no heap: only what comes back late, a retry or a resumed task, does.
 */
class Lane implements QueueHead {
  readonly priority: number;
  /** The head's. */
  seq = 0;
  readyAt = 0;
  score = 0;

  #seqs: number[] = [];
  #readyAts: number[] = [];
  #read = 0;
  #late = new TinyQueue<LaneEntry>([], compareWithinLane);

  constructor(priority: number) {
    this.priority = priority;
  }

  get size(): number {
    return this.#seqs.length - this.#read + this.#late.length;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  push(seq: number, readyAt: number): void {
    const last = this.#seqs.length - 1;
    const lastReadyAt = last < 0 ? -Infinity : this.#readyAts[last]!;
    if (readyAt > lastReadyAt || (readyAt === lastReadyAt && seq > this.#seqs[last]!)) {
      this.#seqs.push(seq);
      this.#readyAts.push(readyAt);
    } else this.#late.push({ seq, readyAt });
  }

  /** Looks the head up. The lane is not empty. */
  findHead(ageingMs: number | null): void {
    const late = this.#isLateNext() ? this.#late.peek() : undefined;
    this.seq = late?.seq ?? this.#seqs[this.#read]!;
    this.readyAt = late?.readyAt ?? this.#readyAts[this.#read]!;
    // In ms, so that for whole numbers it is exact. Infinite ones are told apart by their priority.
    this.score = ageingMs === null ? this.priority : this.priority * ageingMs - this.readyAt;
  }

  /** Keeps one entry for each task that is still queued. O(n). */
  retain(isQueued: (seq: number) => boolean): void {
    let kept = 0;
    let highest = -1;
    let seen: Set<number> | null = null;
    const keeps = (seq: number): boolean => {
      if (!isQueued(seq)) return false;
      // Nearly all stand in the order of their numbers: until one does not, none needs to be remembered.
      if (seen === null && seq > highest) {
        highest = seq;
        return true;
      }
      seen ??= new Set(this.#seqs.slice(0, kept));
      if (seen.has(seq)) return false;
      seen.add(seq);
      return true;
    };
    for (let index = this.#read; index < this.#seqs.length; index++) {
      const seq = this.#seqs[index]!;
      if (!keeps(seq)) continue;
      this.#seqs[kept] = seq;
      this.#readyAts[kept] = this.#readyAts[index]!;
      kept += 1;
    }
    this.#seqs.length = kept;
    this.#readyAts.length = kept;
    this.#read = 0;
    const late = this.#late.data.filter(({ seq }) => keeps(seq));
    this.#late = new TinyQueue(late, compareWithinLane);
  }

  pop(): number | undefined {
    if (this.#isLateNext()) return this.#late.pop()?.seq;
    const next = this.#seqs[this.#read];
    this.#read += 1;
    if (this.#read >= cutAfter && this.#read * 2 > this.#seqs.length) {
      this.#seqs = this.#seqs.slice(this.#read);
      this.#readyAts = this.#readyAts.slice(this.#read);
      this.#read = 0;
    }
    return next;
  }

  #isLateNext(): boolean {
    const late = this.#late.peek();
    if (late === undefined) return false;
    if (this.#read === this.#seqs.length) return true;
    const readyAt = this.#readyAts[this.#read]!;
    return late.readyAt < readyAt || (late.readyAt === readyAt && late.seq < this.#seqs[this.#read]!);
  }
}
