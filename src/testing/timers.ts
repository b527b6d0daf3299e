import type { Event } from './step.ts';

/** An event that a machine has sent itself for later. */
export interface Timer {
  /** What it is cancelled by; `null`: it cannot be. */
  readonly id: string | null;
  /** When it is due, ms after the machine began. */
  readonly at: number;
  readonly event: Event;
}

/** Adds a timer in place of one with the same id. What is due first comes first; of one moment, what was set first. */
export function withTimer(timers: readonly Timer[], timer: Timer): readonly Timer[] {
  return [...withoutTimer(timers, timer.id), timer].sort((left, right) => left.at - right.at);
}

export function withoutTimer(timers: readonly Timer[], id: string | null): readonly Timer[] {
  return id === null ? timers : timers.filter((timer) => timer.id !== id);
}
