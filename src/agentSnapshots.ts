import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import { coordinatorMachine, type CoordinatorContext } from '../machines/coordinatorMachine.ts';
import {
  fleetMachine,
  slotName,
  type FleetContext,
  type FleetSnapshot,
  type Recovered
} from '../machines/fleetMachine.ts';
import type { Json } from '../machines/task.ts';
import { workerMachine, type WorkerContext } from '../machines/workerMachine.ts';
import { CorruptStoreError, StoreVersionError } from './errors.ts';
import type { StoredAgent } from './store.ts';

/** Version of what is persisted of agents. A snapshot of another one is never half trusted. */
const schemaVersion = 1;

/** Persists the agents that changed since the last commit, each without its children. */
export class AgentSnapshots {
  #fleetContext: FleetContext | null = null;
  #coordinatorContext: unknown = null;
  readonly #changedSlots = new Set<string>();
  /** Slots whose snapshots are with the store. */
  #offeredSlots: readonly string[] = [];

  /** A worker began, or ended, or was replaced. What it holds is in the rows, so that is no change. */
  markWorker(slot: string): void {
    this.#changedSlots.add(slot);
  }

  markAllWorkers(fleet: FleetSnapshot): void {
    for (let number = 1; number <= fleet.context.slots; number++) this.#changedSlots.add(slotName(number));
  }

  /** The snapshots to commit. Call {@link AgentSnapshots.committed} when they are. */
  changed(fleet: FleetSnapshot): StoredAgent[] {
    const agents: StoredAgent[] = [];
    if (fleet.context !== this.#fleetContext) agents.push(persist('fleet', fleetMachine, fleet));
    const coordinator = snapshotOf(fleet, 'coordinator');
    if (coordinator && coordinator.context !== this.#coordinatorContext) {
      agents.push(persist('coordinator', coordinatorMachine, coordinator));
    }
    this.#offeredSlots = [...this.#changedSlots];
    // What changes while the store writes is a change for the next commit.
    this.#changedSlots.clear();
    for (const slot of this.#offeredSlots) {
      const worker = snapshotOf(fleet, slot);
      if (worker) agents.push(persist(slot, workerMachine, worker));
    }
    return agents;
  }

  committed(fleet: FleetSnapshot): void {
    this.#fleetContext = fleet.context;
    this.#coordinatorContext = snapshotOf(fleet, 'coordinator')?.context ?? null;
    this.#offeredSlots = [];
  }

  /** The store does not have them: they are changes still. */
  refused(): void {
    for (const slot of this.#offeredSlots) this.#changedSlots.add(slot);
    this.#offeredSlots = [];
  }
}

/**
 * Reads the agents of a store back.
 *
 * @throws {StoreVersionError} for snapshots of another version. @throws {CorruptStoreError} for damaged ones.
 */
export function restoreAgents(location: string, agents: readonly StoredAgent[]): Recovered {
  let fleet: Recovered['fleet'] = null;
  let coordinator: CoordinatorContext | null = null;
  const workers = new Map<string, WorkerContext>();
  for (const agent of agents) {
    if (agent.schemaVersion !== schemaVersion) {
      throw new StoreVersionError(location, agent.schemaVersion, schemaVersion);
    }
    const snapshot = readSnapshot(location, agent);
    if (agent.machine === fleetMachine.id) fleet = snapshot.context as FleetContext;
    else if (agent.machine === coordinatorMachine.id) coordinator = snapshot.context as CoordinatorContext;
    else if (agent.machine === workerMachine.id) workers.set(agent.id, snapshot.context as WorkerContext);
    else
      throw new CorruptStoreError(location, `agent ${agent.id} is of the unknown machine ${agent.machine}`);
  }
  return { fleet, coordinator, workers: Object.fromEntries(workers) };
}

interface PersistedSnapshot {
  readonly context: unknown;
}

function readSnapshot(location: string, { id, snapshot }: StoredAgent): PersistedSnapshot {
  const { context } = (snapshot ?? {}) as Partial<PersistedSnapshot>;
  if (typeof context !== 'object' || context === null) {
    throw new CorruptStoreError(location, `the snapshot of agent ${id} has no context`);
  }
  return structuredClone(snapshot) as unknown as PersistedSnapshot;
}

type Persistable = Pick<typeof fleetMachine, 'id'> & { getPersistedSnapshot(snapshot: never): unknown };

/** Children have rows of their own: with them, a fleet of 1,000 workers takes 10 ms instead of 4 us. */
function persist(id: string, machine: Persistable, snapshot: AnyMachineSnapshot): StoredAgent {
  // XState looks at what they inherit too: at what a handler has added to `Object.prototype`.
  const childless = { ...snapshot, children: Object.create(null) as object };
  return {
    id,
    machine: machine.id,
    schemaVersion,
    snapshot: machine.getPersistedSnapshot(childless as never) as Json
  };
}

function snapshotOf(fleet: FleetSnapshot, id: string): AnyMachineSnapshot | undefined {
  const children = fleet.children as Readonly<Record<string, AnyActorRef | undefined>>;
  return children[id]?.getSnapshot() as AnyMachineSnapshot | undefined;
}
