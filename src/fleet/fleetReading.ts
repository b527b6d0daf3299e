import type { BatchState, TaskCounts } from '../../machines/batch.ts';
import type { FleetSnapshot } from '../../machines/fleetMachine.ts';
import { workerStatesOf } from '../agents/workerStates.ts';
import type { Journal } from '../journal/journal.ts';
import type { FleetStats } from '../ledger/stats.ts';

/** What is counted in a fleet at one moment. */
export interface FleetReading {
  /** Counted since its first start, and durable. */
  readonly stats: FleetStats;
  readonly tasks: TaskCounts;
  /** Queued tasks, by type. */
  readonly queued: ReadonlyMap<string, number>;
  /** By the state of their machine. */
  readonly workers: Readonly<Record<string, number>>;
  /** Those that have not settled. */
  readonly batches: ReadonlyMap<BatchState, number>;
  /** Handlers that hang beyond their grace, and were given up. */
  readonly stuck: number;
  readonly isStoreAvailable: boolean;
}

/** Each of these was counted when it moved: what it costs grows with workers and types alone. */
export function readFleet(fleet: FleetSnapshot, { ledger }: Pick<Journal, 'ledger'>): FleetReading {
  const { stats } = ledger.head;
  return {
    stats,
    tasks: stats.counts,
    queued: ledger.queuedKinds.byType(),
    workers: workerStatesOf(fleet.children, ledger),
    batches: ledger.batches.counts,
    stuck: ledger.givenUp.size,
    isStoreAvailable: !fleet.hasTag('degraded')
  };
}
