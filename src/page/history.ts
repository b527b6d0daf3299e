import { activeTasks, waitingTasks } from '../../machines/batch.ts';
import type { Frame } from '../dashboard/frame.ts';

/** What the plots show, column by column, as uPlot takes it: one point a second, oldest first. */
export interface Series {
  /** Epoch seconds. */
  readonly at: readonly number[];
  /** Row transitions and completed tasks, per second. */
  readonly transitions: readonly (number | null)[];
  readonly completed: readonly (number | null)[];
  readonly waiting: readonly (number | null)[];
  readonly running: readonly (number | null)[];
  readonly commitMs: readonly (number | null)[];
  readonly p50: readonly (number | null)[];
  readonly p90: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** Points that are kept: five minutes. */
export const historyLength = 300;

type Column = Exclude<keyof Series, 'at'>;
type Point = Readonly<Record<Column, number | null>>;

/**
 * The last five minutes of a fleet, from its frames.
 *
 * Bounded by {@link historyLength}, however often a frame comes. A second without frames leaves no point; a gap of
 * more than five seconds, a fleet that began anew or a clock that was set back leaves a hole in the lines.
 */
export class FrameHistory {
  #points: { readonly at: number; readonly point: Point }[] = [];
  #base: Frame | null = null;
  #latest: Frame | null = null;
  #version = 0;

  /** +1 with every point: what is drawn from it is drawn anew when this has changed. */
  get version(): number {
    return this.#version;
  }

  add(frame: Frame): void {
    const latest = this.#latest;
    this.#latest = frame;
    if (latest === null || !isNext(latest, frame)) {
      if (latest !== null) this.#push(frame.at, hole);
      this.#base = frame;
      return;
    }
    const base = this.#base ?? frame;
    if (frame.at - base.at < 1_000) return;
    this.#push(frame.at, pointOf(base, frame));
    this.#base = frame;
  }

  /** Rates over the last second or so; `null` before there are two frames. */
  get rates(): { readonly transitions: number; readonly completed: number } | null {
    const last = this.#points.at(-1)?.point;
    if (last?.transitions == null || last.completed === null) return null;
    return { transitions: last.transitions, completed: last.completed };
  }

  get series(): Series {
    const column = (name: Column) => this.#points.map(({ point }) => point[name]);
    return {
      at: this.#points.map(({ at }) => at / 1_000),
      transitions: column('transitions'),
      completed: column('completed'),
      waiting: column('waiting'),
      running: column('running'),
      commitMs: column('commitMs'),
      p50: column('p50'),
      p90: column('p90'),
      p99: column('p99')
    };
  }

  #push(at: number, point: Point): void {
    // Plots need times that rise.
    if (this.#points.some((other) => other.at >= at)) this.#points = [];
    this.#points.push({ at, point });
    if (this.#points.length > historyLength) this.#points.shift();
    this.#version += 1;
  }
}

const hole: Point = {
  transitions: null,
  completed: null,
  waiting: null,
  running: null,
  commitMs: null,
  p50: null,
  p90: null,
  p99: null
};

function isNext(before: Frame, after: Frame): boolean {
  const elapsed = after.at - before.at;
  return elapsed >= 0 && elapsed <= 5_000 && after.transitions >= before.transitions;
}

function pointOf(before: Frame, after: Frame): Point {
  const seconds = (after.at - before.at) / 1_000;
  const { tasks, commitMs, durations } = after;
  return {
    transitions: (after.transitions - before.transitions) / seconds,
    completed: Math.max(0, tasks.completed - before.tasks.completed) / seconds,
    waiting: waitingTasks(tasks),
    running: activeTasks(tasks),
    commitMs,
    p50: durations?.p50 ?? null,
    p90: durations?.p90 ?? null,
    p99: durations?.p99 ?? null
  };
}
