import TinyQueue from 'tinyqueue';
import { systemClock, type Clock } from '../clock.ts';
import { assertPromise } from '../validation/validation.ts';

interface Alarm {
  /** Monotonic ms. */
  readonly at: number;
  readonly order: number;
  /** `null`: disposed of. */
  callback: (() => void) | null;
}

/** Macrotasks after which something that has still not come to rest never will. */
const maxRounds = 1_000_000;

/**
 * Simulated time: it stands still until it is advanced, and jumps from alarm to alarm.
 *
 * No timer of the machine is in its path. Alarms of one moment ring in the order in which they were set.
 */
export class SimulatedClock implements Clock {
  #monotonic: number;
  /** What the wall clock is ahead of the monotonic one. */
  #ahead = 0;
  #order = 0;
  /** Callbacks of `setSoon` that have not been called yet. */
  #soon = 0;
  #pending = 0;
  #missedMs = 0;
  readonly #onJump = new Set<() => void>();
  /** Real work that time stands still for. */
  readonly #held = new Set<Promise<unknown>>();
  readonly #alarms = new TinyQueue<Alarm>(
    [],
    (left, right) => left.at - right.at || left.order - right.order
  );

  /** @param now - Epoch ms that it begins at. */
  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#monotonic = now;
  }

  now(): number {
    return this.#monotonic + this.#ahead;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setAlarm(callback: () => void, delayMs: number): Disposable {
    const alarm: Alarm = { at: this.#monotonic + delayMs, order: ++this.#order, callback };
    this.#alarms.push(alarm);
    this.#pending += 1;
    return {
      [Symbol.dispose]: () => {
        if (alarm.callback !== null) this.#pending -= 1;
        alarm.callback = null;
      }
    };
  }

  /** The same for a machine that the test runs: `createActor(machine, { clock })`. */
  setTimeout(callback: () => void, delayMs: number): Disposable {
    return this.setAlarm(callback, delayMs);
  }

  /** @param timer - What `setTimeout` gave. */
  clearTimeout(timer: Disposable | undefined): void {
    timer?.[Symbol.dispose]();
  }

  /** Alarms that are set and have not rung. */
  get pending(): number {
    return this.#pending;
  }

  setSoon(callback: () => void): void {
    this.#soon += 1;
    systemClock.setSoon(() => {
      this.#soon -= 1;
      callback();
    });
  }

  /** Time stands still until this has settled: for real input and output. @returns The same promise. */
  hold<T>(work: Promise<T>): Promise<T> {
    assertPromise('work', work);
    const release = (): void => void this.#held.delete(work);
    this.#held.add(work);
    work.then(release, release);
    return work;
  }

  /** Goes from alarm to alarm, and lets what each moment sets off come to rest. */
  async advance(ms: number): Promise<void> {
    await this.advanceUntil(() => false, ms);
  }

  /**
   * Advances until something holds, which is looked at whenever everything is at rest.
   *
   * @param holds - May be asked about at any moment, and often.
   * @param ms - Time after which it gives up. It stays at the last alarm where the condition came to hold.
   * @returns Whether it holds.
   */
  async advanceUntil(holds: () => boolean, ms: number): Promise<boolean> {
    const end = this.#monotonic + ms;
    await this.rest();
    while (!holds()) {
      if (!this.#ring(end)) {
        this.#monotonic = Math.max(this.#monotonic, end);
        return holds();
      }
      await this.rest();
    }
    return true;
  }

  /** The event loop did not run for so long: time passes, and alarms come late. */
  async block(ms: number): Promise<void> {
    this.#monotonic += ms;
    this.#missedMs += ms;
    await this.advance(0);
  }

  /** For how long it did not run, in all. */
  get missedMs(): number {
    return this.#missedMs;
  }

  /** Somebody sets the wall clock; monotonic time goes on. @param ms - Negative: back. */
  jump(ms: number): void {
    this.#ahead += ms;
    for (const callback of this.#onJump) callback();
  }

  /** Calls back after each {@link SimulatedClock.jump}. */
  onJump(callback: () => void): Disposable {
    this.#onJump.add(callback);
    return { [Symbol.dispose]: () => void this.#onJump.delete(callback) };
  }

  /**
   * Resolves when nothing is under way: no microtask, no `setSoon` and nothing that is held. What waits for an alarm is
   * at rest.
   */
  async rest(): Promise<void> {
    for (let round = 0; round < maxRounds; round++) {
      if (this.#held.size > 0) await Promise.allSettled(this.#held);
      // All microtasks run before the next macrotask does.
      await new Promise<void>((resolve) => systemClock.setSoon(resolve));
      if (this.#soon === 0 && this.#held.size === 0) return;
    }
    throw new Error(`Something goes round and round without time passing, at ${this.#monotonic}`);
  }

  /** Rings the alarms of the next moment, if it comes by `end`. */
  #ring(end: number): boolean {
    const next = this.#peek();
    if (next === undefined || next.at > end) return false;
    this.#monotonic = Math.max(this.#monotonic, next.at);
    for (let due = this.#peek(); due !== undefined && due.at <= this.#monotonic; due = this.#peek()) {
      const { callback } = this.#alarms.pop()!;
      due.callback = null;
      this.#pending -= 1;
      callback!();
    }
    return true;
  }

  /** The next alarm that was not disposed of. */
  #peek(): Alarm | undefined {
    for (;;) {
      const alarm = this.#alarms.peek();
      if (alarm === undefined || alarm.callback !== null) return alarm;
      this.#alarms.pop();
    }
  }
}
