import type { Json } from '../../machines/task.ts';
import type { StoredResult } from '../store.ts';
import { assertInteger, assertObject } from '../validation/validation.ts';
import { DurationSketch } from './durationSketch.ts';
import { HourlySums } from './hourlySums.ts';
import { WorkerRanking } from './workerRanking.ts';

/** Under this name, as an agent and as a machine, the checkpoints are stored. */
export const statisticsAgent = 'statistics';

/** Results after which the statistics are written again: what a restart reads of them at most, and a turn's. */
const checkpointResults = 1_000;

/**
 * What is counted of the results beside the summary: by hour, by worker, by duration. O(1) per result, and bounded.
 *
 * They are some kilobytes, so they are not written with every turn but as a checkpoint, now and then and before
 * anything is removed. After a restart the results that came since are read and added.
 */
export class ResultStatistics {
  #settledSeq = 0;
  #checkpointSeq = 0;
  #isCleared = false;
  /** What was offered to the commit under way. */
  #offered: { readonly settledSeq: number; readonly isCleared: boolean } | null = null;
  #hours = new HourlySums();
  #workers = new WorkerRanking();
  #durations = new DurationSketch();

  /** The last result that is counted. */
  get settledSeq(): number {
    return this.#settledSeq;
  }

  /** The last result that the store's checkpoint counts: those up to it may be removed. */
  get checkpointSeq(): number {
    return this.#checkpointSeq;
  }

  get hours(): HourlySums {
    return this.#hours;
  }

  get workers(): WorkerRanking {
    return this.#workers;
  }

  get durations(): DurationSketch {
    return this.#durations;
  }

  /** Takes up a checkpoint. @throws {ValidationError} naming the field that is not as it was written. */
  restore(path: string, value: unknown): void {
    assertObject(path, value);
    const { settledSeq, hours, workers, durations } = value;
    assertInteger(`${path}.settledSeq`, settledSeq, 0, Number.MAX_SAFE_INTEGER);
    this.#hours = HourlySums.restore(`${path}.hours`, hours);
    this.#workers = WorkerRanking.restore(`${path}.workers`, workers);
    this.#durations = DurationSketch.restore(`${path}.durations`, durations);
    this.#settledSeq = this.#checkpointSeq = settledSeq;
  }

  /** Adds results in the order of their settling. Those that are counted are passed over. */
  add(results: readonly StoredResult[]): void {
    for (const { settledSeq, receivedAt, success, duration, workerId } of results) {
      if (settledSeq <= this.#settledSeq) continue;
      this.#settledSeq = settledSeq;
      this.#hours.add(receivedAt, success, duration);
      if (workerId === null) continue;
      if (success) this.#workers.add(workerId);
      this.#durations.add(duration);
    }
  }

  /** Begins anew. @param settledSeq - Results up to this one are not counted any more. */
  clear(settledSeq: number): void {
    this.#settledSeq = Math.max(this.#settledSeq, settledSeq);
    this.#isCleared = true;
    this.#hours = new HourlySums();
    this.#workers = new WorkerRanking();
    this.#durations = new DurationSketch();
  }

  /**
   * Whether a commit is to write a checkpoint.
   *
   * @param isLast - Whether results that are counted may be removed after the commit, or nobody counts any more.
   */
  isDue(isLast: boolean): boolean {
    const uncovered = this.#settledSeq - this.#checkpointSeq;
    return this.#isCleared || uncovered >= checkpointResults || (isLast && uncovered > 0);
  }

  /** The checkpoint that a commit is to write; `null`: none {@link ResultStatistics.isDue}. */
  checkpoint(isLast: boolean): Json | null {
    if (!this.isDue(isLast)) return null;
    this.#offered = { settledSeq: this.#settledSeq, isCleared: this.#isCleared };
    this.#isCleared = false;
    return {
      settledSeq: this.#settledSeq,
      hours: this.#hours.toJson(),
      workers: this.#workers.toJson(),
      durations: this.#durations.toJson()
    };
  }

  /** The store has the checkpoint that it was offered. */
  committed(): void {
    if (this.#offered !== null) this.#checkpointSeq = this.#offered.settledSeq;
    this.#offered = null;
  }

  /** The store does not have it. */
  refused(): void {
    this.#isCleared ||= this.#offered?.isCleared === true;
    this.#offered = null;
  }
}
