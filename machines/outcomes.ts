import type { FinalTaskStatus } from './task.ts';

/** The widest window of a `HealthPolicy`. */
export const maxHealthWindow = 1_000;

/** What became of the last results: `+` and `-` for each of at most {@link maxHealthWindow}, the last one last. */
export function outcomesOf(results: readonly { readonly status: FinalTaskStatus }[]): string {
  let outcomes = '';
  for (const { status } of results.slice(-maxHealthWindow)) {
    if (status !== 'cancelled') outcomes += status === 'completed' ? '+' : '-';
  }
  return outcomes;
}
