import { ProcessWorld } from './processWorld.ts';
import type { Need, Topology } from './world.ts';

/** A manager and one that stands by, one process for each worker, a client: one machine and its SQLite file. */
export const oneMachine = topology('one machine', { ledger: 'sqlite', engine: 'processes' });

/** All of them: what is on one machine, and what is elsewhere. */
export const topologies: readonly Topology[] = [
  oneMachine,
  topology('workers elsewhere', { ledger: 'sqlite', engine: 'bullmq' }),
  topology('ledger elsewhere', { ledger: 'postgres', engine: 'in process' }),
  topology('all elsewhere', { ledger: 'postgres', engine: 'bullmq' })
];

function topology(name: string, parts: ConstructorParameters<typeof ProcessWorld>[0]): Topology {
  const offers = new Set<Need>(['standby', 'other clocks']);
  if (parts.ledger === 'postgres') offers.add('PostgreSQL');
  if (parts.engine !== 'in process') offers.add('worker processes');
  if (parts.engine === 'bullmq') offers.add('Redis').add('remote workers');
  return { name, offers, open: (options) => new ProcessWorld(parts, options) };
}
