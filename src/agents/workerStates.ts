import type { ActorRefFrom } from 'xstate';
import { workerIdOf, type workerMachine } from '../../machines/workerMachine.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { workerActorsOf } from './workerViews.ts';

/** The actor hears a little later than the roster what the turn has given it. */
export function workerStateOf(worker: ActorRefFrom<typeof workerMachine>, { roster }: Ledger): string {
  const { value, context } = worker.getSnapshot();
  const isHolding = (roster.get(workerIdOf(context))?.attempts.size ?? 0) > 0;
  return value === 'idle' && isHolding ? 'busy' : value;
}

/** How many workers are in each state, of those that are in any. */
export function workerStatesOf(
  children: Readonly<Record<string, unknown>>,
  ledger: Ledger
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const worker of workerActorsOf(children)) {
    const state = workerStateOf(worker, ledger);
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}
