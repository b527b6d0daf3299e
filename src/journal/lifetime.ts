import { problemOf } from '../../machines/problem.ts';
import type { FleetEvent, Recovered } from '../../machines/fleetMachine.ts';
import { type FencedError, NotRunningError } from '../errors.ts';
import type { Executor, ExecutorReports } from '../executor.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoredFleet } from '../store.ts';
import { Ownership, type OwnershipOptions } from './ownership.ts';
import type { Removals } from './removals.ts';

export interface LifetimeOptions extends Omit<OwnershipOptions, 'onLost' | 'tell'> {
  readonly executor: Executor;
  readonly ledger: Ledger;
  readonly removals: Removals;
  /** Makes what the executor tells from its start on. */
  readonly reports: () => ExecutorReports;
  /** Takes up what an earlier process left. */
  readonly load: (stored: StoredFleet) => Promise<Recovered>;
  /** Writes what the store is to have before it is given up. */
  readonly writeLast: () => Promise<void>;
  /** Tells the fleet's actor, which hears it while it is active. */
  readonly send: (event: FleetEvent) => void;
}

/** The life of a fleet in this process: how it is opened, what ends it, and what is left to wait for then. */
export class Lifetime {
  /** What made {@link Lifetime.standBy} or {@link Lifetime.recover} fail, or ended what they had begun. */
  startError: unknown = null;
  /** Why this process owns the fleet no more; `null`: it does, or gave it up. */
  fenced: FencedError | null = null;
  readonly #options: LifetimeOptions;
  readonly #ownership: Ownership;
  #isHalted = false;
  /** Until the fleet has recovered, or has given up what it had taken for that; never rejects. */
  #recovering: Promise<unknown> = Promise.resolve();
  /** Until what an earlier process left is loaded, or is not to be any more; never rejects. */
  #loading: Promise<unknown> = Promise.resolve();
  /** Until nothing is left of it; never rejects. */
  #halting: Promise<unknown> = Promise.resolve();

  constructor(options: LifetimeOptions) {
    this.#options = options;
    this.#ownership = new Ownership({
      ...options,
      onLost: (error) => this.lose(error),
      tell: (fact) => options.send({ type: 'facts.released', facts: [fact] })
    });
  }

  /** The actor has ended, or is about to: nothing leaves any more. */
  get isHalted(): boolean {
    return this.#isHalted;
  }

  /** @throws {NotRunningError} once it is halted. */
  assertWanted(): void {
    if (this.#isHalted) throw new NotRunningError(this.#options.scope, 'start', 'stopped');
  }

  /** Waits until no other process owns the fleet, and takes it. @param signal - Aborted when the fleet stops. */
  async standBy(signal: AbortSignal): Promise<void> {
    try {
      await this.#ownership.standBy(signal);
    } catch (error) {
      this.startError = error;
      throw error;
    }
  }

  /** Starts the executor, opens the store and loads what is in it. What fails leaves neither open. */
  recover(): Promise<Recovered> {
    const recovering = this.#recover();
    this.#recovering = recovering.catch(() => {});
    return recovering;
  }

  /** Ends the executor, has the last things written and gives the store up. */
  async close(): Promise<void> {
    const { executor, removals, writeLast } = this.#options;
    this.#isHalted = true;
    await Promise.all([executor.stop(), removals.stop()]);
    // A store that is only being opened is not waited for: it is given up as soon as it is open.
    await this.#loading;
    try {
      // Its parent may have stopped the actor meanwhile: then the store is given up already.
      if (this.#ownership.isHeld) await writeLast();
    } finally {
      await this.#ownership.release();
    }
  }

  /** Ends what is left when the fleet's actor ended, be it that its parent stopped it. @returns Why, for who still waits. */
  halt(): Error {
    const { scope, executor, removals } = this.#options;
    this.#isHalted = true;
    removals.halt();
    // It is too late to tell anybody that the store could not be released; its lock ends with the process.
    this.#halting = Promise.allSettled([this.#recovering, executor.stop(), this.#ownership.release()]);
    return this.fenced ?? new NotRunningError(scope, 'what was waited for', 'stopped');
  }

  /** Resolves when nothing of it is under way any more that may disturb the next one, after it was halted. */
  async ended(): Promise<void> {
    await this.#halting;
  }

  /**
   * Another process owns the fleet, or may: nothing is written or told any more, and the actor ends. Its handlers are
   * aborted; those elsewhere are the new owner's.
   */
  lose(error: FencedError): void {
    if (this.#isHalted) return;
    this.#isHalted = true;
    this.fenced = error;
    this.startError = error;
    const { executor, ledger, send } = this.#options;
    if (executor.isRemote !== true) {
      const cause = { kind: 'stopped', message: error.message } as const;
      for (const { attempts } of ledger.roster.all()) {
        for (const attempt of attempts) executor.abort(attempt, cause);
      }
    }
    // The actor's end halts what is left, and tells who waits.
    send({ type: 'ownership.lost', problem: problemOf(error) });
  }

  async #recover(): Promise<Recovered> {
    const { executor, reports, load } = this.#options;
    try {
      await executor.start(reports());
      this.assertWanted();
      const stored = await this.#ownership.take();
      this.assertWanted();
      const loading = load(stored);
      this.#loading = loading.catch(() => {});
      return await loading;
    } catch (error) {
      this.startError = error;
      await executor.stop();
      await this.#ownership.release();
      throw error;
    }
  }
}
