import type { FinalTaskStatus } from '../../machines/task.ts';
import type { TaskRow } from '../store.ts';

/** A settled task, and those that depend on it. */
interface News {
  readonly seq: number;
  readonly key: string;
  readonly status: FinalTaskStatus;
  readonly dependents: readonly number[];
  /** How many of them have heard of it. */
  told: number;
}

/** One task that is told of the settlement of one that it depends on. */
export interface Told {
  readonly news: News;
  /** Number of the task that is told. */
  readonly dependent: number;
  /** Whether it waits for no other task any more. */
  readonly isLast: boolean;
}

/**
 * Which tasks wait for which, by number: what the rows of blocked tasks say, the other way round.
 *
 * An entry is a hint. The ledger's row is the truth, so whoever tells a dependent checks that it is still blocked: one
 * that was cancelled needs no search here, and leaves with the tasks that it depends on.
 */
export class Dependents {
  /** By the task that is waited for, in order of submission. */
  readonly #dependents = new Map<number, number[]>();
  /** By the task that waits: how many tasks it has not heard of. */
  readonly #waitsFor = new Map<number, number>();
  /** Settled tasks some of whose dependents have not heard of it, in order of settling. */
  readonly #news = new Map<number, News>();

  /** Whether any task is still to be told. */
  get hasNews(): boolean {
    return this.#news.size > 0;
  }

  /** Notes what a blocked task waits for. The same task again changes nothing. */
  add({ seq, blockedBy }: TaskRow['context']): void {
    if (blockedBy === null || blockedBy.length === 0 || this.#waitsFor.has(seq)) return;
    this.#waitsFor.set(seq, blockedBy.length);
    for (const awaited of blockedBy) {
      const dependents = this.#dependents.get(awaited);
      if (dependents === undefined) this.#dependents.set(awaited, [seq]);
      else dependents.push(seq);
    }
  }

  /** A task has settled: those that depend on it, if there are any, are to be told. */
  settle({ state, context: { seq, key } }: TaskRow): void {
    const dependents = this.#dependents.get(seq);
    if (dependents === undefined) return;
    this.#news.set(seq, { seq, key, status: state as FinalTaskStatus, dependents, told: 0 });
  }

  /** There is no such task any more: its turn was undone. What it waits for may still name it. */
  forget(seq: number): void {
    this.#waitsFor.delete(seq);
    this.#dependents.delete(seq);
  }

  /** Undoes {@link Dependents.settle}. */
  unsettle(seq: number): void {
    this.#news.delete(seq);
  }

  /** The next task that is to be told. Each is told once of each task that it depends on. */
  tellNext(): Told | undefined {
    for (const news of this.#news.values()) {
      const dependent = news.dependents[news.told]!;
      news.told += 1;
      if (news.told === news.dependents.length) {
        this.#news.delete(news.seq);
        this.#dependents.delete(news.seq);
      }
      const left = (this.#waitsFor.get(dependent) ?? 1) - 1;
      if (left === 0) this.#waitsFor.delete(dependent);
      else this.#waitsFor.set(dependent, left);
      return { news, dependent, isLast: left === 0 };
    }
    return undefined;
  }

  /** Undoes what {@link Dependents.tellNext} did last. */
  untell({ news, dependent }: Told): void {
    news.told -= 1;
    this.#news.set(news.seq, news);
    this.#dependents.set(news.seq, news.dependents as number[]);
    this.#waitsFor.set(dependent, (this.#waitsFor.get(dependent) ?? 0) + 1);
  }

  /** Numbers of the tasks that others wait for. */
  awaited(): Iterable<number> {
    return this.#dependents.keys();
  }
}
