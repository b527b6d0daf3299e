import type { Frame } from '../../dashboard/frame.ts';
import type { ChartName } from './drawings.ts';

/** What is to be seen in a chart: how many are in each state, or where its one actor is. */
export interface ChartState {
  /** By path. */
  readonly counts: Readonly<Record<string, number>>;
  /** Paths. */
  readonly active: ReadonlySet<string>;
}

/** A transition that was taken: `source` and `target` are paths, or several of them joined by blanks. */
export interface TakenEdge {
  readonly chart: ChartName;
  readonly source: string;
  readonly target: string;
  /** `null`: not known. */
  readonly event: string | null;
}

export function chartStateOf(frame: Frame, chart: ChartName): ChartState {
  const counts = countsOf(frame, chart);
  if (counts === null) return { counts: {}, active: new Set(frame.active[chart]) };
  const active = new Set(Object.keys(counts).filter((state) => (counts[state] ?? 0) > 0));
  return { counts, active };
}

/** What a tab says of its chart: a total of what lives, or a state. */
export function summaryOf(frame: Frame, chart: ChartName): number | string {
  const counts = countsOf(frame, chart);
  if (counts === null) return frame.active[chart]?.[0] ?? '';
  return Object.entries(counts).reduce(
    (sum, [state, count]) => (isOver(chart, state) ? sum : sum + count),
    0
  );
}

/** The transitions of actors that two frames tell: rows are too many to be told apart. */
export function takenBetween(before: Frame, after: Frame): TakenEdge[] {
  return (['fleet', 'coordinator', 'autoscaler'] as const).flatMap((chart) => {
    const left = (before.active[chart] ?? []).filter((path) => !(after.active[chart] ?? []).includes(path));
    const entered = (after.active[chart] ?? []).filter(
      (path) => !(before.active[chart] ?? []).includes(path)
    );
    return left.flatMap((source) =>
      entered
        .filter((target) => regionOf(source) === regionOf(target))
        .map((target) => ({ chart, source, target, event: null }))
    );
  });
}

function countsOf(frame: Frame, chart: ChartName): Readonly<Record<string, number>> | null {
  switch (chart) {
    case 'task':
      return frame.tasks;
    case 'batch':
      return frame.batchStates;
    case 'worker':
      return frame.workerStates;
    case 'schedule':
      return frame.scheduleStates;
    case 'fleet':
    case 'coordinator':
    case 'autoscaler':
      return null;
  }
}

function isOver(chart: ChartName, state: string): boolean {
  if (chart === 'worker') return state === 'stopped';
  return ['completed', 'failed', 'timedOut', 'partial', 'cancelled', 'ended'].includes(state);
}

function regionOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf('.')));
}
