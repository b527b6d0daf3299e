/** What became of the tasks of a run. Everything but `tried` has to be 0. */
export interface Counts {
  /** Tasks that were submitted. */
  readonly tried: number;
  /** Tasks whose submission was acknowledged, and of which nothing is known afterwards. */
  readonly lost: number;
  /** Tasks that settled more than once, or settled and ran again. */
  readonly duplicated: number;
  /** Tasks that had not settled when all there was to do was done. */
  readonly stuck: number;
  /** Moments at which more handlers ran than the fleet may run. */
  readonly overLimit: number;
  /** Rejections and exceptions that nobody handled. */
  readonly unhandled: number;
  /** Timers, threads, files and sockets that were left after the stop. */
  readonly leaked: number;
}

export const noCounts: Counts = {
  tried: 0,
  lost: 0,
  duplicated: 0,
  stuck: 0,
  overLimit: 0,
  unhandled: 0,
  leaked: 0
};

export function addCounts(left: Counts, right: Counts): Counts {
  const names = Object.keys(noCounts) as (keyof Counts)[];
  return Object.fromEntries(names.map((name) => [name, left[name] + right[name]])) as unknown as Counts;
}

/** Whether the promise was kept. */
export function isClean(counts: Counts): boolean {
  return Object.entries(counts).every(([name, count]) => name === 'tried' || count === 0);
}

/** One line, such as `tried 2000 · lost 0 · duplicated 0 …`. */
export function formatCounts(counts: Counts): string {
  const { overLimit, ...others } = counts;
  return Object.entries({ ...others, 'over limit': overLimit })
    .map(([name, count]) => `${name} ${count}`)
    .join(' · ');
}
