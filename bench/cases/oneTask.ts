import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetManager, memoryStore, type Store } from 'xstate-fleet';
import { sqliteStore } from 'xstate-fleet/sqlite';
import type { Case, Figures } from '../case.ts';
import { measureEach } from '../measure.ts';
import { handlers } from './noopFleet.ts';

/** One task at a time, from its submission to its result. */
export function oneInMemory(times: number): Case {
  return {
    settings: `memoryStore, submit() and its result, ${times} times, one after the other`,
    run: () => submitEach(times, memoryStore())
  };
}

export function oneOnSqlite(times: number): Case {
  return {
    settings: `sqliteStore, durability full, submit() and its result, ${times} times, one after the other`,
    run: async ({ folder }) =>
      submitEach(times, sqliteStore(join(await mkdtemp(join(folder, 'one-')), 'fleet.db')))
  };
}

async function submitEach(times: number, store: Store): Promise<Figures> {
  const fleet = new FleetManager({ handlers, store });
  await fleet.start();
  const figures = await measureEach(times, (index) => fleet.submit('noop', { index }));
  await fleet.stop();
  return figures;
}
