import type { ActorRefFrom, AnyActorRef } from 'xstate';
import type { CoordinatorEvent, HealthPolicy, ResultsAdded } from '../../machines/coordinatorMachine.ts';
import type { FleetConfig } from '../../machines/fleetConfig.ts';
import type { FleetFact } from '../../machines/fleetFact.ts';
import type { FleetEvent, FleetRef } from '../../machines/fleetMachine.ts';
import { noTags } from '../../machines/tags.ts';
import {
  reportOf,
  type WorkerEvent,
  type workerMachine,
  type WorkerReport,
  type WorkerSpawn
} from '../../machines/workerMachine.ts';
import type { Clock } from '../clock.ts';
import type { ActiveClock } from '../journal/activeClock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { isHolding, workDoneOf, type Place } from '../ledger/roster.ts';
import type { Turn } from '../turn/turn.ts';
import { addedResults } from './addedResults.ts';

/** How long the place of a worker that could not be made stays empty, ms of active time. */
const brokenWorkerPauseMs = 1_000;

export interface AgentMessagesOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly active: ActiveClock;
  /** Whether a worker is nothing but an id: the one that follows is there at once. */
  readonly workersAreIds: boolean;
  /** Whether facts about workers are wanted. */
  readonly hasWorkerListeners: () => boolean;
  readonly fleet: () => FleetRef;
  /** Takes in what a worker would have said of itself. */
  readonly record: (report: WorkerReport) => void;
}

/** Successes of which the coordinator hears at once, while turn follows upon turn. */
const bundledSuccesses = 1_000;

/** What passes between the turns and the agents: the workers' reports, and what a committed turn means for them. */
export class AgentMessages {
  readonly #options: AgentMessagesOptions;
  readonly #ledger: Ledger;
  /** The config that the workers were told of; `null` before the first turn. */
  #appliedConfig: FleetConfig | null = null;
  /** Workers of refused turns, which may have changed all the same: an outcome is taken in once. */
  readonly #untold = new Set<string>();
  /** Workers that may have taken their last task before they were told so: by id, their slots. */
  readonly #spent = new Map<string, string>();
  /** Results that the coordinator has not heard of, in sums; `null`: there are none. */
  #untoldResults: ResultsAdded | null = null;

  constructor(options: AgentMessagesOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
  }

  /** Takes in what a worker said of itself. */
  record(report: WorkerReport): void {
    this.#ledger.roster.record(report);
    // Told with the next turn: it reports in the middle of a step of the fleet, and would be made to step within it.
    if (report.type === 'worker.offering') this.#spent.set(report.workerId, report.slot);
    if (report.type === 'worker.withdrawn') this.#endIfIdle(report);
    // One that an earlier process of the fleet left running holds something when it comes.
    if (report.type === 'worker.ready' && isHeldBy(this.#ledger.roster.get(report.workerId)))
      this.#untold.add(report.workerId);
    if (report.type === 'worker.broken') {
      const pausedUntil = this.#options.active.now() + brokenWorkerPauseMs;
      this.#ledger.workerDeadlines.set(report.slot, pausedUntil);
    }
  }

  /** The turn was refused; what its inputs changed at once stays changed. */
  undone(turn: Turn): void {
    for (const workerId of turn.workers.keys()) this.#untold.add(workerId);
  }

  /**
   * A worker hears when it becomes busy and when it is idle again, not of each task in between.
   *
   * @returns What to tell of those that were replaced at once, which do not report it: a turn may replace hundreds. Nothing
   * where nobody listens.
   */
  tellWorkers(turn: Turn): readonly FleetFact[] {
    const facts: FleetFact[] = [];
    const successor = this.#successor();
    for (const workerId of this.#untold) turn.worker(workerId);
    this.#untold.clear();
    for (const [workerId, { completed, failed }] of turn.workers) {
      const place = this.#ledger.roster.get(workerId);
      if (place === undefined) continue;
      place.completed += completed;
      place.failed += failed;
      const isBusy = isHolding(place);
      if (isBusy === place.isBusy) continue;
      place.isBusy = isBusy;
      if (isBusy) this.#tell(place.slot, { type: 'attempts.begun' });
      else if (successor === null || !isSpent(place)) this.#tellEnd(place);
      else this.#replace(place, successor, facts);
    }
    for (const workerId of turn.wedgedWorkers) {
      const place = this.#ledger.roster.get(workerId);
      if (place) this.tellWorker(place.slot, { type: 'worker.retire' });
    }
    for (const [workerId, slot] of this.#spent) this.#retireIfSpent(workerId, slot);
    this.#spent.clear();
    return facts;
  }

  tellWorker(slot: string, event: WorkerEvent): void {
    this.#tell(slot, event);
  }

  /**
   * The coordinator hears in sums: at once of what may change how it sees the health of the fleet, and of the rest in
   * bundles. While turn follows upon turn, and each is of few results, to hear of each took a tenth of all.
   */
  tellCoordinator(turn: Turn): void {
    if (turn.results.length === 0) return;
    this.#untoldResults = addedResults(this.#untoldResults, turn);
    const { failureCount, successCount, health } = this.#untoldResults;
    const isNews = failureCount > 0 || !this.#isSteady(health);
    if (isNews || successCount >= bundledSuccesses) this.tellResults();
  }

  /** Tells the coordinator what it has not heard yet: somebody asks it, or the turns rest. */
  tellResults(): void {
    const added = this.#untoldResults;
    this.#untoldResults = null;
    if (added !== null) this.#tell('coordinator', { type: 'results.added', ...added });
  }

  /** Results from outside that were cleared are gone from the store. */
  tellRemoved(upToSettledSeq: number): void {
    this.#tell('coordinator', { type: 'results.removed', upToSettledSeq });
  }

  /**
   * Has the workers spawned, started and drained that the config asks for, and those made again that could not be.
   * Between turns, when no claim is under way that a stopping worker would have to take.
   *
   * @param spare - Slots that are drained before any other, if some have to be.
   */
  adjustWorkers(config: FleetConfig, spare: readonly string[]): void {
    const isChanged = this.#appliedConfig !== config;
    this.#appliedConfig = config;
    const broken = this.#ledger.workerDeadlines.takeDue(this.#options.active.now());
    if (isChanged || broken.length > 0) {
      this.#options.fleet().send({ type: 'workers.adjust', spare } satisfies FleetEvent);
    }
  }

  /** Whether no success can change the health: it is good, and known well enough. */
  #isSteady({ minResults }: HealthPolicy): boolean {
    const coordinator = this.#options.fleet().getSnapshot().children.coordinator?.getSnapshot().context;
    return coordinator?.degradedAt === null && coordinator.recent.length >= minResults;
  }

  /** A worker that had taken its last task before it was told so hears of no end that would replace it. */
  #retireIfSpent(workerId: string, slot: string): void {
    const place = this.#ledger.roster.get(workerId);
    if (place === undefined || isHolding(place) || !isSpent(place)) return;
    this.#tell(slot, { type: 'worker.retire' });
  }

  /** An unresponsive worker that is drained may hold nothing: then it would wait for an end that never comes. */
  #endIfIdle({ workerId }: WorkerReport): void {
    const place = this.#ledger.roster.get(workerId);
    if (place !== undefined && !place.isBusy) this.#tellEnd(place);
  }

  #tellEnd(place: Place): void {
    this.#tell(place.slot, { type: 'attempts.ended', ...workDoneOf(place) });
  }

  /** What follows a worker that has taken its last task; `null`: it has to be made. */
  #successor(): WorkerSpawn | null {
    const { workersAreIds, clock } = this.#options;
    return workersAreIds ? { at: clock.now(), tags: noTags } : null;
  }

  /** Tells a worker that it has taken its last task. Unless it was to stop anyway, its slot has the next one then. */
  #replace(place: Place, successor: WorkerSpawn, facts: FleetFact[]): void {
    const worker = this.#agent(place.slot) as ActorRefFrom<typeof workerMachine> | undefined;
    if (worker === undefined) return;
    const before = worker.getSnapshot().context;
    worker.send({ type: 'attempts.ended', ...workDoneOf(place), successor });
    const after = worker.getSnapshot().context;
    if (after.incarnation === before.incarnation) return;
    const stopped = reportOf(before, 'worker.stopped');
    const ready = reportOf(after, 'worker.ready');
    this.#options.record(stopped);
    this.#options.record(ready);
    if (!this.#options.hasWorkerListeners()) return;
    facts.push(
      { type: 'worker.stopped', workerId: stopped.workerId },
      { type: 'worker.spawned', workerId: ready.workerId }
    );
  }

  #tell(id: string, event: WorkerEvent | CoordinatorEvent): void {
    this.#agent(id)?.send(event);
  }

  #agent(id: string): AnyActorRef | undefined {
    const { children } = this.#options.fleet().getSnapshot();
    return (children as Readonly<Record<string, AnyActorRef | undefined>>)[id];
  }
}

function isHeldBy(place: Place | undefined): boolean {
  return place !== undefined && isHolding(place);
}

/** Whether a worker has taken its last task. */
function isSpent({ taken, tasksPerWorker }: Place): boolean {
  return taken >= tasksPerWorker;
}
