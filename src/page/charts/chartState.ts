import type { Frame } from '../../dashboard/frame.ts';
import type { ChartName } from './chartName.ts';

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
  /** How often it is taken; `null`: not known, or once. */
  readonly perSecond: number | null;
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

/** The transitions of actors that two frames tell. What an actor did and undid in between is not told. */
export function takenBetween(before: Frame, after: Frame): TakenEdge[] {
  const single = (['fleet', 'coordinator', 'autoscaler'] as const).flatMap((chart) =>
    movesBetween(chart, before.active[chart] ?? [], after.active[chart] ?? [])
  );
  if (before.workers === after.workers) return single;
  const states = new Map(before.workers.map(({ id, state }) => [id, state]));
  const workers = after.workers.flatMap(({ id, state }) => {
    const was = states.get(id);
    return was === undefined ? [] : movesBetween('worker', [was], [state]);
  });
  return [...single, ...workers];
}

function movesBetween(chart: ChartName, before: readonly string[], after: readonly string[]): TakenEdge[] {
  const left = before.filter((path) => !after.includes(path));
  const entered = after.filter((path) => !before.includes(path));
  return left.flatMap((source) =>
    entered
      .filter((target) => regionOf(source) === regionOf(target))
      .map((target) => ({ chart, source, target, event: null, perSecond: null }))
  );
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
