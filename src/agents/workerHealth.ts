import type { FleetConfig } from '../../machines/fleetConfig.ts';
import type { AttemptRef } from '../../machines/task.ts';
import type { WorkerEvent, WorkerReport } from '../../machines/workerMachine.ts';
import type { Clock } from '../clock.ts';
import type { Executor } from '../executor.ts';
import type { ActiveClock } from '../journal/activeClock.ts';
import { Deadlines } from '../ledger/deadlines.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { workDoneOf, type Place } from '../ledger/roster.ts';
import type { TurnInput } from '../turn/turnInput.ts';

export interface WorkerHealthOptions {
  readonly executor: Executor;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly active: ActiveClock;
  readonly tell: (slot: string, event: WorkerEvent) => void;
  /** Puts an input into the next turn. */
  readonly collect: (input: TurnInput) => void;
}

type HeartbeatConfig = Pick<FleetConfig, 'heartbeatMs' | 'heartbeatTimeoutMs'>;

/**
 * Finds the workers that died, left or went silent, and gives what they held back to the queue.
 *
 * Each is asked for a heartbeat every `heartbeatMs`. What counts is how long it has owed the answer, in active
 * time: no pause of this process, of the machine or of the store is held against it. From `2 * heartbeatMs` on it
 * is unresponsive, from `heartbeatTimeoutMs` on lost. An unresponsive worker is lost at once when the time of an
 * attempt in it is over: an abort does not reach the handler. Not a remote one, which nothing can replace: the others of its
 * attempts go on.
 */
export class WorkerHealth {
  readonly #options: WorkerHealthOptions;
  /** When to look at each worker again, in active time. */
  readonly #looks = new Deadlines<string>();
  readonly #unresponsive = new Set<Place>();

  constructor(options: WorkerHealthOptions) {
    this.#options = options;
  }

  /** When to look again, in active time; `undefined`: no worker is judged by heartbeats. */
  get nextAt(): number | undefined {
    return this.#looks.nextAt;
  }

  /** Takes in what a worker said of itself; the roster has it already. */
  record({ type, workerId }: WorkerReport): void {
    if (this.#options.executor.probe === undefined) return;
    const place = this.#options.ledger.roster.get(workerId);
    if (place === undefined) return this.#looks.delete(workerId);
    if (type !== 'worker.ready' && type !== 'worker.offering' && type !== 'worker.unfit') return;
    // One that is wanted again while it is silent is told so anew.
    place.isUnresponsive = false;
    this.#looks.set(workerId, this.#options.active.now());
  }

  /** Has all workers that hold something asked: those that an earlier process of the fleet left behind may be gone. */
  watchAll(): void {
    const { ledger, active } = this.#options;
    for (const { workerId } of ledger.roster.all()) this.#looks.set(workerId, active.now());
  }

  heard(workerId: string): void {
    const { ledger, clock, active, tell } = this.#options;
    const place = ledger.roster.get(workerId);
    if (place === undefined) return;
    place.lastHeartbeatAt = clock.now();
    place.askedAt = null;
    if (!place.isUnresponsive) return;
    place.isUnresponsive = false;
    this.#unresponsive.delete(place);
    this.#looks.set(workerId, active.now());
    tell(place.slot, { type: 'heartbeat.heard', isBusy: place.isBusy });
  }

  /** Asks whose turn it is, and judges who has not answered. Between turns: no claim is under way. */
  look(config: HeartbeatConfig): void {
    const { ledger, active } = this.#options;
    const now = active.now();
    for (const workerId of this.#looks.takeDue(now)) {
      const place = ledger.roster.get(workerId);
      if (place !== undefined) this.#examine(place, now, config);
    }
    for (const place of this.#unresponsive) {
      if (ledger.roster.get(place.workerId) !== place) this.#unresponsive.delete(place);
      else if (!this.#isRemote && this.#hasOverdue(place)) this.#loseSilent(place, now);
    }
  }

  /**
   * A worker is gone: what it held is queued again, and another one takes its place, unless it is remote.
   *
   * @param slot - The place of a remote one, if it had one: one that has not taken it yet never does.
   */
  lose(workerId: string, reason: string, slot?: string): void {
    const place = this.#options.ledger.roster.get(workerId);
    if (place !== undefined) {
      this.#end(place, place.slot, [{ type: 'worker.died', problem: reason, ...workDoneOf(place) }], reason);
    } else if (slot !== undefined) {
      this.#options.tell(slot, { type: 'worker.drain' });
    }
  }

  /** A remote worker has ended as it was asked to: what it still held is queued again. @param slot - Its place, if it had one. */
  leave(workerId: string, slot: string | undefined): void {
    const place = this.#options.ledger.roster.get(workerId);
    if (place !== undefined) {
      const reason = `Worker ${workerId} ended, and had not finished it`;
      const ended: WorkerEvent = { type: 'attempts.ended', ...workDoneOf(place) };
      this.#end(place, slot ?? place.slot, [{ type: 'worker.drain' }, ended], reason);
    } else if (slot !== undefined) {
      this.#options.tell(slot, { type: 'worker.drain' });
    }
  }

  /** @param slot - Whose actor is told with `events`. */
  #end(place: Place, slot: string, events: readonly WorkerEvent[], reason: string): void {
    const { ledger, collect, tell } = this.#options;
    const { workerId } = place;
    this.#looks.delete(workerId);
    this.#unresponsive.delete(place);
    const held: AttemptRef[] = [...place.attempts];
    for (const attempt of ledger.lingering.values()) if (attempt.workerId === workerId) held.push(attempt);
    ledger.roster.setAccepting(workerId, false);
    for (const event of events) tell(slot, event);
    for (const { seq, attempt } of held) collect({ type: 'attempt.lost', seq, attempt, reason });
  }

  #examine(place: Place, now: number, { heartbeatMs, heartbeatTimeoutMs }: HeartbeatConfig): void {
    if (place.askedAt === null) {
      place.askedAt = now;
      this.#looks.set(place.workerId, now + heartbeatMs);
      this.#options.executor.probe!(place.workerId);
      return;
    }
    const silentMs = now - place.askedAt;
    if (silentMs >= heartbeatTimeoutMs) return this.#loseSilent(place, now);
    const isUnresponsive = silentMs >= 2 * heartbeatMs;
    this.#looks.set(place.workerId, place.askedAt + (isUnresponsive ? heartbeatTimeoutMs : 2 * heartbeatMs));
    if (!isUnresponsive || place.isUnresponsive) return;
    place.isUnresponsive = true;
    this.#unresponsive.add(place);
    this.#options.tell(place.slot, { type: 'heartbeat.missed' });
  }

  #loseSilent(place: Place, now: number): void {
    this.lose(
      place.workerId,
      `Worker ${place.workerId} has not answered for ${Math.round(now - place.askedAt!)} ms`
    );
  }

  get #isRemote(): boolean {
    return this.#options.executor.isRemote === true;
  }

  /** Whether the time of an attempt in it is over while its handler still runs. */
  #hasOverdue({ workerId, lingering }: Place): boolean {
    if (lingering.size > 0) return true;
    for (const attempt of this.#options.ledger.givenUp.values())
      if (attempt.workerId === workerId) return true;
    return false;
  }
}
