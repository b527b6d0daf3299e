declare module 'vitest' {
  interface TaskMeta {
    /** What the machine lacks for it, in words for a report. */
    missing?: string;
  }
}

/**
 * Options of a test or a suite that a machine may lack something for: it is skipped there, and the last lines of the run
 * say why.
 *
 * @param missing - Why it cannot run; `null`: it can.
 */
export function needing(missing: string | null): {
  readonly skip: boolean;
  readonly meta: { missing?: string };
} {
  return { skip: missing !== null, meta: missing === null ? {} : { missing } };
}
