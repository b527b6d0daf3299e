import type { ActorRefFrom, AnyActorRef } from 'xstate';
import { outcomesOf, type CoordinatorEvent } from '../../machines/coordinatorMachine.ts';
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

/** How long the place of a worker that could not be made stays empty, ms of active time. */
const brokenWorkerPauseMs = 1_000;

export interface AgentMessagesOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly active: ActiveClock;
  /** Whether a worker is nothing but an id: the one that follows is there at once. */
  readonly workersAreIds: boolean;
  readonly fleet: () => FleetRef;
  /** Takes in what a worker would have said of itself. */
  readonly record: (report: WorkerReport) => void;
}

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
   * @returns What to tell of those that were replaced at once, which do not report it: a turn may replace hundreds.
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

  /** The coordinator hears once per turn, in sums. */
  tellCoordinator({ results, context: { config, at } }: Turn): void {
    if (results.length === 0) return;
    let successCount = 0;
    let totalDuration = 0;
    let oldestResult = Infinity;
    let newestResult = -Infinity;
    for (const { success, duration, timestamp } of results) {
      if (success) successCount += 1;
      totalDuration += duration;
      oldestResult = Math.min(oldestResult, timestamp);
      newestResult = Math.max(newestResult, timestamp);
    }
    this.#tell('coordinator', {
      type: 'results.added',
      successCount,
      failureCount: results.length - successCount,
      totalDuration,
      oldestResult,
      newestResult,
      settledSeq: results.at(-1)!.settledSeq,
      outcomes: outcomesOf(results),
      health: config.health,
      at
    });
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

/** Whether a worker has taken its last task. */
function isSpent({ taken, tasksPerWorker }: Place): boolean {
  return taken >= tasksPerWorker;
}
