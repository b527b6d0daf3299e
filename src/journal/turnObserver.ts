import type { BatchEvent } from '../../machines/batchMachine.ts';
import type { ScheduleEvent } from '../../machines/scheduleMachine.ts';
import type { TaskEvent } from '../../machines/taskMachine.ts';
import type { BatchRow, LedgerHead, ScheduleRow, TaskRow } from '../store.ts';
import type { TurnInput } from '../turn/turnInput.ts';
import { warnOf } from '../validation/warning.ts';

/** One row that a turn made or stepped. */
export type RowStep =
  | Step<'task', TaskRow, TaskEvent>
  | Step<'batch', BatchRow, BatchEvent>
  | Step<'schedule', ScheduleRow, ScheduleEvent>;

interface Step<TKind extends string, TRow, TEvent> {
  readonly kind: TKind;
  /** What its machine was given; `null`: the row was made, and `after` is its machine's initial state. */
  readonly event: TEvent | null;
  /** `null` where the row was made. */
  readonly before: TRow | null;
  readonly after: TRow;
}

/** A turn that is durable. */
export interface ObservedTurn {
  /** Its number, and the totals that it left behind. */
  readonly head: LedgerHead;
  /** Epoch ms: the time that it took for now. */
  readonly at: number;
  /** How long the store took, ms. */
  readonly commitMs: number;
  readonly inputs: readonly TurnInput[];
  /** In the order in which they were made. A row may be stepped several times. */
  readonly steps: readonly RowStep[];
}

/** Follows the rows of a fleet, step by step. */
export interface TurnObserver {
  /**
   * Told of each turn that changed or removed a row, after its commit and before its effects leave. What it throws is
   * reported, and disturbs nobody.
   */
  turnCommitted(turn: ObservedTurn): void;
}

/** Who follows the rows of a fleet. While there is nobody, turns keep no steps. */
export class TurnObservers implements TurnObserver {
  /** One for each time that somebody was added, so that an observer that is added twice is removed once. */
  readonly #subscriptions = new Set<{ readonly observer: TurnObserver }>();
  readonly #report: (error: unknown) => void;

  /** @param report - Told what an observer threw. Must not throw. Defaults to a warning of the process. */
  constructor(report: (error: unknown) => void = (error) => warnOf('An observer of turns', error)) {
    this.#report = report;
  }

  get isEmpty(): boolean {
    return this.#subscriptions.size === 0;
  }

  /** From the next turn on, until it is disposed of. */
  add(observer: TurnObserver): Disposable {
    const subscription = { observer };
    this.#subscriptions.add(subscription);
    return { [Symbol.dispose]: () => void this.#subscriptions.delete(subscription) };
  }

  turnCommitted(turn: ObservedTurn): void {
    for (const { observer } of this.#subscriptions) {
      try {
        observer.turnCommitted(turn);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
