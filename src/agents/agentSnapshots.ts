import type { AnyActorRef, AnyMachineSnapshot } from 'xstate';
import { autoscalerMachine, type RestoredAutoscaler } from '../../machines/autoscalerMachine.ts';
import { coordinatorMachine, type CoordinatorContext } from '../../machines/coordinatorMachine.ts';
import {
  fleetMachine,
  type FleetContext,
  type FleetSnapshot,
  type Recovered
} from '../../machines/fleetMachine.ts';
import type { Json } from '../../machines/task.ts';
import { workerMachine, type WorkerContext } from '../../machines/workerMachine.ts';
import { slotName } from '../../machines/workerSlots.ts';
import { ResultStatistics, statisticsAgent } from '../coordinator/resultStatistics.ts';
import { CorruptStoreError, ValidationError } from '../errors.ts';
import type { StoredAgent } from '../store.ts';
import { assertOneOf, assertObject } from '../validation/validation.ts';
import {
  assertAutoscalerContext,
  assertCoordinatorContext,
  assertFleetContext,
  assertWorkerContext
} from './agentContexts.ts';
import {
  agentMigrations,
  migratedSnapshot,
  snapshotVersionOf,
  type SnapshotMigrations
} from './agentMigrations.ts';

/**
 * Persists the agents that changed since the last commit, each without its children.
 *
 * The coordinator changes with every result: its sums are written when the statistics beside them are.
 */
export class AgentSnapshots {
  readonly #statistics: () => ResultStatistics;
  #fleetContext: FleetContext | null = null;
  #coordinatorContext: CoordinatorContext | null = null;
  /** Of the snapshot that is offered: the coordinator may be told to clear while the store writes. */
  #offeredCoordinator: CoordinatorContext | null = null;
  #autoscalerContext: unknown = null;
  /** The same: the autoscaler may be told something meanwhile. */
  #offeredAutoscaler: unknown = null;
  /** Persisted snapshots of workers, by state: they differ in nothing but their context. */
  readonly #workers = new Map<unknown, StoredAgent>();
  readonly #changedSlots = new Set<string>();
  /** Slots whose snapshots are with the store. */
  #offeredSlots: readonly string[] = [];

  constructor(statistics: () => ResultStatistics) {
    this.#statistics = statistics;
  }

  /** A worker began, or ended, or was replaced. What it holds is in the rows, so that is no change. */
  markWorker(slot: string): void {
    this.#changedSlots.add(slot);
  }

  markAllWorkers(fleet: FleetSnapshot): void {
    for (let number = 1; number <= fleet.context.slots; number++) this.#changedSlots.add(slotName(number));
  }

  /**
   * The snapshots to commit. Call {@link AgentSnapshots.committed} when they are.
   *
   * @param isLast - Whether results that are counted may be gone after the commit: the statistics are written whole.
   */
  changed(fleet: FleetSnapshot, isLast: boolean): StoredAgent[] {
    const agents: StoredAgent[] = [];
    if (fleet.context !== this.#fleetContext) agents.push(persist('fleet', fleetMachine, fleet));
    const statistics = this.#statistics().checkpoint(isLast);
    if (statistics !== null) agents.push(checkpointOf(statistics));
    this.#offeredCoordinator = this.#coordinatorContext;
    const coordinator = snapshotOf(fleet, 'coordinator');
    const context = coordinator?.context as CoordinatorContext | undefined;
    if (
      context !== undefined &&
      context !== this.#coordinatorContext &&
      (isLast || statistics !== null || saysMore(context, this.#coordinatorContext))
    ) {
      agents.push(persist('coordinator', coordinatorMachine, coordinator!));
      this.#offeredCoordinator = context;
    }
    const autoscaler = snapshotOf(fleet, 'autoscaler');
    if (autoscaler && autoscaler.context !== this.#autoscalerContext) {
      agents.push(persist('autoscaler', autoscalerMachine, autoscaler));
    }
    this.#offeredAutoscaler = autoscaler?.context ?? null;
    this.#offeredSlots = [...this.#changedSlots];
    // What changes while the store writes is a change for the next commit.
    this.#changedSlots.clear();
    for (const slot of this.#offeredSlots) {
      const worker = snapshotOf(fleet, slot);
      if (worker) agents.push(this.#persistWorker(slot, worker));
    }
    return agents;
  }

  /** XState's copies of copies are 1,400 bytes, and there is a worker for each task where each takes one. */
  #persistWorker(slot: string, worker: AnyMachineSnapshot): StoredAgent {
    const { status, value, context } = worker as unknown as PersistedParts;
    let pattern = this.#workers.get(value);
    if (pattern === undefined || status !== 'active') {
      pattern = persist(slot, workerMachine, worker);
      if (status === 'active') this.#workers.set(value, pattern);
    }
    const { machine, schemaVersion, snapshot } = pattern;
    return { id: slot, machine, schemaVersion, snapshot: { ...(snapshot as object), context } as Json };
  }

  committed(fleet: FleetSnapshot): void {
    this.#fleetContext = fleet.context;
    this.#coordinatorContext = this.#offeredCoordinator;
    this.#autoscalerContext = this.#offeredAutoscaler;
    this.#statistics().committed();
    this.#offeredSlots = [];
  }

  /** The store does not have them: they are changes still. */
  refused(): void {
    this.#statistics().refused();
    for (const slot of this.#offeredSlots) this.#changedSlots.add(slot);
    this.#offeredSlots = [];
  }
}

/** What the agents of a store are spawned with, and what is counted beside them. */
export interface RestoredAgents {
  readonly recovered: Recovered;
  readonly statistics: ResultStatistics;
}

/**
 * Reads the agents of a store back: brought to the version of today, and never half trusted.
 *
 * @throws {StoreVersionError} for snapshots of a later version. @throws {CorruptStoreError} for those that do not fit.
 */
export function restoreAgents(
  location: string,
  agents: readonly StoredAgent[],
  migrations: SnapshotMigrations = agentMigrations
): RestoredAgents {
  let fleet: Recovered['fleet'] = null;
  let coordinator: CoordinatorContext | null = null;
  let autoscaler: RestoredAutoscaler | null = null;
  const workers = new Map<string, WorkerContext>();
  const statistics = new ResultStatistics();
  for (const agent of agents) {
    const snapshot = migratedSnapshot(location, agent, migrations);
    try {
      assertObject('snapshot', snapshot);
      const { value, context } = snapshot;
      switch (agent.machine) {
        case fleetMachine.id:
          assertStates('snapshot.value', value, fleetMachine.states);
          assertFleetContext('snapshot.context', context);
          fleet = context;
          break;
        case coordinatorMachine.id:
          assertStates('snapshot.value', value, coordinatorMachine.states);
          assertCoordinatorContext('snapshot.context', context);
          coordinator = context;
          break;
        case autoscalerMachine.id:
          assertAutoscalerContext('snapshot.context', context);
          autoscaler = { manual: context.manual, direction: context.direction };
          break;
        case workerMachine.id:
          assertOneOf('snapshot.value', value, Object.keys(workerMachine.states));
          assertWorkerContext('snapshot.context', context, agent.id);
          workers.set(agent.id, context);
          break;
        case statisticsAgent:
          statistics.restore('snapshot', snapshot);
      }
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      throw new CorruptStoreError(location, `of agent ${agent.id}, ${error.message}`, { cause: error });
    }
  }
  const recovered = { fleet, coordinator, autoscaler, workers: Object.fromEntries(workers) };
  return { recovered, statistics };
}

/** @param regions - Of a parallel machine: the value names a state of each. */
function assertStates(
  path: string,
  value: unknown,
  regions: Readonly<Record<string, { readonly states: object }>>
): asserts value is Readonly<Record<string, string>> {
  assertObject(path, value);
  for (const [region, { states }] of Object.entries(regions)) {
    assertOneOf(`${path}.${region}`, value[region], Object.keys(states));
  }
}

/** Whether it says what no result does. Its sums may be a checkpoint behind: the start adds the results since. */
function saysMore(context: CoordinatorContext, stored: CoordinatorContext | null): boolean {
  return (
    stored === null ||
    context.clearedSeq !== stored.clearedSeq ||
    context.removedSeq !== stored.removedSeq ||
    context.degradedAt !== stored.degradedAt
  );
}

interface PersistedParts {
  readonly status: string;
  readonly value: unknown;
  readonly context: Json;
}

type Persistable = Pick<typeof fleetMachine, 'id'> & { getPersistedSnapshot(snapshot: never): unknown };

/** Children have rows of their own: with them, a fleet of 1,000 workers takes 10 ms instead of 4 us. */
function persist(id: string, machine: Persistable, snapshot: AnyMachineSnapshot): StoredAgent {
  // XState looks at what they inherit too: at what a handler has added to `Object.prototype`.
  const childless = { ...snapshot, children: Object.create(null) as object };
  return {
    id,
    machine: machine.id,
    schemaVersion: snapshotVersionOf(machine.id),
    snapshot: machine.getPersistedSnapshot(childless as never) as Json
  };
}

function checkpointOf(snapshot: Json): StoredAgent {
  const schemaVersion = snapshotVersionOf(statisticsAgent);
  return { id: statisticsAgent, machine: statisticsAgent, schemaVersion, snapshot };
}

function snapshotOf(fleet: FleetSnapshot, id: string): AnyMachineSnapshot | undefined {
  const children = fleet.children as Readonly<Record<string, AnyActorRef | undefined>>;
  return children[id]?.getSnapshot() as AnyMachineSnapshot | undefined;
}
