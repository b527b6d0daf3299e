import type { Autoscaling } from '../agents/autoscaling.ts';
import type { UnroutableTasks } from '../agents/unroutableTasks.ts';
import type { WorkerHealth } from '../agents/workerHealth.ts';
import type { Clock } from '../clock.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { TurnContext } from '../turn/turnContext.ts';
import type { ActiveClock } from './activeClock.ts';
import type { Removals } from './removals.ts';

/** Longest time between two looks at a wall clock that does not tell when it is set, ms. */
const wallClockLookMs = 60_000;

export interface FleetAlarmOptions {
  readonly clock: Clock;
  readonly active: ActiveClock;
  readonly ledger: Ledger;
  readonly autoscaling: Pick<Autoscaling, 'nextAt'>;
  readonly health: Pick<WorkerHealth, 'nextAt'>;
  readonly unroutable: Pick<UnroutableTasks, 'nextAt'>;
  readonly removals: Pick<Removals, 'nextAt'>;
  /** Has the alarm actor ring after a delay; `null`: not at all. */
  readonly onChanged: (delayMs: number | null) => void;
}

/** The fleet's one alarm: it rings for the earliest of all deadlines. */
export class FleetAlarm {
  readonly #options: FleetAlarmOptions;
  /** Longest time between two looks at the wall clock, ms. */
  readonly #lookMs: number;
  /** When it is to ring, in monotonic ms; `null` when it is not set. */
  #at: number | null = null;
  /** It is only to look at the wall clock. */
  #isLook = false;
  /** What it was set with last. */
  #isFiring = false;
  /** What the wall clock showed then. */
  #setAt = 0;

  constructor(options: FleetAlarmOptions) {
    this.#options = options;
    this.#lookMs = options.clock.onWallClockSet === undefined ? wallClockLookMs : Infinity;
  }

  /**
   * It rang, maybe a little early.
   *
   * @returns Ms after which it is to ring again: it was only to look at the wall clock, which was not set back, and nothing
   * is due. `null`: a turn is to be taken, which sets it again.
   */
  rang(): number | null {
    const wasSetBack = this.#options.clock.now() < this.#setAt;
    const delayMs = this.#isLook && !wasSetBack ? this.#wallClockDelay(this.#isFiring) : 0;
    const isEarly = delayMs > 0 && delayMs < Infinity;
    this.#at = isEarly ? this.#options.clock.monotonic() + delayMs : null;
    return isEarly ? delayMs : null;
  }

  /** Sets it, after a turn. @param isFiring - Whether schedules fire. */
  set(
    { isDispatching, activeNow }: Pick<TurnContext, 'isDispatching' | 'activeNow'>,
    isFiring: boolean
  ): void {
    const { clock, active, onChanged } = this.#options;
    const activeAt = this.#activeAt(isDispatching, activeNow);
    active.watch(activeAt < Infinity);
    const delayMs = Math.max(0, Math.min(this.#wallClockDelay(isFiring), activeAt - active.now()));
    const monotonicNow = clock.monotonic();
    const at = delayMs === Infinity ? null : monotonicNow + delayMs;
    this.#isFiring = isFiring;
    this.#setAt = clock.now();
    this.#isLook = activeAt === Infinity;
    const stands = this.#at !== null && this.#at > monotonicNow;
    if (at === null ? !stands : stands && this.#at! <= at) return;
    this.#at = at;
    onChanged(at === null ? null : delayMs);
  }

  /** The earliest deadline in active time. */
  #activeAt(isDispatching: boolean, activeNow: number): number {
    const { ledger, autoscaling, health, unroutable } = this.#options;
    const { attemptDeadlines, lingerDeadlines, workerDeadlines, typeUse, queue } = ledger;
    return Math.min(
      attemptDeadlines.nextAt ?? Infinity,
      lingerDeadlines.nextAt ?? Infinity,
      workerDeadlines.nextAt ?? Infinity,
      isDispatching ? typeUse.nextStartAt(activeNow, (type) => queue.hasType(type)) : Infinity,
      autoscaling.nextAt ?? Infinity,
      health.nextAt ?? Infinity,
      unroutable.nextAt ?? Infinity
    );
  }

  /** Time until the earliest deadline of the wall clock is to be looked at. */
  #wallClockDelay(isFiring: boolean): number {
    const { clock, ledger, removals } = this.#options;
    const { due, schedules } = ledger;
    const firesAt = isFiring ? schedules.nextAt : undefined;
    const dueAt = Math.min(due.nextAt ?? Infinity, firesAt ?? Infinity);
    const { nextAt: lookAt } = removals;
    return Math.min(
      lookAt === undefined ? Infinity : lookAt - clock.now(),
      dueAt === Infinity ? Infinity : Math.min(dueAt - clock.now(), this.#lookMs)
    );
  }
}
