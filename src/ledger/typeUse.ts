import type { FleetConfig, StartRate, TypeLimit } from '../../machines/fleetConfig.ts';

type TypeLimits = FleetConfig['typeLimits'];

/**
 * What each task type uses of its limits: handlers that run, and starts within the interval of its rate.
 *
 * Times are active ones: while the process stands still none passes, and the wall clock may be set at will. So an
 * interval here is never shorter than a real one.
 */
export class TypeUse {
  /** Attempts that are held, or over while their handler still runs. Derived from the rows, like the roster. */
  readonly #running = new Map<string, number>();
  readonly #starts = new Map<string, StartLog>();
  #limits: TypeLimits = {};
  /** Up to here an earlier process may have used up any rate. */
  #usedUpAt = -Infinity;

  /** An earlier process may have started anything up to this time: every rate counts as used up then. */
  useUp(activeAt: number): void {
    this.#usedUpAt = activeAt;
  }

  /** Takes limits over. Starts are counted from when their type first has a rate. */
  configure(limits: TypeLimits): void {
    if (limits === this.#limits) return;
    this.#limits = limits;
    for (const type of this.#starts.keys())
      if (limitOf(limits, type)?.rate === undefined) this.#starts.delete(type);
    for (const [type, { rate }] of Object.entries(limits)) {
      if (rate === undefined) continue;
      const log = this.#starts.get(type);
      if (log === undefined) this.#starts.set(type, new StartLog(rate, this.#usedUpAt));
      else log.setRate(rate);
    }
  }

  /** How many handlers of the type run, or are about to. */
  running(type: string): number {
    return this.#running.get(type) ?? 0;
  }

  /** A handler of the type runs, or is about to. */
  begin(type: string): void {
    this.#running.set(type, this.running(type) + 1);
  }

  /** It does no more. */
  end(type: string): void {
    const left = this.running(type) - 1;
    if (left === 0) this.#running.delete(type);
    else this.#running.set(type, left);
  }

  /** Whether another task of the type may be claimed. */
  isOpen(type: string, activeNow: number): boolean {
    if (this.running(type) >= this.#concurrencyOf(type)) return false;
    const log = this.#starts.get(type);
    return log === undefined || log.freeAt <= activeNow;
  }

  /** How many more handlers of the type may run at once; 0 while its rate is used up. */
  room(type: string, activeNow: number): number {
    return this.isOpen(type, activeNow) ? this.#concurrencyOf(type) - this.running(type) : 0;
  }

  /** A task of the type is to be started once its claim is committed. */
  claim(type: string): void {
    const log = this.#starts.get(type);
    if (log !== undefined) log.claimed += 1;
  }

  /** It is started: its interval begins now, not when it was claimed. */
  start(type: string, activeNow: number): void {
    this.#starts.get(type)?.record(activeNow);
  }

  /** The turn was not committed. */
  forgetClaims(): void {
    for (const log of this.#starts.values()) log.claimed = 0;
  }

  /**
   * When a type that a turn passed over for its rate may be started, in active time; Infinity when there is none.
   *
   * @param turnAt - Active time of the turn.
   * @param isQueued - Whether tasks of a type wait.
   */
  nextStartAt(turnAt: number, isQueued: (type: string) => boolean): number {
    let next = Infinity;
    for (const [type, { freeAt }] of this.#starts) {
      if (freeAt > turnAt && freeAt < next && isQueued(type)) next = freeAt;
    }
    return next;
  }

  #concurrencyOf(type: string): number {
    return limitOf(this.#limits, type)?.concurrency ?? Infinity;
  }
}

/** The limits come from JSON: a type may have any name. */
function limitOf(limits: TypeLimits, type: string): TypeLimit | undefined {
  return Object.hasOwn(limits, type) ? limits[type] : undefined;
}

/** The last starts of a type, as many as its rate allows in an interval: a sliding window. */
class StartLog {
  /** Tasks that were claimed and are not started yet. */
  claimed = 0;
  #intervalMs: number;
  /** A ring: the oldest start is overwritten next. */
  #times: Float64Array;
  #oldest = 0;

  /** @param usedUpAt - All that the rate allows counts as started then. */
  constructor({ limit, intervalMs }: StartRate, usedUpAt: number) {
    this.#intervalMs = intervalMs;
    this.#times = new Float64Array(limit).fill(usedUpAt);
  }

  /** When one more than were claimed may start. */
  get freeAt(): number {
    const { length } = this.#times;
    if (this.claimed >= length) return Infinity;
    return this.#times[(this.#oldest + this.claimed) % length]! + this.#intervalMs;
  }

  record(activeNow: number): void {
    this.claimed -= 1;
    this.#times[this.#oldest] = activeNow;
    this.#oldest = (this.#oldest + 1) % this.#times.length;
  }

  /** Keeps the starts that the new window may hold, as far as they are known. */
  setRate({ limit, intervalMs }: StartRate): void {
    this.#intervalMs = intervalMs;
    if (limit === this.#times.length) return;
    const known = [...this.#times.subarray(this.#oldest), ...this.#times.subarray(0, this.#oldest)].slice(
      -limit
    );
    this.#times = new Float64Array(limit).fill(-Infinity);
    this.#times.set(known, limit - known.length);
    this.#oldest = 0;
  }
}
