import type { StoreReader } from '../../../src/store.ts';
import { addCounts, noCounts, type Counts } from '../../counts.ts';
import type { Entry } from '../log.ts';
import { lethalConfig, lethalKey, scopes } from '../plan.ts';
import { Asked } from './asked.ts';
import { checkFirings, isFiring } from './firings.ts';
import { checkHistory } from './history.ts';
import type { Problem } from './problem.ts';
import { readStored, type Stored } from './stored.ts';
import { checkTasks } from './tasks.ts';
import { checkTotals } from './totals.ts';

export interface Verdict {
  readonly counts: Counts;
  /** Promises that were broken and have no name in the counts. */
  readonly wrong: number;
  readonly problems: readonly Problem[];
}

/** Judges a store whose last process has ended, by its log and by what it holds. */
export async function judge(entries: readonly Entry[], reader: StoreReader): Promise<Verdict> {
  const asked = new Asked(entries);
  const stored = await readStored(reader, scopes.main);
  const problems = [
    ...checkHistory(entries, asked),
    ...checkTasks(entries, asked, stored),
    ...checkTotals(entries, asked, stored),
    ...checkFirings(stored, asked.acknowledgedSchedules),
    ...checkPoison(entries, await readStored(reader, scopes.lethal))
  ];
  const fired = [...stored.tasks.keys()].filter(isFiring).length;
  let counts: Counts = { ...noCounts, tried: asked.tasks.size + fired };
  let wrong = 0;
  for (const { count } of problems) {
    if (count === 'wrong') wrong += 1;
    else counts = addCounts(counts, { ...noCounts, [count]: 1 });
  }
  return { counts, wrong, problems };
}

/** A task that ends its process is poison once it has lost one attempt more than it may. */
function checkPoison(entries: readonly Entry[], { tasks }: Stored): Problem[] {
  const begun = entries.filter((entry) => entry.type === 'began' && entry.key === lethalKey).length;
  const row = tasks.get(lethalKey)?.row;
  if (row === undefined && begun === 0) return [];
  const most = lethalConfig.maxRecoveries + 1;
  const { state, context } = row ?? {};
  const isPoison = state === 'failed' && context?.error?.name === 'PoisonTaskError';
  if (isPoison && context?.recoveries === most && begun === most) return [];
  const text = `the lethal task is ${state} (${context?.error?.name}) after ${begun} of ${most} attempts`;
  return [{ count: 'wrong', text, key: lethalKey }];
}
