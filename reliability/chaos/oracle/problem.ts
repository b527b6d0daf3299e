import type { Counts } from '../../counts.ts';

/** A promise that was not kept. */
export interface Problem {
  /** Where it is counted; `wrong`: whatever the shared counts have no name for. */
  readonly count: Exclude<keyof Counts, 'tried'> | 'wrong';
  readonly text: string;
  /** The task that it is about. */
  readonly key?: string;
}
