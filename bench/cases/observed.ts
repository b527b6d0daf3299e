import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInspector } from '@statelyai/inspect';
import { sqliteStore } from 'xstate-fleet/sqlite';
import type { Case } from '../case.ts';
import { runNoops, type NoopRun } from './noopFleet.ts';

/** Ways to look at a fleet while it works, and what is told so that none of it is done for nothing. */
const ways = {
  'nobody looks': () => ({}),
  'a listener of task.settled': () => ({
    prepare: (fleet) => void fleet.on('task.settled', count)
  }),
  'the read model subscribed': () => ({ prepare: (fleet) => void fleet.store.subscribe(count) }),
  'an inspector, no rows': () => ({ options: { inspect: count, inspectRows: false } }),
  'an inspector, the default sample': () => ({ options: { inspect: count } }),
  'an inspector, 1,000 tasks': () => ({
    options: { inspect: count, inspectRows: { tasks: { max: 1_000 } } }
  }),
  'the official inspector, no rows': () => ({ options: { ...official(), inspectRows: false } }),
  'the official inspector, the default sample': () => ({ options: official() }),
  'a recording': ({ record }) => ({ options: { record } })
} as const satisfies Record<
  string,
  (files: { readonly record: string }) => Pick<Partial<NoopRun>, 'options' | 'prepare'>
>;

export type Way = keyof typeof ways;

/** In memory, or on SQLite where `durable` says so. */
export function observed(way: Way, tasks: number, durable = false): Case {
  return {
    settings: `${durable ? 'sqliteStore, full' : 'memoryStore'}, 100 workers × 1, ${way}, one batch of ${tasks} tasks`,
    async run({ folder }) {
      const own = await mkdtemp(join(folder, 'observed-'));
      const {
        options = {},
        ...look
      }: Pick<Partial<NoopRun>, 'options' | 'prepare'> = ways[way]({
        record: join(own, 'run.fleetlog')
      });
      return runNoops({
        tasks,
        options: { config: { maxConcurrentWorkers: 100 }, ...options },
        ...(durable && { store: sqliteStore(join(own, 'fleet.db')) }),
        ...look
      });
    }
  };
}

let told = 0;

function count(): void {
  told += 1;
}

function official(): Pick<NoopRun['options'], 'inspect'> {
  return { inspect: createInspector({ send: count }, { serializationDepthLimit: 20 }).inspect };
}
